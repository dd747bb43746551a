"""Which part of a file with named axes is the stack."""

from collections.abc import Sequence

from napari_mitoseg.errors import InvalidParameterError, ShapeError

SPATIAL = "zyx"
UNNAMED = "iq"
CHOICES = {"c": "channel", "t": "time"}
HINTS = {
    "c": "save one channel as its own stack",
    "t": "save one time point as its own stack; if these are slices, swap t and z "
    "in Fiji under Image > Properties",
}


def pick_axes(
    axes: str,
    shape: Sequence[int],
    *,
    channel: int | None,
    time: int | None,
    name: str,
) -> tuple[int | slice, ...]:
    """Return the index that leaves z, y and x of an array.

    Parameters
    ----------
    axes : str
        One lower-case letter an axis, z before y before x; ``s`` (samples of a
        pixel) counts as channel, ``i`` and ``q`` are axes without a meaning.
    shape : sequence of int
        Size along each axis.
    channel, time : int or None
        Which one to take.
    name : str
        Name of the file for messages.

    Returns
    -------
    tuple of int or slice
        Whole slices for z, y and x, a number for every other axis.

    Raises
    ------
    ShapeError
        If an axis longer than one is neither spatial nor chosen from.
    InvalidParameterError
        If a choice is outside its axis.

    Notes
    -----
    The one unnamed axis of a file without z is taken for z: that is how plain
    multi-page TIFFs hold their slices.

    Examples
    --------
    >>> pick_axes("tczyx", (1, 2, 9, 5, 5), channel=1, time=None, name="a.tif")
    (0, 1, slice(None, None, None), slice(None, None, None), slice(None, None, None))
    """
    named = _with_z(axes.replace("s", "c"), shape)
    sizes = [(axis, size) for axis, size in zip(named, shape, strict=True)]
    choices = {"c": channel, "t": time}
    for axis, choice in choices.items():
        _check_choice(axis, choice, [n for a, n in sizes if a == axis], name)
    return tuple(_pick(axis, size, choices.get(axis), name) for axis, size in sizes)


def _with_z(axes: str, shape: Sequence[int]) -> str:
    """Call the one unnamed axis z where there is no z."""
    long = [axis for axis, size in zip(axes, shape, strict=True) if size > 1]
    unnamed = [axis for axis in long if axis in UNNAMED]
    if "z" in long or len(unnamed) != 1:
        return axes
    at = next(i for i, axis in enumerate(axes) if axis in UNNAMED and shape[i] > 1)
    renamed = axes.replace("z", "q")
    return renamed[:at] + "z" + renamed[at + 1 :]


def _check_choice(axis: str, choice: int | None, sizes: list[int], name: str) -> None:
    long = [size for size in sizes if size > 1]
    if len(long) > 1:
        msg = f"{name} has two axes of channels ({long}); {HINTS[axis]}."
        raise ShapeError(msg)
    size = long[0] if long else 1
    if choice is not None and not 0 <= choice < size:
        msg = (
            f"{CHOICES[axis]}={choice} was asked of {name}, which has {size}; "
            f"choose 0 to {size - 1}."
        )
        raise InvalidParameterError(msg)


def _pick(axis: str, size: int, choice: int | None, name: str) -> int | slice:
    if axis in SPATIAL:
        return slice(None)
    if size == 1:
        return 0
    if axis not in CHOICES:
        msg = (
            f"{name} has an axis {axis!r} of length {size} beside z, y and x; a stack "
            "has three axes. Save the part to segment as its own stack."
        )
        raise ShapeError(msg)
    if choice is None:
        word = CHOICES[axis]
        msg = (
            f"{name} has a {word} axis of length {size}; choose one, 0 to {size - 1} "
            f"(--{word} on the command line, {word}= in Python), or {HINTS[axis]}."
        )
        raise ShapeError(msg)
    return choice
