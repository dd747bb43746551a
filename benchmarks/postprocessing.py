"""Time the default post-processing chain on a generated pair of maps.

Prints the seconds of each step, the peak of the resident memory above the two maps,
and the longest time for which the interpreter was held: what a window showing the
progress would have stood still.

    python benchmarks/postprocessing.py 165 768 1024
"""

import argparse
import threading
import time
from pathlib import Path

import numpy as np
import psutil

from napari_mitoseg.maps import ProbabilityMaps
from napari_mitoseg.postprocessing import DEFAULT_CHAIN, ChainCache
from napari_mitoseg.volume import Shape

CHAIN = DEFAULT_CHAIN.removed(0)
"""But for the first step, which looks at the image: there are maps alone."""
TICK = 0.002


class Ticker(threading.Thread):
    """Looks at the clock and the memory as often as it is let."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.worst = 0.0
        self.peak = 0
        self.is_running = True

    def run(self) -> None:
        """Take notes until `is_running` is False."""
        process = psutil.Process()
        last = time.perf_counter()
        while self.is_running:
            time.sleep(TICK)
            now = time.perf_counter()
            self.worst = max(self.worst, now - last)
            self.peak = max(self.peak, process.memory_info().rss)
            last = now

    def take(self) -> float:
        """Return the longest gap since the last call, in seconds."""
        worst, self.worst = self.worst, 0.0
        return worst


def make_maps(shape: Shape, voxels_an_object: int = 120_000) -> ProbabilityMaps:
    """Scatter ellipsoids, some touching, with a boundary shell each."""
    rng = np.random.default_rng(0)
    semantic, boundary = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    for _ in range(int(np.prod(shape)) // voxels_an_object):
        centre = rng.uniform(0, shape)
        radii = np.array([7.0, 19.0, 19.0]) * rng.uniform(0.7, 1.3, 3)
        low = np.maximum(centre - radii, 0).astype(int)
        high = np.minimum(centre + radii + 1, shape).astype(int)
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        grid = np.ogrid[box]
        far = sum(
            ((g - c) / r) ** 2 for g, c, r in zip(grid, centre, radii, strict=True)
        )
        inside = np.clip(255 * (1.7 - 1.2 * far), 0, 255) * (far < 1)
        shell = 235 * ((far > 0.8) & (far < 1))
        semantic[box] = np.maximum(semantic[box], inside.astype(np.uint8))
        boundary[box] = np.maximum(boundary[box], shell.astype(np.uint8))
    return ProbabilityMaps(semantic, boundary, (40.0, 5.9, 5.9))


def load_maps(path: Path) -> ProbabilityMaps:
    """Read maps saved by `numpy.savez` as semantic, boundary and spacing."""
    with np.load(path) as saved:
        z, y, x = saved["spacing"]
        return ProbabilityMaps(saved["semantic"], saved["boundary"], (z, y, x))


def time_chain(maps: ProbabilityMaps, cache: ChainCache | None) -> float:
    """Run the chain, print its steps and return the seconds."""
    ticker = Ticker()
    ticker.start()
    before = psutil.Process().memory_info().rss
    start = last = time.perf_counter()
    job = CHAIN.run(maps, cache)
    try:
        while True:
            progress = next(job)
            now = time.perf_counter()
            print(
                f"  {progress.message:22s} {now - last:7.3f} s"
                f"   held {1e3 * ticker.take():5.0f} ms"
            )
            last = now
    except StopIteration as stop:
        n_objects = int(stop.value.labels.max())
    ticker.is_running = False
    seconds = time.perf_counter() - start
    print(
        f"  {'in total':22s} {seconds:7.3f} s   {n_objects} objects, "
        f"peak {(ticker.peak - before) / 2**30:.2f} GiB above the maps"
    )
    return seconds


def main() -> None:
    """Read the command line and print the timings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shape", type=int, nargs="*", default=[20, 1024, 1024])
    parser.add_argument("--maps", type=Path, help="saved maps instead (.npz)")
    parser.add_argument("--cache", action="store_true", help="keep every state")
    given = parser.parse_args()
    maps = load_maps(given.maps) if given.maps else make_maps(tuple(given.shape))
    share = np.count_nonzero(maps.semantic > 127) / maps.semantic.size
    print(f"{maps.shape}, {share:.1%} foreground")
    time_chain(maps, ChainCache() if given.cache else None)


if __name__ == "__main__":
    main()
