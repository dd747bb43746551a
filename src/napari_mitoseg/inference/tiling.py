"""How a volume is cut into tiles: pure geometry, in voxels of the model's grid.

A tile is *read* with a halo around what is *kept* of it.  Neighbouring kept parts
overlap, so that they can be blended.  Reads start on multiples of the network's
divisor, counted from the volume's first voxel, so that strided layers sample the same
voxels whatever the tiling; and they stop at the volume's ends, so that a tile at the
border sees the padding that an untiled prediction would see.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import gcd

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.volume import Shape


@dataclass(frozen=True)
class Span:
    """One tile along one axis.

    Attributes
    ----------
    read_start, read_stop : int
        What the network is given; `read_stop` may lie beyond the volume, where it is
        padded by reflection to a multiple of the divisor.
    keep_start, keep_stop : int
        What is kept of its answer.
    """

    read_start: int
    read_stop: int
    keep_start: int
    keep_stop: int

    @property
    def read_size(self) -> int:
        """Voxels the network is given."""
        return self.read_stop - self.read_start

    @property
    def kept(self) -> slice:
        """The kept part, as an index into the volume."""
        return slice(self.keep_start, self.keep_stop)

    @property
    def crop(self) -> slice:
        """The kept part, as an index into what the network returns."""
        return slice(
            self.keep_start - self.read_start, self.keep_stop - self.read_start
        )


@dataclass(frozen=True)
class Cut:
    """How one axis is cut.

    Attributes
    ----------
    tile : int
        Voxels a network is given at most.
    overlap : int
        Voxels that neighbouring kept parts share.
    halo : int
        Voxels read around the kept part, at most a quarter of the tile on each side.
    divisor : int
        Sizes and positions of reads are multiples of it.
    """

    tile: int
    overlap: int
    halo: int
    divisor: int

    def __post_init__(self) -> None:
        """Refuse tiles of which nothing new would be kept."""
        if self.step < self.divisor:
            msg = (
                f"A tile of {self.tile} voxels with {self.overlap} voxels of overlap "
                f"leaves nothing to keep. Give a tile of at least {self.smallest_tile}."
            )
            raise InvalidParameterError(msg)

    @property
    def margin(self) -> int:
        """The halo as it can be had: a multiple of the divisor, within a quarter."""
        wanted = _ceil(self.halo, self.divisor)
        return min(wanted, _floor(self.tile // 4, self.divisor))

    @property
    def kept(self) -> int:
        """Voxels kept of a tile in the middle of the volume."""
        return _floor(self.tile, self.divisor) - 2 * self.margin

    @property
    def step(self) -> int:
        """Distance between neighbouring tiles."""
        return _floor(self.kept - self.overlap, self.divisor)

    @property
    def smallest_tile(self) -> int:
        """The smallest tile from which something new can be kept."""
        return 2 * _ceil(self.overlap + self.divisor, self.divisor) + 2 * self.divisor

    def spans(self, start: int, stop: int, length: int) -> tuple[Span, ...]:
        """Cover part of an axis with tiles.

        Parameters
        ----------
        start, stop : int
            The part to cover.
        length : int
            Size of the whole axis.

        Returns
        -------
        tuple of Span
            In order; kept parts cover ``[start, stop)``.

        Examples
        --------
        >>> cut = Cut(tile=64, overlap=0, halo=8, divisor=8)
        >>> [(s.read_start, s.read_stop, s.kept) for s in cut.spans(0, 100, 100)]
        ... # doctest: +NORMALIZE_WHITESPACE
        [(0, 56, slice(0, 48, None)), (40, 104, slice(48, 96, None)),
         (48, 104, slice(56, 100, None))]
        """
        whole = self._span(start, stop, length)
        if whole.read_size <= self.tile:
            return (whole,)
        first = _floor(start, self.divisor)
        last = _ceil(stop - self.kept, self.divisor)
        starts = [*range(first, last, self.step), last]
        return tuple(
            self._span(max(s, start), min(s + self.kept, stop), length) for s in starts
        )

    def _span(self, keep_start: int, keep_stop: int, length: int) -> Span:
        before = _floor(keep_start, self.divisor) - self.margin
        after = _ceil(keep_stop, self.divisor) + self.margin
        limit = _ceil(length, self.divisor)
        return Span(max(before, 0), min(after, limit), keep_start, keep_stop)


@dataclass(frozen=True)
class PlaneTile:
    """One tile in the plane."""

    y: Span
    x: Span

    @property
    def n_read(self) -> int:
        """Pixels the network is given."""
        return self.y.read_size * self.x.read_size


def iter_plane_tiles(ys: tuple[Span, ...], xs: tuple[Span, ...]) -> Iterator[PlaneTile]:
    """Yield the tiles of a plane, row by row."""
    for y, x in product(ys, xs):
        yield PlaneTile(y, x)


def cube_spans(
    side: int, step: int, divisor: int, bounds: tuple[int, int, int]
) -> tuple[Span, ...]:
    """Cover part of an axis with tiles of one size, all of whose answers are kept.

    Parameters
    ----------
    side : int
        Voxels of a tile; a multiple of the divisor.
    step : int
        Voxels between the starts of neighbouring tiles.
    divisor : int
        Sizes of reads are multiples of it.
    bounds : tuple of int
        First voxel to cover, the one behind the last, and the size of the axis.

    Returns
    -------
    tuple of Span
        In order; a single, perhaps smaller one where that is enough.

    Examples
    --------
    >>> [span.kept for span in cube_spans(32, 8, 16, (0, 45, 45))]
    [slice(0, 32, None), slice(8, 40, None), slice(16, 45, None)]
    """
    whole = Cut(side, 0, 0, divisor).spans(*bounds)
    if len(whole) == 1:
        return whole
    return Cut(side, side - step, 0, gcd(step, divisor)).spans(*bounds)


def plane_index(tile: PlaneTile, grid: Shape) -> tuple[NDArray[np.intp], ...]:
    """Return the index of a tile into a slice, reflected at the edges.

    Parameters
    ----------
    tile : PlaneTile
        What to read.
    grid : tuple of int
        Shape of the model's grid, ZYX.

    Returns
    -------
    tuple of ndarray of int
        Rows and columns, as `numpy.ix_` gives them.
    """
    ys = reflected(tile.y.read_start, tile.y.read_stop, grid[1])
    xs = reflected(tile.x.read_start, tile.x.read_stop, grid[2])
    return np.ix_(ys, xs)


def reflected(start: int, stop: int, length: int) -> NDArray[np.intp]:
    """Return the indices that continue an axis by reflection at its ends.

    Parameters
    ----------
    start, stop : int
        Wanted range; may reach beyond the axis on both sides.
    length : int
        Size of the axis.

    Returns
    -------
    ndarray of int, shape (stop - start,)
        Indices within the axis; its end voxels are not repeated.

    Examples
    --------
    >>> reflected(-2, 5, 4).tolist()
    [2, 1, 0, 1, 2, 3, 2]
    """
    if length == 1:
        return np.zeros(stop - start, dtype=np.intp)
    period = 2 * (length - 1)
    folded = np.arange(start, stop) % period
    return np.where(folded < length, folded, period - folded).astype(np.intp)


def _ceil(value: int, divisor: int) -> int:
    return -(-value // divisor) * divisor


def _floor(value: int, divisor: int) -> int:
    return value // divisor * divisor
