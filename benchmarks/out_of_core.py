"""Volumes larger than the memory: peak memory, time, kills, workers.

    python benchmarks/out_of_core.py maps --folder /scratch --slices 100
    python benchmarks/out_of_core.py peak --folder /scratch --slices 100 --memory 3
    python benchmarks/out_of_core.py kill --times 20
    python benchmarks/out_of_core.py scaling --folder /scratch --slices 16
    python benchmarks/out_of_core.py giants
    python benchmarks/out_of_core.py image --folder /scratch --slices 1200 --side 2048

``maps`` generates the probability maps of a volume of 4096×4096 pixels a slice, tile by
tile: thousands of mitochondria, many of which touch.  ``peak`` makes instances of them
in a process of its own and prints its wall time, processor time and peak resident
memory.  ``kill`` kills runs of a small volume at random moments and compares what
comes out in the end with a run that was left alone.  ``scaling`` compares one worker
with two.  ``giants`` measures how well the watershed agrees where parts of the mask are
larger than the memory.  ``image`` writes a TIFF of 16 bits and so many slices at
40, 4 and 4 nm, made of synthetic tissue and its mirror images, for the whole way from
image to result under a limit of memory that the system keeps:

    systemd-run --user --scope -p MemoryMax=1G -p MemorySwapMax=0 napari-mitoseg
    segment /scratch/image-1200-2048.tif --spacing 40,4,4 --out /scratch/limited
    --format zarr --memory 0.9
"""

import argparse
import hashlib
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import tifffile

from napari_mitoseg.distributed import blocks, run
from napari_mitoseg.distributed.blocks import Cutting, Grid
from napari_mitoseg.distributed.chain import run_chain
from napari_mitoseg.distributed.cluster import open_engine
from napari_mitoseg.distributed.engine import SerialEngine, Site
from napari_mitoseg.distributed.run import Means, segment_maps
from napari_mitoseg.distributed.run_folder import RunFolder
from napari_mitoseg.distributed.sources import FileSource
from napari_mitoseg.distributed.state import BlockState
from napari_mitoseg.distributed.views import Stored, create_array
from napari_mitoseg.jobs import Progress, drain
from napari_mitoseg.maps import ProbabilityMaps
from napari_mitoseg.postprocessing import DEFAULT_CHAIN
from napari_mitoseg.recipe import Recipe
from napari_mitoseg.samples import SyntheticSettings, synthetic_em
from napari_mitoseg.volume import Region, Shape

