"""Compare interpolated slices with the mean of their neighbours, on held-out slices.

Trains the interpolation network on the first two thirds of each stack, and gives the
slices of the last third from neighbours that training has not seen either.  PSNR in
dB, of 255 grey values.  A mean that is smoothed loses noise and detail alike: the
smoothing that is best on the training slices is shown beside it.

    python benchmarks/interpolation.py --data ../shared/data --steps 1000
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_mitoseg.inference.interpolation import Interpolator
from napari_mitoseg.io import read_volume
from napari_mitoseg.jobs import drain
from napari_mitoseg.models.interpolation import InterpolationConfig
from napari_mitoseg.training.interpolation import decibels, train_interpolation
from napari_mitoseg.training.interpolation_settings import InterpolationSettings
from napari_mitoseg.volume import Array, Region, Volume

STACKS = ("sbem_brain", "sstem_vnc")
SIGMAS = (0.5, 1.0, 1.5, 2.0, 3.0)
FULL = 255.0

Between = Callable[[Array, Array], Array]


def mean(below: Array, above: Array) -> Array:
    """Return the mean of two slices."""
    return (below.astype(np.float32) + above) / 2


def smoothed(sigma: float) -> Between:
    """Return a function that gives the smoothed mean."""
    return lambda below, above: gaussian_filter(mean(below, above), sigma)


def errors(volume: Volume, slices: range, between: Between) -> list[float]:
    """Return the mean square error of each slice."""
    planes = {z: volume.read_slice(z) for z in range(slices[0] - 1, slices[-1] + 2)}
    return [
        float(np.mean((between(planes[z - 1], planes[z + 1]) - planes[z]) ** 2))
        for z in slices
    ]


def compare(
    volume: Volume, config: InterpolationConfig, settings: InterpolationSettings
) -> None:
    """Train on a part of a stack and print the scores on the rest."""
    depth, height, width = volume.shape
    n_train = 2 * depth // 3
    training = volume.crop(Region((0, 0, 0), (n_train, height, width)))
    best = min(
        SIGMAS,
        key=lambda s: np.mean(errors(training, range(1, n_train - 1), smoothed(s))),
    )
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        job = train_interpolation(
            training, settings, folder=Path(folder), config=config
        )
        trained = drain(job)
    seconds = time.process_time() - began
    held_out = range(n_train + 1, depth - 1)
    methods: dict[str, Between] = {
        "mean of neighbours": mean,
        f"the same, smoothed by {best:g} px": smoothed(best),
        "network": Interpolator(trained.network),
    }
    print(
        f"{volume.name}: trained on slices 0–{n_train - 1}, {trained.card.steps} steps "
        f"in {seconds:.0f} s of processor time; scored on {held_out[0]}–{held_out[-1]}"
    )
    for name, between in methods.items():
        began = time.process_time()
        found = errors(volume, held_out, between)
        each = " ".join(f"{decibels(error, FULL):.2f}" for error in found)
        seconds = (time.process_time() - began) / len(found)
        print(
            f"  {name:34s} {decibels(float(np.mean(found)), FULL):6.2f} dB"
            f"   ({each})   {seconds:.1f} s a slice",
            flush=True,
        )


def main() -> None:
    """Read the command line and compare on each stack."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--stacks", nargs="*", default=list(STACKS))
    parser.add_argument("--steps", type=int, default=1000, help="of training")
    parser.add_argument("--reach", type=int, default=InterpolationConfig().reach)
    given = parser.parse_args()
    config = InterpolationConfig(reach=given.reach)
    settings = InterpolationSettings(limit="steps", steps=given.steps)
    for name in given.stacks:
        compare(read_volume(given.data / name / "image.tif"), config, settings)


if __name__ == "__main__":
    main()
