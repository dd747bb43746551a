"""How far a network sees: exact, by walking an output voxel back to the input.

A layer is described, along one axis, by the interval of its input that an interval
of its output depends on.  A network is such steps applied from its output to its
input; where branches join, the hull of their intervals counts.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Reach:
    """An interval of positions along one axis, both ends included."""

    first: int
    last: int

    def through_convolution(self, kernel: int, stride: int = 1) -> "Reach":
        """Return what a centred convolution or pooling needs of its input.

        Parameters
        ----------
        kernel : int
            Size of the window; odd windows are centred, even ones start at the
            position itself (pooling).
        stride : int
            Step between output positions.

        Returns
        -------
        Reach
            Positions of the input.

        Examples
        --------
        >>> Reach(5, 5).through_convolution(3)
        Reach(first=4, last=6)
        >>> Reach(5, 5).through_convolution(2, stride=2)
        Reach(first=10, last=11)
        """
        before = (kernel - 1) // 2
        return Reach(
            self.first * stride - before, self.last * stride - before + kernel - 1
        )

    def through_nearest(self, factor: int = 2) -> "Reach":
        """Return what nearest-neighbour or sub-pixel upsampling needs.

        Parameters
        ----------
        factor : int
            Times the axis gets longer.

        Returns
        -------
        Reach
            Positions before the upsampling.

        Examples
        --------
        >>> Reach(4, 7).through_nearest()
        Reach(first=2, last=3)
        """
        return Reach(self.first // factor, self.last // factor)

    def through_linear(self) -> "Reach":
        """Return what twofold linear upsampling (corners not aligned) needs.

        Returns
        -------
        Reach
            Positions before the upsampling.

        Examples
        --------
        >>> Reach(4, 4).through_linear()
        Reach(first=1, last=2)
        """
        return Reach((self.first - 1) // 2, (self.last - 1) // 2 + 1)

    def joined(self, other: "Reach") -> "Reach":
        """Return the hull of two intervals."""
        return Reach(min(self.first, other.first), max(self.last, other.last))


def radius(walk: Callable[[Reach], Reach], period: int) -> int:
    """Return how far from itself an output voxel depends on the input.

    Parameters
    ----------
    walk : callable
        From an interval of the output to the interval of the input it needs.
    period : int
        Product of all strides; the dependence repeats with it.

    Returns
    -------
    int
        Largest distance over all alignments, in voxels of the input.

    Examples
    --------
    >>> radius(lambda reach: reach.through_convolution(5), period=1)
    2
    """
    starts = range(1000 * period, 1001 * period)
    spans = [(p, walk(Reach(p, p))) for p in starts]
    return max(max(p - span.first, span.last - p) for p, span in spans)


def walk_u_shape(
    reach: Reach,
    n_levels: int,
    down: Callable[[Reach], Reach],
    up: Callable[[Reach], Reach],
    block: Callable[[Reach], Reach],
) -> Reach:
    """Walk back through an encoder and decoder that are joined at every level.

    Parameters
    ----------
    reach : Reach
        Interval of the decoder's output at the finest level.
    n_levels : int
        Levels, the coarsest included.
    down, up, block : callable
        Walk back through one downsampling, one upsampling, one block of layers.

    Returns
    -------
    Reach
        Interval of the encoder's input at the finest level.
    """
    if n_levels == 1:
        return block(reach)
    needed = block(reach)
    deeper = walk_u_shape(up(needed), n_levels - 1, down, up, block)
    return block(needed.joined(down(deeper)))
