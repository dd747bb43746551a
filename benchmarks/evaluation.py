"""Time the evaluation on a generated pair of label volumes.

Scatters bent ellipsoids, and makes a prediction of them with thinner, missing, split,
merged and made-up objects. Prints the numbers of objects, the seconds of each part and
the peak of the resident memory above the two volumes.

    python benchmarks/evaluation.py                      32 Mvoxel, 640 objects
    python benchmarks/evaluation.py --gigavoxel          1 Gvoxel, 20 000 objects
    python benchmarks/evaluation.py 50 1024 1024 --objects 1000
"""

import argparse
import threading
import time

import numpy as np
import psutil
from numpy.typing import NDArray

from napari_mitoseg.evaluation import Evaluation, compare_labels
from napari_mitoseg.jobs import Progress
from napari_mitoseg.volume import Volume

Labels = NDArray[np.uint32]
GIGAVOXEL = (1000, 1024, 1024)
N_IN_GIGAVOXEL = 20_000
TICK = 0.005


class MemoryWatch(threading.Thread):
    """Notes the largest resident memory until it is told to stop."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.before = self.peak = psutil.Process().memory_info().rss
        self.is_running = True

    def run(self) -> None:
        """Look every few milliseconds."""
        process = psutil.Process()
        while self.is_running:
            self.peak = max(self.peak, process.memory_info().rss)
            time.sleep(TICK)


def make_pair(shape: tuple[int, ...], n_objects: int) -> tuple[Labels, Labels]:
    """Return a prediction and a truth; numbers are far apart and not in order."""
    rng = np.random.default_rng(0)
    truth, prediction = np.zeros(shape, np.uint32), np.zeros(shape, np.uint32)
    names = rng.permutation(np.arange(1, 4 * n_objects + 1, dtype=np.uint32))
    share = (np.prod(shape) / n_objects) ** (1 / 3)
    for k in range(n_objects):
        centre = rng.uniform(0, shape)
        radii = share * rng.uniform(0.15, 0.45, 3)
        box, far = ellipsoid(shape, centre, radii)
        free = truth[box] == 0
        truth[box][free & (far < 1)] = names[k]
        draw(prediction[box], free, far, names[n_objects + 2 * k :], rng)
    return prediction, truth


def ellipsoid(
    shape: tuple[int, ...], centre: NDArray[np.float64], radii: NDArray[np.float64]
) -> tuple[tuple[slice, ...], NDArray[np.float64]]:
    """Return a box around an ellipsoid, and the distance from it: 1 on its surface."""
    low = np.maximum(centre - radii, 0).astype(int)
    high = np.minimum(centre + radii + 1, shape).astype(int)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    grid = np.ogrid[box]
    parts = zip(grid, centre, radii, strict=True)
    return box, sum(((g - c) / r) ** 2 for g, c, r in parts)


def draw(
    part: Labels,
    free: NDArray[np.bool_],
    far: NDArray[np.float64],
    names: Labels,
    rng: np.random.Generator,
) -> None:
    """Draw a prediction of one object: thinner, in halves, swallowed, or not at all."""
    inside = free & (far < rng.uniform(0.7, 1))
    kind = rng.random()
    if kind < 0.1:
        return
    part[inside] = names[0]
    if kind < 0.2:
        half = part[part.shape[0] // 2 :]
        half[half == names[0]] = names[1]
    elif kind < 0.3:
        # Whatever this one meets becomes a part of it.
        part[part > 0] = names[0]


def timed(prediction: Labels, truth: Labels) -> Evaluation:
    """Evaluate, and print the seconds of each part."""
    last = time.perf_counter()
    message = "Comparing"
    job = compare_labels(Volume(prediction), Volume(truth), paint=True)
    while True:
        try:
            progress: Progress | None = next(job)
        except StopIteration as stop:
            print(f"  {message:22s} {time.perf_counter() - last:7.2f} s")
            return stop.value
        if progress is not None and progress.message != message:
            now = time.perf_counter()
            print(f"  {message + ' and scoring':22s} {now - last:7.2f} s")
            message, last = progress.message, now


def main() -> None:
    """Read the command line and print the timings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shape", type=int, nargs="*", default=[32, 1024, 1024])
    parser.add_argument("--objects", type=int, help="20 in a Mvoxel when absent")
    parser.add_argument("--gigavoxel", action="store_true")
    given = parser.parse_args()
    shape = GIGAVOXEL if given.gigavoxel else tuple(given.shape)
    wanted = int(np.prod(shape) * N_IN_GIGAVOXEL / np.prod(GIGAVOXEL))
    start = time.perf_counter()
    prediction, truth = make_pair(shape, given.objects or wanted)
    print(f"{shape}, made in {time.perf_counter() - start:.0f} s")
    watch = MemoryWatch()
    watch.start()
    start = time.perf_counter()
    found = timed(prediction, truth)
    seconds = time.perf_counter() - start
    watch.is_running = False
    scores = found.scores.by_name()
    print(
        f"  {'in total':22s} {seconds:7.2f} s, {seconds / truth.size * 1e6:.3f} s a "
        f"Mvoxel, peak {(watch.peak - watch.before) / 2**30:.2f} GiB above the labels"
    )
    print(f"  {scores['n_true']} true objects, {scores['n_predicted']} predicted")
    for name in ("foreground_iou", "ap75", "ap", "panoptic_quality@0.5", "vi_split"):
        print(f"  {name:22s} {scores[name]:7.3f}")


if __name__ == "__main__":
    main()
