"""Time corrections of objects in volumes of two sizes.

Scatters a thousand objects over 165 × 768 × 1024 voxels in memory, and over some
8 Gvoxel of a zarr on disk of which only the chunks that hold an object are stored.
Then merges, deletes, splits and takes it all back, and prints the milliseconds of each,
on the wall and of the processor: where other programs run too, the latter tell more.

    python benchmarks/editing.py
    python benchmarks/editing.py --only memory --repeats 50

One edit must not depend on the size of the volume: what is aimed at is 50 ms in memory
and 100 ms on disk for merge, delete, undo and redo.
"""

import argparse
import resource
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import zarr

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.jobs import drain
from napari_mitoseg.proofreading import (
    Change,
    CutAtPlane,
    Delete,
    Grow,
    LabelEditor,
    Merge,
    Operation,
    SplitByDistance,
    index_labels,
    rank,
)
from napari_mitoseg.volume import Shape

SPACING = (16.0, 15.0, 15.0)
IN_MEMORY: Shape = (165, 768, 1024)
ON_DISK: Shape = (1024, 2816, 2816)
CHUNK: Shape = (64, 64, 64)
N_OBJECTS = 1000


def tube(
    rng: np.random.Generator, shape: Shape
) -> tuple[tuple[slice, ...], np.ndarray]:
    """Return the box and the mask of a bent tube."""
    size = (64, 120, 120)
    corner = [int(rng.integers(0, n - s)) for n, s in zip(shape, size, strict=True)]
    along = np.linspace(0, 1, 60)
    bend = rng.uniform(-0.2, 0.2, (3, 1)) * np.sin(np.pi * along)
    start, stop = rng.uniform(0.25, 0.4, (3, 1)), rng.uniform(0.6, 0.75, (3, 1))
    path = (start + (stop - start) * along + bend) * np.array(size)[:, None]
    grid = np.indices(size).reshape(3, -1, 1)
    near = np.full(grid.shape[1], False)
    for position in path.T:
        near |= ((grid[..., 0] - position[:, None]) ** 2).sum(axis=0) < 15**2
    box = tuple(slice(c, c + s) for c, s in zip(corner, size, strict=True))
    return box, near.reshape(size)


def scatter(labels: np.ndarray | zarr.Array, n: int) -> None:
    """Write n of a few different tubes at random places."""
    rng = np.random.default_rng(0)
    shapes = [tube(rng, labels.shape) for _ in range(20)]
    for label in range(1, n + 1):
        _, mask = shapes[label % len(shapes)]
        corner = [
            int(rng.integers(0, full - size))
            for full, size in zip(labels.shape, mask.shape, strict=True)
        ]
        box = tuple(slice(c, c + s) for c, s in zip(corner, mask.shape, strict=True))
        labels[box] = np.where(mask, np.uint32(label), labels[box])


class Timings:
    """Milliseconds of each kind of edit, on the wall and of the processor."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[tuple[float, float]]] = defaultdict(list)

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Time what is done inside."""
        start = time.perf_counter(), time.process_time()
        yield
        stop = time.perf_counter(), time.process_time()
        self.seconds[name].append((stop[0] - start[0], stop[1] - start[1]))

    def show(self) -> None:
        """Print a line for each kind."""
        for name, seconds in self.seconds.items():
            wall, busy = 1e3 * np.array(seconds).T
            print(
                f"  {name:22s} median {np.median(wall):6.1f} ms, longest "
                f"{wall.max():6.1f} ms   processor median {np.median(busy):6.1f} ms, "
                f"longest {busy.max():6.1f} ms   n {len(seconds)}"
            )


def neighbours(editor: LabelEditor) -> Callable[[int], int]:
    """Return what finds the object whose box is nearest to that of another."""
    table = editor.index.table()
    centres = (table.start + table.stop) / 2

    def nearest(label: int) -> int:
        row = int(np.searchsorted(table.label, label))
        far = np.linalg.norm(centres - centres[row], axis=1)
        far[row] = np.inf
        return int(table.label[far.argmin()])

    return nearest


def middle(editor: LabelEditor, label: int) -> tuple[int, int, int]:
    """Return the middle of the box of an object."""
    region = editor.index[label].region
    z, y, x = ((a + b) // 2 for a, b in zip(region.start, region.stop, strict=True))
    return z, y, x


def attempt(editor: LabelEditor, operation: Operation) -> Change | None:
    """Do an operation, unless it cannot be done: not every tube has a neck."""
    try:
        return editor.apply(operation)
    except InvalidParameterError:
        return None


def time_edits(editor: LabelEditor, repeats: int) -> Timings:
    """Do and undo some edits of each kind."""
    rng = np.random.default_rng(1)
    nearest, timings = neighbours(editor), Timings()
    for label in rng.choice([*editor.index], repeats, replace=False).tolist():
        todo: list[Operation] = [
            Merge(labels=(nearest(label), label)),
            Delete(labels=(label,)),
            CutAtPlane(label=label, point=middle(editor, label), normal=(1, 1, 1)),
            Grow(label=label),
            SplitByDistance(label=label),
        ]
        for operation in todo:
            with timings.of(operation.name):
                change = attempt(editor, operation)
            if not change:
                continue
            with timings.of(f"undo {operation.name}"):
                editor.undo()
            with timings.of(f"redo {operation.name}"):
                editor.redo()
            editor.undo()
    return timings


def time_ranking(editor: LabelEditor) -> None:
    """Rank all objects and print what that took."""
    start = time.perf_counter(), time.process_time()
    queue = drain(rank(editor.workspace))
    print(
        f"  {len(queue)} objects ranked in {time.perf_counter() - start[0]:.1f} s, "
        f"{time.process_time() - start[1]:.1f} s of the processor"
    )


def run(labels: np.ndarray | zarr.Array, repeats: int) -> None:
    """Index labels, time the edits and print everything."""
    start = time.perf_counter()
    index = drain(index_labels(labels))
    seconds = time.perf_counter() - start
    n_voxels = np.prod(labels.shape)
    print(
        f"{labels.shape}, {n_voxels / 1e9:.2f} Gvoxel, {len(index)} objects, "
        f"{index.table().n_voxels.mean():,.0f} voxels each, indexed in {seconds:.1f} s"
    )
    editor = LabelEditor(labels, SPACING, index)
    time_edits(editor, repeats).show()
    if isinstance(labels, np.ndarray):
        time_ranking(editor)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"  history {editor.history.n_bytes / 2**20:.2f} MiB, peak {peak:.2f} GiB")


def main() -> None:
    """Read the command line and print the timings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=["memory", "disk"])
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--chunk", type=int, nargs=3, default=CHUNK)
    given = parser.parse_args()
    if given.only != "disk":
        labels = np.zeros(IN_MEMORY, np.uint32)
        scatter(labels, N_OBJECTS)
        run(labels, given.repeats)
    if given.only != "memory":
        with tempfile.TemporaryDirectory() as folder:
            stored = zarr.create_array(
                Path(folder) / "labels.zarr",
                shape=ON_DISK,
                chunks=tuple(given.chunk),
                dtype=np.uint32,
            )
            scatter(stored, N_OBJECTS)
            run(stored, given.repeats)


if __name__ == "__main__":
    main()
