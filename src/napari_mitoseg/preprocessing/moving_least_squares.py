"""Deform a plane so that points go where they should: moving least squares.

References
----------
.. [1] S. Schaefer, T. McPhail, J. Warren, "Image deformation using moving least
   squares", ACM Transactions on Graphics 25(3), 533-540 (2006),
   doi:10.1145/1141911.1141920.
"""

from collections.abc import Iterator
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""Positions in nm, shape (n, 2), y and x."""

_Complex = NDArray[np.complex128]

_AT_ONCE = 1 << 22
"""Pairs of place and control point that are weighed at once."""

_STIFFNESS = 0.005
"""How far an affine map is drawn to the rigid one where control points do not spread
in both directions, in units of the smoothness squared."""


class Deformation(StrEnum):
    """What the neighbourhood of each place may do."""

    RIGID = "rigid"
    AFFINE = "affine"


def deform(
    places: Points,
    source: Points,
    target: Points,
    smoothness: float,
    kind: Deformation = Deformation.RIGID,
) -> Points:
    """Carry places along with control points.

    Parameters
    ----------
    places : ndarray of float, shape (m, 2)
        Where to look, nm.
    source, target : ndarray of float, shape (n, 2)
        Where each control point is and where it goes, nm; one at least.
    smoothness : float
        Distance in nm over which control points are averaged.
    kind : Deformation
        Rigid: turned and shifted, Eq. 8 of [1]_. Affine: also stretched and sheared,
        Eq. 5.

    Returns
    -------
    ndarray of float, shape (m, 2)
        Where the places go, nm.

    Notes
    -----
    Every place gets its own least-squares fit, in which a control point at distance d
    weighs (d² + s²)⁻², s the smoothness. In [1]_ s is 0 and control points go exactly
    where they are told; matches between sections are not as exact as that.

    Examples
    --------
    >>> corners = np.array([[0.0, 0.0], [0.0, 9.0], [9.0, 0.0]])
    >>> deform(np.array([[4.0, 4.0]]), corners, corners + 2, 1.0).round(6).tolist()
    [[6.0, 6.0]]
    """
    p, q = _as_complex(source), _as_complex(target)
    parts = [np.zeros(0, np.complex128)]
    for v in _pieces(_as_complex(places), len(p)):
        weight = (np.abs(v[:, None] - p) ** 2 + smoothness**2) ** -2.0
        weight /= weight.sum(axis=1, keepdims=True)
        p_mean, q_mean = weight @ p, weight @ q
        arm, turn = v - p_mean, _turn(weight, p, q, p_mean, q_mean)
        if kind is Deformation.AFFINE:
            spread = _STIFFNESS * smoothness**2
            parts.append(q_mean + _stretched(arm, weight, p, q, turn, spread))
        else:
            parts.append(q_mean + turn * arm)
    moved = np.concatenate(parts)
    return np.stack([moved.imag, moved.real], axis=1)


def _as_complex(points: Points) -> _Complex:
    return points[:, 1] + 1j * points[:, 0]


def _pieces(places: _Complex, n_points: int) -> Iterator[_Complex]:
    step = max(1, _AT_ONCE // n_points)
    for start in range(0, len(places), step):
        yield places[start : start + step]


def _turn(
    weight: NDArray[np.float64],
    p: _Complex,
    q: _Complex,
    p_mean: _Complex,
    q_mean: _Complex,
) -> _Complex:
    """Return the best rotation at each place, as a number of length 1."""
    turn = weight @ (p.conj() * q) - p_mean.conj() * q_mean
    length = np.abs(turn)
    # With one control point, or all in one place, there is nothing to turn by.
    known = length > 1e-9
    return np.where(known, turn / np.where(known, length, 1), 1)


def _stretched(
    arm: _Complex,
    weight: NDArray[np.float64],
    p: _Complex,
    q: _Complex,
    turn: _Complex,
    spread: float,
) -> _Complex:
    """Apply the best affine map at each place, drawn a little to the rigid one.

    An affine map is z ↦ a z + b z̄; its normal equations are two by two.
    """
    p_mean, q_mean = weight @ p, weight @ q
    power = weight @ (np.abs(p) ** 2) - np.abs(p_mean) ** 2 + spread
    skew = weight @ p**2 - p_mean**2
    along = weight @ (p.conj() * q) - p_mean.conj() * q_mean + spread * turn
    across = weight @ (p * q) - p_mean * q_mean
    determinant = power**2 - np.abs(skew) ** 2
    a = (power * along - skew.conj() * across) / determinant
    b = (power * across - skew * along) / determinant
    return a * arm + b * arm.conj()
