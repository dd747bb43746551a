"""Layers that a job is reading, so that no operation changes them meanwhile."""

from weakref import WeakKeyDictionary

from napari.layers import Layer

_READ: WeakKeyDictionary[Layer, list[str]] = WeakKeyDictionary()


class Reading:
    """The hold of a job on the layers that it reads.

    Parameters
    ----------
    doing : str
        What is done to them: ``"measured"``.
    *layers : napari.layers.Layer or None
        The layers.
    """

    def __init__(self, doing: str, *layers: Layer | None) -> None:
        self._doing = doing
        self._layers = [one for one in layers if one is not None]

    def begin(self) -> None:
        """Hold the layers."""
        for layer in self._layers:
            _READ.setdefault(layer, []).append(self._doing)

    def end(self) -> None:
        """Let go of them."""
        for layer in self._layers:
            _READ[layer].remove(self._doing)
        self._layers.clear()


def why_held(layer: Layer) -> str:
    """Say why a layer must not be changed now.

    Parameters
    ----------
    layer : napari.layers.Layer
        Any layer.

    Returns
    -------
    str
        What is done to it and what to do; empty where no job reads it.
    """
    doing = _READ.get(layer)
    if not doing:
        return ""
    return (
        f"{layer.name} is being {doing[0]}, and must stay as it is until then. Wait "
        "for the end, or press Cancel there."
    )
