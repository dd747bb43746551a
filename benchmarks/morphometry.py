"""Time the whole table of measurements against a loop of scikit-image's regionprops.

Objects are bent tubes, branched ones and rings, in a volume of 165 x 768 x 1024 voxels
at 40, 6, 6 nm. The loop measures the same descriptors with what is commonly used for
each, object by object in its bounding box: regionprops with spacing (volume, centroid,
axes, solidity, mean intensity), marching_cubes and mesh_surface_area, skeletonize and
skan, scipy's distance transform for calibres, a dilation for contacts and KDTree for
distances. It is run on a sample of the objects, and its time scaled up.

    python benchmarks/morphometry.py --objects 1000 --sample 40
"""

import argparse
import threading
import time
from collections.abc import Callable

import numpy as np
import psutil
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree

from napari_mitoseg.jobs import drain
from napari_mitoseg.morphology import (
    ALL_FAMILIES,
    CHEAP_FAMILIES,
    Context,
    MeasurementSettings,
    measure_labels,
)
from napari_mitoseg.volume import Shape

SPACING = (40.0, 6.0, 6.0)
TICK = 0.002

Labels = NDArray[np.uint16]
Clock = Callable[[], float]


class Ticker(threading.Thread):
    """Looks at the clock and the memory as often as it is let."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.worst, self.peak, self.is_running = 0.0, 0, True

    def run(self) -> None:
        """Take notes until `is_running` is False."""
        process, last = psutil.Process(), time.perf_counter()
        while self.is_running:
            time.sleep(TICK)
            now = time.perf_counter()
            self.worst = max(self.worst, now - last)
            self.peak = max(self.peak, process.memory_info().rss)
            last = now


def make_labels(shape: Shape, n_objects: int) -> Labels:
    """Lay tubes into the volume, each where there is room for it."""
    rng = np.random.default_rng(0)
    labels = np.zeros(shape, np.uint16)
    n = 0
    while n < n_objects:
        place = rng.uniform(0, np.multiply(shape, SPACING))
        points = np.concatenate(make_lines(rng, n)) + place
        n += draw_tube(labels, points, rng.uniform(60, 120), n + 1)
    return labels


def make_lines(rng: np.random.Generator, n: int) -> list[NDArray[np.float64]]:
    """Return points along a bent line; every fifth object is branched or a ring."""
    if n % 10 == 9:
        angle = np.linspace(0, 2 * np.pi, 60)
        axes = np.linalg.qr(rng.normal(size=(3, 2)))[0]
        return [250 * np.column_stack([np.cos(angle), np.sin(angle)]) @ axes.T]
    lines = [walk(rng, np.zeros(3), rng.uniform(300, 1200))]
    if n % 5 == 4:
        start = lines[0][len(lines[0]) // 2]
        lines.append(walk(rng, start, rng.uniform(300, 600)))
    return lines


def walk(
    rng: np.random.Generator, start: NDArray[np.float64], length: float
) -> NDArray[np.float64]:
    """Go on from a point, turning a little at each step of 20 nm."""
    direction = rng.normal(size=3)
    points = [start]
    for _ in range(int(length / 20)):
        direction = direction / np.linalg.norm(direction)
        points.append(points[-1] + 20 * direction)
        direction = direction + rng.normal(size=3) * 0.12
    return np.array(points)


def draw_tube(
    labels: Labels, points: NDArray[np.float64], radius: float, label: int
) -> bool:
    """Draw a tube where its middle meets no other; say whether it was done."""
    low = np.floor((points.min(axis=0) - radius) / SPACING).astype(int) - 1
    high = np.ceil((points.max(axis=0) + radius) / SPACING).astype(int) + 2
    if (low < 0).any() or (high > labels.shape).any():
        return False
    middle = np.rint(points / SPACING).astype(int)
    if labels[tuple(middle.T)].any():
        return False
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    # Distances in the plane of each slice of the box, point by point.
    far = np.full(tuple(high - low), np.inf, np.float32)
    z, y, x = (
        (np.arange(a, b) * s).astype(np.float32)
        for a, b, s in zip(low, high, SPACING, strict=True)
    )
    for point in points[::2]:
        rows = np.searchsorted(z, [point[0] - radius, point[0] + radius])
        lines = np.searchsorted(y, [point[1] - radius, point[1] + radius])
        columns = np.searchsorted(x, [point[2] - radius, point[2] + radius])
        part = tuple(slice(*ends) for ends in (rows, lines, columns))
        square = (
            np.square(z[part[0], None, None] - point[0])
            + np.square(y[None, part[1], None] - point[1])
            + np.square(x[None, None, part[2]] - point[2])
        )
        far[part] = np.minimum(far[part], square)
    mask = (far <= radius**2) & (labels[box] == 0)
    labels[box][mask] = label
    return True


def time_table(labels: Labels, names: tuple[str, ...], clock: Clock) -> float:
    """Measure all objects, print what it took and return the seconds."""
    ticker = Ticker()
    ticker.start()
    before = psutil.Process().memory_info().rss
    settings = MeasurementSettings(families=names)
    context = Context(intensity=labels, probability=labels)
    start, wall = clock(), time.perf_counter()
    table = drain(measure_labels(labels, SPACING, settings, context=context))
    seconds, wall = clock() - start, time.perf_counter() - wall
    ticker.is_running = False
    print(
        f"{', '.join(names):60s} {wall:7.2f} s on the wall, {seconds:7.2f} s of "
        f"processor; {len(table)} objects, {len(table.columns)} columns, held "
        f"{1e3 * ticker.worst:.0f} ms, peak {(ticker.peak - before) / 2**20:.0f} MiB"
    )
    return seconds


def loop_of_regionprops(labels: Labels, sample: int) -> list[dict[str, float]]:
    """Measure a sample of the objects with a loop of common functions."""
    from skimage.measure import regionprops

    regions = regionprops(labels, intensity_image=labels, spacing=SPACING)
    chosen = regions[:: max(1, len(regions) // sample)][:sample]
    centroids = np.array([region.centroid for region in regions])
    return [measure_region(region, labels, regions, centroids) for region in chosen]


def measure_region(region, labels, regions, centroids) -> dict[str, float]:
    """Measure one object as scripts do."""
    from skan import Skeleton, summarize
    from skimage.measure import marching_cubes, mesh_surface_area
    from skimage.morphology import skeletonize

    mask = np.pad(region.image, 1)
    vertices, faces, _, _ = marching_cubes(mask, 0.5, spacing=SPACING)
    area = mesh_surface_area(vertices, faces)
    thin = skeletonize(mask)
    branches = summarize(Skeleton(thin, spacing=SPACING), separator="-")
    depth = ndimage.distance_transform_edt(mask, sampling=SPACING)
    return {
        "volume": region.area,
        "box": region.bbox[0],
        "centroid": region.centroid[0],
        "diameter": region.equivalent_diameter_area,
        "axes": region.inertia_tensor_eigvals[0],
        "direction": np.linalg.eigh(region.inertia_tensor)[1][0, 0],
        "intensity": region.intensity_mean,
        "probability": region.intensity_mean,
        "solidity": region.solidity,
        "surface": area,
        "sphericity": np.cbrt(np.pi) * (6 * region.area) ** (2 / 3) / area,
        "length": branches["branch-distance"].sum(),
        "branches": len(branches),
        "calibre": depth[thin].mean(),
        "least": depth[thin].min(),
        "contacts": touching(region, labels),
        "nearest": nearest(region, regions, centroids),
    }


def touching(region, labels) -> float:
    """Count the voxels of other objects next to one."""
    box = tuple(
        slice(max(0, a - 2), b + 2)
        for a, b in zip(region.bbox[:3], region.bbox[3:], strict=True)
    )
    part = labels[box]
    own = part == region.label
    return np.count_nonzero(part[ndimage.binary_dilation(own) & ~own])


def nearest(region, regions, centroids) -> float:
    """Return the distance to the nearest of the five objects with nearest centroids."""
    _, rows = KDTree(centroids).query(region.centroid, 6)
    tree = KDTree(region.coords_scaled)
    return min(tree.query(regions[k].coords_scaled)[0].min() for k in rows[1:])


def main() -> None:
    """Read the command line and print the timings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shape", type=int, nargs="*", default=[165, 768, 1024])
    parser.add_argument("--objects", type=int, default=1000)
    parser.add_argument("--sample", type=int, default=40, help="objects of the loop")
    parser.add_argument("--each", action="store_true", help="time families one by one")
    given = parser.parse_args()
    labels = make_labels(tuple(given.shape), given.objects)
    share = np.count_nonzero(labels) / labels.size
    print(f"{labels.shape}, {labels.max()} objects, {share:.1%} foreground")
    time_table(labels[:20], ALL_FAMILIES, time.process_time)  # imports, caches
    time_table(labels, CHEAP_FAMILIES, time.process_time)
    for name in ALL_FAMILIES if given.each else ():
        time_table(labels, (name,), time.process_time)
    ours = time_table(labels, ALL_FAMILIES, time.process_time)
    if given.sample:
        loop_of_regionprops(labels, 1)  # compiles
        start = time.process_time()
        n = len(loop_of_regionprops(labels, given.sample))
        theirs = (time.process_time() - start) * given.objects / n
        print(
            f"loop of regionprops: {theirs:.0f} s of processor for {given.objects} "
            f"objects, from {n}: {theirs / ours:.1f} times as long"
        )


if __name__ == "__main__":
    main()