CHAIN = DEFAULT_CHAIN.removed(0)
"""But for the first step, which looks at the image: there are maps alone."""
SIDE, TILE = 4096, 512
SPACING = (40.0, 5.9, 5.9)
VOXELS_AN_OBJECT = 250_000
MOST_RADIUS = 45.0
CHUNK = (8, 256, 256)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=list(PARTS))
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--slices", type=int, default=100)
    parser.add_argument("--side", type=int, default=SIDE)
    parser.add_argument("--memory", type=float, default=3.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    PARTS[(options := parser.parse_args()).what](options)


def shape_of(options: argparse.Namespace) -> Shape:
    return options.slices, options.side, options.side


def maps_folder(options: argparse.Namespace) -> Path:
    return options.folder / f"maps-{options.slices}-{options.side}"


# ------------------------------------------------------------------ a volume of maps
def make_maps(options: argparse.Namespace) -> None:
    """Write the maps, if they are not there."""
    shape, folder = shape_of(options), maps_folder(options)
    if (folder / "done").exists():
        return
    targets = [create_array(folder / n, shape, "uint8", CHUNK) for n in MAPS]
    start = time.perf_counter()
    for tile in Grid(shape, (shape[0], TILE, TILE)):
        for target, values in zip(targets, tile_maps(tile.region, shape), strict=True):
            target.write(tile.region, values)
    (folder / "done").touch()
    print(f"{'×'.join(map(str, shape))}: maps in {time.perf_counter() - start:.0f} s")


MAPS = ("semantic", "boundary")


def tile_maps(region: Region, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """Draw all objects that reach into a tile."""
    semantic, boundary = np.zeros(region.shape, np.uint8), np.zeros(region.shape, "u1")
    for centre, axes in objects_around(region, shape):
        reach = np.sqrt((axes**2).sum(axis=0))
        low = np.maximum(np.floor(centre - reach), region.start).astype(int)
        high = np.minimum(np.ceil(centre + reach) + 1, region.stop).astype(int)
        if (low >= high).any():
            continue
        grid = np.ogrid[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
        offsets = [
            (g - c).astype(np.float32) for g, c in zip(grid, centre, strict=True)
        ]
        inverse = np.linalg.inv(axes.T).astype(np.float32)
        far = sum(
            (row[0] * offsets[0] + row[1] * offsets[1] + row[2] * offsets[2]) ** 2
            for row in inverse
        )
        box = tuple(
            slice(a - s, b - s) for a, b, s in zip(low, high, region.start, strict=True)
        )
        inside = np.clip(255 * (1.7 - 1.2 * far), 0, 255) * (far < 1)
        shell = 235 * ((far > 0.8) & (far < 1))
        np.maximum(semantic[box], inside.astype(np.uint8), out=semantic[box])
        np.maximum(boundary[box], shell.astype(np.uint8), out=boundary[box])
    return semantic, boundary


def objects_around(
    region: Region, shape: Shape
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield centre and axes of the ellipsoids that begin in a tile or beside it."""
    _, y, x = (start // TILE for start in region.start)
    for ty, tx in product(range(y - 1, y + 2), range(x - 1, x + 2)):
        rng = np.random.default_rng((ty + 1, tx + 1, shape[0]))
        for _ in range(shape[0] * TILE * TILE // VOXELS_AN_OBJECT):
            place = rng.uniform(
                (0, ty * TILE, tx * TILE), (shape[0], (ty + 1) * TILE, (tx + 1) * TILE)
            )
            radii = np.array([6.0, 18.0, 18.0]) * rng.uniform(0.6, 1.4, 3)
            radii[2] *= rng.choice([1.0, 1.0, 2.0])
            angle = rng.uniform(0, np.pi)
            turn = np.array(
                [
                    [1, 0, 0],
                    [0, np.cos(angle), -np.sin(angle)],
                    [0, np.sin(angle), np.cos(angle)],
                ]
            )
            axes = radii[:, None] * turn
            yield place, axes
            if rng.random() < 0.3:
                # A second one that touches it.
                yield place + axes[1] * 1.7, axes


# ---------------------------------------------------------------------- peak and time
def peak(options: argparse.Namespace) -> None:
    """Make instances in a process of its own, and say what that took."""
    make_maps(options)
    command = [sys.executable, __file__, "instances", "--folder", str(options.folder)]
    for name in ("slices", "side", "memory", "workers"):
        command += [f"--{name}", str(getattr(options, name))]
    start, load = time.perf_counter(), os.getloadavg()[0]
    _, status, used = os.wait4(subprocess.Popen(command).pid, 0)
    if status:
        sys.exit(os.waitstatus_to_exitcode(status))
    wall = time.perf_counter() - start
    voxels = options.slices * options.side**2 / 1e9
    print(f"{'×'.join(map(str, shape_of(options)))} ({voxels:.2f} Gvoxel)")
    print(f"  memory given          {options.memory:8.2f} GB")
    print(f"  peak resident memory  {used.ru_maxrss * 1024 / 1e9:8.2f} GB")
    print(f"  wall time             {wall:8.0f} s   (load before: {load:.1f})")
    print(f"  processor time        {used.ru_utime + used.ru_stime:8.0f} s")


def instances(options: argparse.Namespace) -> None:
    """Make instances, and say how long each stage took."""
    maps = {name: Stored(maps_folder(options) / name) for name in MAPS}
    out = options.folder / "instances"
    shutil.rmtree(out, ignore_errors=True)
    stages: dict[str, float] = {}
    last = time.perf_counter()

    def note(progress: Progress) -> None:
        nonlocal last
        now = time.perf_counter()
        stages[progress.message] = stages.get(progress.message, 0) + now - last
        last = now

    with open_engine(options.workers) as engine:
        means = Means(int(options.memory * 1e9), engine)
        job = segment_maps(maps, shape_of(options), SPACING, CHAIN, out, means)
        found = drain(job, note)
    for message, seconds in stages.items():
        print(f"  {seconds:7.1f} s  {message}")
    print(f"  {found.n_objects} objects")


# ------------------------------------------------------------------------------ kills
def kill(options: argparse.Namespace) -> None:
    """Kill runs at random moments, and compare their files in the end."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = SyntheticSettings(style="sbem")
        image, _ = synthetic_em((16, 128, 128), (40.0, 16.0, 16.0), 1, settings)
        tifffile.imwrite(folder / "stack.tif", image.read())
        start = time.perf_counter()
        _run(folder, folder / "whole")
        took = time.perf_counter() - start
        expected = checksum(folder / "whole")
        moments, kept, n_runs, n_same = random.Random(options.seed), [], 0, 0
        while len(kept) < options.times:
            out = folder / str(n_runs)
            if _run(folder, out, moments.uniform(0, took)):
                kept.append(len(list(out.rglob("*.npz"))))
                _run(folder, out)
            n_runs += 1
            n_same += checksum(out) == expected
    print(f"{n_runs} runs of {took:.1f} s, {len(kept)} of them killed")
    print(f"blocks on record when they were killed: {kept}")
    print(f"same files in the end: {n_same} of {n_runs}")


def _run(folder: Path, out: Path, moment: float | None = None) -> bool:
    """Segment in a process of its own; say whether it had to be killed."""
    # A fork, so that the libraries are loaded only once.
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_segment, args=(folder, out))
    process.start()
    process.join(moment)
    is_late = process.is_alive()
    if is_late:
        process.kill()
        process.join()
    elif process.exitcode:
        sys.exit("a run has failed")
    return is_late


def _segment(folder: Path, out: Path) -> None:
    """Segment the small stack, in many blocks."""
    plan, blocks.CHUNK = run.plan_cutting, (4, 64, 64)
    least = blocks.PROGRAM_BYTES + 40 * 4 * 64 * 64
    run.plan_cutting = lambda shape, _: plan(shape, least)
    source = FileSource(folder / "stack.tif", (40.0, 16.0, 16.0))
    drain(run.segment_blocks(source, Recipe(), out, run.Means(10**9)))


def checksum(folder: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        found.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return found.hexdigest()


# ---------------------------------------------------------------------------- workers
def scaling(options: argparse.Namespace) -> None:
    """Compare one worker with two."""
    for options.workers in (1, 2):
        peak(options)


# ----------------------------------------------------------------------------- giants
def giants(options: argparse.Namespace) -> None:
    """Flood parts in blocks that would fit, and compare."""
    region = Region((0, 0, 0), (options.slices, 1024, 1024))
    semantic, boundary = tile_maps(region, (options.slices, 1024, 1024))
    # Bridges, so that everything is one part of the mask.
    semantic[:, ::64] = np.maximum(semantic[:, ::64], 140)
    maps = ProbabilityMaps(semantic, boundary, SPACING)
    expected = drain(CHAIN.run(maps)).labels
    block = (32, 256, 256)
    grids = Grid(maps.shape, block), Grid(maps.shape, (32, 1024, 1024))
    with tempfile.TemporaryDirectory() as name:
        site = Site(
            RunFolder(Path(name)), SerialEngine(), Cutting(block, *grids, 10**5)
        )
        views = [site.folder.array(n, maps.shape, "uint8", block) for n in MAPS]
        for view, values in zip(views, (semantic, boundary), strict=True):
            view.write(region, values)
        state = drain(run_chain(site, CHAIN, BlockState(*views, SPACING)))
        found = state.labels.view.read(region)
    inside = expected > 0
    print(f"{int(expected.max())} objects; in blocks {int(found.max())}")
    same = found == expected
    print(f"  equal voxels {same[inside].mean():.6f} of {inside.sum()}")
    inside[:, ::64] = False
    print(f"  beside the bridges {same[inside].mean():.6f} of {inside.sum()}")


# -------------------------------------------------------------------- a large image
def make_image(options: argparse.Namespace) -> None:
    """Write a TIFF of synthetic tissue and its mirror images, slice by slice."""
    depth = 25
    tissue, _ = synthetic_em((depth, TILE, TILE), (40.0, 4.0, 4.0), options.seed)
    tile = np.asarray(tissue.data).astype(np.uint16) * 257
    pair = np.concatenate([tile, tile[:, :, ::-1]], axis=2)
    square = np.concatenate([pair, pair[:, ::-1]], axis=1)
    times = -(-options.side // square.shape[1])
    turns = np.concatenate([np.arange(depth), np.arange(depth)[::-1]])

    def planes() -> Iterator[np.ndarray]:
        for z in range(options.slices):
            plane = np.tile(square[turns[z % len(turns)]], (times, times))
            yield plane[: options.side, : options.side]

    path = options.folder / f"image-{options.slices}-{options.side}.tif"
    shape = shape_of(options)
    tifffile.imwrite(path, planes(), shape=shape, dtype=np.uint16, bigtiff=True)
    print(f"{path}: {path.stat().st_size / 1e9:.2f} GB")


PARTS = {
    "image": make_image,
    "maps": make_maps,
    "peak": peak,
    "instances": instances,
    "kill": kill,
    "scaling": scaling,
    "giants": giants,
}

if __name__ == "__main__":
    main()
