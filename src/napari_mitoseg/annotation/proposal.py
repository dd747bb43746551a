"""Which slices to label: a regular choice first, the doubtful ones later."""

import math
import re
from collections.abc import Collection, Sequence

import numpy as np

from napari_mitoseg.errors import InvalidParameterError

DEFAULT_EVERY = 5
APART = 2
PART = re.compile(r"(\d+)(?:\s*[-–]\s*(\d+))?")


def every_kth(n_slices: int, k: int = DEFAULT_EVERY) -> tuple[int, ...]:
    """Propose every k-th slice, beginning with the first.

    Parameters
    ----------
    n_slices : int
        Slices in the stack.
    k : int
        Distance between proposed slices.

    Returns
    -------
    tuple of int
        Slice numbers in order.

    Raises
    ------
    InvalidParameterError
        If k is below 1.

    Examples
    --------
    >>> every_kth(20)
    (0, 5, 10, 15)
    """
    if k < 1:
        msg = f"Every {k}th slice was asked for. Give 1 or more; 5 is usual."
        raise InvalidParameterError(msg)
    return tuple(range(0, n_slices, k))


def listed_slices(text: str, n_slices: int | None = None) -> tuple[int, ...]:
    """Read a list of slices as a person would write it.

    Parameters
    ----------
    text : str
        Numbers and ranges, ends included, between commas.
    n_slices : int, optional
        Slices in the stack; any number is right when absent.

    Returns
    -------
    tuple of int
        Slice numbers in order, each once.

    Raises
    ------
    InvalidParameterError
        If a part is neither a number nor a range, or lies outside the stack.

    Examples
    --------
    >>> listed_slices("0, 7, 12-14", 20)
    (0, 7, 12, 13, 14)
    """
    found: set[int] = set()
    for part in filter(None, (p.strip() for p in re.split(r"[,;]", text))):
        found.update(_range(part))
    outside = [z for z in found if n_slices is not None and z >= n_slices]
    if n_slices is not None and outside:
        msg = (
            f"Slice {min(outside)} was asked for; this stack has slices 0 to "
            f"{n_slices - 1}."
        )
        raise InvalidParameterError(msg)
    return tuple(sorted(found))


def worth_labelling(
    disagreement: Sequence[float],
    n: int,
    *,
    complete: Collection[int] = (),
    apart: int = APART,
) -> tuple[int, ...]:
    """Propose the slices whose labels would teach a model most.

    Parameters
    ----------
    disagreement : sequence of float
        One number a slice; NaN where none is known.
    n : int
        How many slices to propose at most.
    complete : collection of int
        Slices that are labelled already; never proposed.
    apart : int
        Least distance between proposed slices, and to complete ones: neighbours look
        alike, and labelling both teaches little more than one.

    Returns
    -------
    tuple of int
        Slice numbers, the most doubtful first.

    Notes
    -----
    Greedy: the most doubtful slice that is far enough from those chosen before; ties go
    to the earlier slice.  Where no slice is far enough, the distance is halved, so that
    something is proposed as long as a slice is left.

    Examples
    --------
    >>> worth_labelling([0.1, 0.2, 0.9, 0.8, 0.3, 0.4], 2, complete=[0])
    (2, 5)
    """
    doubt = np.asarray(disagreement, dtype=float)
    order = np.argsort(-doubt, kind="stable")
    candidates = [
        int(z) for z in order if math.isfinite(doubt[z]) and z not in complete
    ]
    chosen: list[int] = []
    while apart > 0 and not chosen:
        for z in candidates:
            if len(chosen) < n and _distance(z, [*complete, *chosen]) >= apart:
                chosen.append(z)
        apart //= 2
    return tuple(chosen)


def _distance(z: int, others: Sequence[int]) -> float:
    return min((abs(z - other) for other in others), default=math.inf)


def _range(part: str) -> range:
    match = PART.fullmatch(part)
    first, last = match.groups() if match else ("1", "0")
    numbers = range(int(first), int(last or first) + 1)
    if not numbers:
        msg = (
            f"{part!r} is no slice number or range. Write numbers and ranges between "
            "commas, for example: 0, 5, 10-12."
        )
        raise InvalidParameterError(msg)
    return numbers
