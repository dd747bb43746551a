"""Time and memory of the default recipe on a stack of the EPFL size.

    python benchmarks/speed.py [--data ../shared/data] [--repeats 5]

Tiles real EM up to 165×768×1024 voxels, segments it from file to files with the
command line, and prints wall time and peak resident memory.  Then times the default
network against the plain 32-filter 2D U-Net on the same 768×1024 pixels, alternating
in one process, and prints the ratio of the medians.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile
import torch

from napari_mitoseg.models.architectures import architectures
from napari_mitoseg.models.base import Network
from napari_mitoseg.models.zoo import load_model

SHAPE = (165, 768, 1024)
SPACING = "40,5.9,5.9"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=_data_folder())
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    whole_run(options.data / "sbem_brain" / "image.tif")
    network_ratio(options.repeats)


def whole_run(source: Path) -> None:
    """Segment a stack of the EPFL size in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        stack = Path(folder) / "stack.tif"
        tifffile.imwrite(stack, tiled_up(tifffile.imread(source)), compression="zlib")
        out = Path(folder) / "out"
        command = [sys.executable, "-m", "napari_mitoseg", "segment", str(stack)]
        start = time.perf_counter()
        subprocess.run(
            [*command, "--spacing", SPACING, "--out", str(out), "--device", "cpu"],
            check=True,
        )
        wall = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(f"{'×'.join(map(str, SHAPE))} uint8, file to files, CPU")
    print(f"  wall time             {wall:8.1f} s   (at most 90)")
    print(f"  peak resident memory  {peak:8.2f} GB  (at most 2.5)")


def tiled_up(stack: np.ndarray) -> np.ndarray:
    """Repeat a stack, mirrored every other time, up to the EPFL size."""
    mirrored = np.concatenate([stack, stack[::-1]])
    repeats = [-(-n // m) for n, m in zip(SHAPE, mirrored.shape, strict=True)]
    return np.tile(mirrored, repeats)[tuple(slice(n) for n in SHAPE)]


def network_ratio(repeats: int) -> None:
    """Time the default network against the plain 2D U-Net."""
    networks: dict[str, Network] = {
        "fast": load_model("fast").network,
        "unet2d": architectures["unet2d"].from_config(),
    }
    seconds: dict[str, list[float]] = {name: [] for name in networks}
    for name in ["fast", "unet2d"] * (repeats + 1):
        seconds[name].append(one_pass(networks[name]))
    medians = {name: statistics.median(s[1:]) for name, s in seconds.items()}
    print(f"network on {SHAPE[1]}×{SHAPE[2]} pixels, {torch.get_num_threads()} threads")
    for name, median in medians.items():
        n_parameters = networks[name].count_parameters() / 1e6
        print(f"  {name:21s} {median:8.3f} s   ({n_parameters:.2f} M parameters)")
    ratio = medians["unet2d"] / medians["fast"]
    print(f"  ratio                 {ratio:8.1f}     (at least 5)")


def one_pass(network: Network) -> float:
    """Return the seconds of one forward pass over 768×1024 pixels."""
    network.eval()
    image = torch.zeros(1, network.in_channels, *SHAPE[1:])
    image = image.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        start = time.perf_counter()
        network(image)
        return time.perf_counter() - start


def _data_folder() -> Path:
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("MITOSEG_DATA", beside))


if __name__ == "__main__":
    main()
