"""What a BioImage.IO description does to images and maps, as operations of ours."""

from typing import Any

from napari_mitoseg.errors import ReadError
from napari_mitoseg.exchange.read_rdf import TensorDescription
from napari_mitoseg.models.foreign.operations import (
    Before,
    Behind,
    Binarize,
    Clip,
    Linear,
    ScaleRange,
    Shift,
    Sigmoid,
    Softmax,
    Standardize,
)

EPS = 1e-6
"""Added to a fixed deviation, as `bioimageio.core` does."""


def read_before(tensor: TensorDescription) -> tuple[Before, ...]:
    """Return what is done to the image, as operations.

    Parameters
    ----------
    tensor : TensorDescription
        The input.

    Returns
    -------
    tuple of Before
        In order.

    Raises
    ------
    ReadError
        If something is not known here.
    """
    return tuple(
        operation
        for name, settings in tensor.operations
        for operation in _before(name, settings, tensor)
    )


def read_behind(tensor: TensorDescription) -> tuple[Behind, ...]:
    """Return what is done to an output, as operations.

    Parameters
    ----------
    tensor : TensorDescription
        An output.

    Returns
    -------
    tuple of Behind
        In order.

    Raises
    ------
    ReadError
        If something is not known here.
    """
    return tuple(
        operation
        for name, settings in tensor.operations
        for operation in _behind(name, settings)
    )


def _before(
    name: str, settings: dict[str, Any], tensor: TensorDescription
) -> tuple[Before, ...]:
    """Translate one operation on the image."""
    if name == "zero_mean_unit_variance" and settings.get("mode") != "fixed":
        eps = float(settings.get("eps", EPS))
        return (Standardize(eps=eps, scope=_scope(settings, tensor)),)
    if name == "scale_range":
        low = float(settings.get("min_percentile", 0.0))
        high = float(settings.get("max_percentile", 100.0))
        eps = float(settings.get("eps", EPS))
        scope = _scope(settings, tensor)
        return (ScaleRange(low=low, high=high, eps=eps, scope=scope),)
    if name in {"zero_mean_unit_variance", "fixed_zero_mean_unit_variance"}:
        mean, deviation = _single(settings["mean"]), _single(settings["std"])
        return (Shift(minus=mean, over=deviation + EPS),)
    return _either(name, settings)


def _behind(name: str, settings: dict[str, Any]) -> tuple[Behind, ...]:
    """Translate one operation on an output."""
    if name == "sigmoid":
        return (Sigmoid(),)
    if name == "softmax":
        return (Softmax(),)
    return _either(name, settings)


def _either(
    name: str, settings: dict[str, Any]
) -> tuple[Linear | Clip | Binarize, ...]:
    """Translate an operation that images and outputs have in common."""
    if name == "ensure_dtype":
        return ()
    if name == "scale_linear":
        gain, offset = settings.get("gain", 1.0), settings.get("offset", 0.0)
        return (Linear(gain=_single(gain), offset=_single(offset)),)
    if name == "clip" and not settings.keys() & {"min_percentile", "max_percentile"}:
        low, high = settings.get("min"), settings.get("max")
        return (Clip(low=low, high=high),)
    if name == "binarize":
        return (Binarize(threshold=_single(settings["threshold"])),)
    msg = (
        f"The description asks for {name!r} ({settings}), which is not known here. "
        "Known are zero_mean_unit_variance, scale_range, scale_linear, clip, binarize, "
        "sigmoid and softmax."
    )
    raise ReadError(msg)


def _scope(settings: dict[str, Any], tensor: TensorDescription) -> Any:
    """Say whether statistics are those of a slice or of the whole stack."""
    axes = settings.get("axes")
    over_z = axes is None or "z" in axes
    return "stack" if over_z and tensor.axis("z") is not None else "slice"


def _single(value: Any) -> float:
    """Return a number; lists of one are for the only channel."""
    if isinstance(value, list):
        if len({*value}) != 1:
            msg = f"Channels have settings of their own ({value}); one is expected."
            raise ReadError(msg)
        value = value[0]
    return float(value)
