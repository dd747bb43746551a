"""How a volume is cut into blocks: pure geometry."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.postprocessing.step import Reach
from napari_mitoseg.volume import Region, Shape

CHUNK = (32, 256, 256)
"""Voxels that are stored together, as in results; of large slices, fewer slices."""

PROGRAM_BYTES = 700_000_000
"""Memory of a process before it works on a block: libraries, network, chunks read."""

VOXEL_BYTES = 40
"""Memory that a voxel of a block takes while it is worked on, or a pixel of a slice."""

LAYER_BYTES = 16
"""Memory that a voxel of a block of whole slices takes."""

MOST_VOXELS = 2**26
"""Voxels of a block at most: larger ones gain nothing."""


@dataclass(frozen=True)
class Block:
    """A part of a volume that is worked on at once.

    Attributes
    ----------
    number : int
        Of the blocks of a grid, in C order.
    place : tuple of int
        Which block along z, y, x.
    region : Region
        Its voxels.
    """

    number: int
    place: Shape
    region: Region


@dataclass(frozen=True)
class Grid:
    """Blocks that cover a volume, each voxel once.

    Attributes
    ----------
    shape : tuple of int
        Size of the volume, ZYX.
    block : tuple of int
        Size of a block; those at the far ends are smaller.

    Examples
    --------
    >>> grid = Grid((4, 6, 5), (4, 4, 4))
    >>> len(grid), grid[3].region.shape
    (4, (4, 2, 1))
    """

    shape: Shape
    block: Shape

    @property
    def counts(self) -> Shape:
        """Blocks along z, y, x."""
        z, y, x = (-(-n // b) for n, b in zip(self.shape, self.block, strict=True))
        return z, y, x

    def __len__(self) -> int:
        """Count the blocks."""
        return math.prod(self.counts)

    def __getitem__(self, number: int) -> Block:
        """Return a block by its number."""
        if not 0 <= number < len(self):
            raise IndexError(number)
        _, ny, nx = self.counts
        return self.at((number // (ny * nx), number // nx % ny, number % nx))

    def __iter__(self) -> Iterator[Block]:
        """Iterate over the blocks in order."""
        return map(self.__getitem__, range(len(self)))

    def at(self, place: Shape) -> Block:
        """Return the block at a place of the grid."""
        _, ny, nx = self.counts
        z, y, x = place
        start = tuple(p * b for p, b in zip(place, self.block, strict=True))
        stop = tuple(a + b for a, b in zip(start, self.block, strict=True))
        whole = Region((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
        return Block((z * ny + y) * nx + x, place, whole.within(self.shape))

    def behind(self, block: Block, step: Shape) -> Block | None:
        """Return the block some steps behind another; None beyond the volume."""
        z, y, x = (p + s for p, s in zip(block.place, step, strict=True))
        there = all(p < n for p, n in zip((z, y, x), self.counts, strict=True))
        return self.at((z, y, x)) if there else None

    def overlapping(self, region: Region) -> Iterator[Block]:
        """Iterate over the blocks that share voxels with a region."""
        spans = [
            range(start // size, -(-stop // size))
            for start, stop, size in zip(
                region.start, region.stop, self.block, strict=True
            )
        ]
        for z, y, x in product(*spans):
            yield self.at((z, y, x))


@dataclass(frozen=True)
class Cutting:
    """How a volume is cut, once and for all stages of a run.

    Attributes
    ----------
    chunk : tuple of int
        Voxels stored together; every block holds whole chunks.
    blocks : Grid
        Blocks.
    layers : Grid
        Blocks of whole slices.
    window : int
        Voxels that may be read at once where objects are looked at, wherever they lie.
    """

    chunk: Shape
    blocks: Grid
    layers: Grid
    window: int

    @property
    def shape(self) -> Shape:
        """Size of the volume, ZYX."""
        return self.blocks.shape


def plan_cutting(shape: Shape, memory: int) -> Cutting:
    """Cut a volume so that work on a block fits into memory.

    Parameters
    ----------
    shape : tuple of int
        Size of the volume, ZYX.
    memory : int
        Bytes that one process may take.

    Returns
    -------
    Cutting
        Blocks of whole chunks.

    Raises
    ------
    InvalidParameterError
        If not even a single slice, or the smallest block, fits.
    """
    check_slice_fits(shape, memory)
    left = memory - PROGRAM_BYTES
    depth, height, width = shape
    slices = _slices(left, height * width)
    voxels = min(left // VOXEL_BYTES, MOST_VOXELS)
    # Of few slices larger chunks, that there are not too many files.
    n_chunks = 2 if 2 * slices <= CHUNK[0] and voxels >= 4 * math.prod(CHUNK) else 1
    step = n_chunks * CHUNK[1]
    side = max(math.isqrt(voxels // CHUNK[0]) // step * step, step)
    blocks = (CHUNK[0], _even(height, side, step), _even(width, side, step))
    return Cutting(
        chunk=(min(slices, depth), min(step, height), min(step, width)),
        blocks=Grid(shape, blocks),
        layers=Grid(shape, (slices, height, width)),
        window=left // VOXEL_BYTES,
    )


def check_slice_fits(shape: Shape, memory: int) -> None:
    """Refuse too little memory for a slice of a volume, or the smallest block.

    Parameters
    ----------
    shape : tuple of int
        Size of the volume, ZYX.
    memory : int
        Bytes that one process may take.

    Raises
    ------
    InvalidParameterError
        If it is too little.
    """
    _, height, width = shape
    needed = max(height * width, min(math.prod(CHUNK), math.prod(shape)))
    if memory - PROGRAM_BYTES < needed * VOXEL_BYTES:
        least = PROGRAM_BYTES + needed * VOXEL_BYTES
        msg = (
            f"{memory / 1e9:.2g} GB of memory are too little for slices of {height} × "
            f"{width} pixels: give each worker at least {least / 1e9:.2g} GB."
        )
        raise InvalidParameterError(msg)


def _slices(memory: int, pixels: int) -> int:
    """Return how many slices are worked on at once: a power of two, up to a chunk."""
    at_once = min(memory // LAYER_BYTES, MOST_VOXELS) // pixels
    return 2 ** int(math.log2(min(max(at_once, 1), CHUNK[0])))


def _even(size: int, side: int, step: int) -> int:
    """Return a multiple of a step, so that blocks along an axis are of like size."""
    each = -(-size // -(-size // side))
    return -(-each // step) * step


def padded(region: Region, reach: Reach, shape: Shape) -> Region:
    """Return a region with what a step looks at around it, within the volume.

    Parameters
    ----------
    region : Region
        Some voxels.
    reach : Reach
        How far around them.
    shape : tuple of int
        Size of the volume, ZYX.

    Returns
    -------
    Region
        The larger region.

    Examples
    --------
    >>> padded(Region((2, 2, 2), (3, 4, 4)), Reach(1, None), (9, 5, 5))
    Region(start=(1, 0, 0), stop=(4, 5, 5))
    """
    pixels = max(shape) if reach.pixels is None else reach.pixels
    (z, y, x), (z1, y1, x1) = region.start, region.stop
    start = (z - reach.slices, y - pixels, x - pixels)
    stop = (z1 + reach.slices, y1 + pixels, x1 + pixels)
    return Region(start, stop).within(shape)


def inner(region: Region, outer: Region) -> tuple[slice, slice, slice]:
    """Return the index of a region within an array that covers a larger one."""
    z, y, x = (
        slice(a - o, b - o)
        for a, b, o in zip(region.start, region.stop, outer.start, strict=True)
    )
    return z, y, x
