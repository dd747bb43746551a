"""Which channels of a foreign network are what, by the words in its description."""

import re
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.errors import InvalidParameterError, ReadError
from napari_mitoseg.exchange.read_rdf import ModelDescription, TensorDescription
from napari_mitoseg.models.foreign.config import MapSource

MapKind = Literal["semantic", "boundary"]
Maps = tuple[MapSource, ...]

SKIP = "-"
WORDS: dict[str, str] = {
    "semantic": r"mito|foreground|semantic|object|mask|organelle|^fg$",
    "boundary": r"bound|border|edge|contour|membrane|outline",
    "background": r"background|^bg$|^rest$",
}


def choose_maps(
    description: ModelDescription,
    examples: Sequence[NDArray[Any] | None],
    told: str = "",
) -> Maps:
    """Find the maps in the outputs of a model.

    Parameters
    ----------
    description : ModelDescription
        What is known about the model.
    examples : sequence of (ndarray or None)
        Example of each output.
    told : str
        What the channels are, in order over all outputs, as the user says it:
        ``semantic,boundary``, with ``-`` for those that are neither.

    Returns
    -------
    tuple of MapSource
        The semantic map, and the boundary map where there is one.

    Raises
    ------
    ReadError
        If nothing says which channel is the semantic map.
    InvalidParameterError
        If the user names other maps, or more than there are.
    """
    places = [
        (tensor, channel)
        for tensor, output in enumerate(description.outputs)
        for channel in range(_n_channels(output, examples[tensor]))
    ]
    if told:
        return _as_told(told, places)
    named = _by_names(description, places)
    if named:
        return named
    return _by_number(description, examples, places)


def _as_told(told: str, places: list[tuple[int, int]]) -> Maps:
    words = [word.strip() for word in told.split(",")]
    chosen = dict(zip(words, places, strict=False))
    chosen.pop(SKIP, None)
    once = len([word for word in words if word != SKIP]) == len(chosen)
    if (
        len(words) > len(places)
        or not once
        or not {*chosen} <= {"semantic", "boundary"}
    ):
        msg = (
            f"The channels were given as {told!r}; the model has {len(places)}. Give "
            "'semantic' and 'boundary' in their order, and - for others: "
            "-,semantic for background and foreground."
        )
        raise InvalidParameterError(msg)
    return _sources(chosen)


def _by_names(description: ModelDescription, places: list[tuple[int, int]]) -> Maps:
    """Choose by the names of channels, or of outputs that have one each."""
    chosen: dict[str, tuple[int, int]] = {}
    for tensor, channel in places:
        output = description.outputs[tensor]
        axis = output.axis("c")
        names = axis.channels if axis else ()
        alone = len([place for place in places if place[0] == tensor]) == 1
        words = [names[channel]] if channel < len(names) else []
        words += [output.name] if alone else []
        kind = next((k for word in words if (k := _kind(word))), "")
        if kind and kind not in chosen:
            chosen[kind] = (tensor, channel)
    if "semantic" in chosen:
        chosen.pop("background", None)
        return _sources(chosen)
    if "background" in chosen and len(places) == 1:
        tensor, channel = chosen["background"]
        source = {"name": "semantic", "tensor": tensor, "channel": channel}
        return (MapSource.parse({**source, "inverted": True}),)
    return ()


def _by_number(
    description: ModelDescription,
    examples: Sequence[NDArray[Any] | None],
    places: list[tuple[int, int]],
) -> Maps:
    """Choose by how many there are, and by what the model is said to do."""
    about = " ".join([description.name, description.text, *description.tags]).lower()
    first = places[0]
    if len(places) == 1:
        return _sources({"semantic": first})
    if "affinit" in about:
        return _sources({"semantic": first})
    if len(places) == 2:
        if _sums_to_one(examples[0]):
            return _sources({"semantic": places[1]})
        if re.search(r"bound|instance|mito", about):
            return _sources({"semantic": first, "boundary": places[1]})
    msg = (
        f"{description.name} has {len(places)} channels, and its description does not "
        "say which is what. Say it: --outputs semantic,boundary, with - for others."
    )
    raise ReadError(msg)


def _sources(chosen: dict[str, tuple[int, int]]) -> Maps:
    return tuple(
        MapSource.parse({"name": name, "tensor": place[0], "channel": place[1]})
        for name in ("semantic", "boundary")
        if (place := chosen.get(name)) is not None
    )


def _kind(word: str) -> str:
    """Say what a word stands for; boundaries first: "mito_boundary" is one."""
    for kind in ("boundary", "background", "semantic"):
        if re.search(WORDS[kind], word.lower()):
            return kind
    return ""


def _n_channels(output: TensorDescription, example: NDArray[Any] | None) -> int:
    """Count channels: those with names, or those of the example."""
    axis = output.axis("c")
    if axis is None:
        return 1
    if axis.channels:
        return len(axis.channels)
    if example is not None and example.ndim == len(output.axes):
        return int(example.shape[output.order.index("c")])
    return axis.least


def _sums_to_one(example: NDArray[Any] | None) -> bool:
    """Say whether two channels are a class and the rest."""
    if example is None or example.ndim < 3 or example.shape[1] != 2:
        return False
    return bool(np.allclose(example.sum(axis=1, dtype=np.float64), 1, atol=1e-3))
