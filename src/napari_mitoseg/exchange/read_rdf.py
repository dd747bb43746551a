"""The parts of a BioImage.IO description that running a model needs.

Layouts 0.4 and 0.5 of `bioimageio.spec`; read here because importing that package
takes two seconds, and because only these few fields matter.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from napari_mitoseg.errors import MitoSegError, ReadError

NANOMETRES = {
    "nanometer": 1.0,
    "micrometer": 1e3,
    "millimeter": 1e6,
    "angstrom": 0.1,
    "picometer": 1e-3,
}


@dataclass(frozen=True)
class Axis:
    """One axis of a tensor.

    Attributes
    ----------
    name : str
        One of b c z y x.
    least, step : int
        Sizes are the least plus multiples of the step; a step of 0 allows no other.
    halo : int
        Voxels at the rim that do not count.
    spacing : float or None
        Nanometres; None where not said.
    channels : tuple of str
        Names of channels.
    """

    name: str
    least: int = 1
    step: int = 0
    halo: int = 0
    spacing: float | None = None
    channels: tuple[str, ...] = ()


@dataclass(frozen=True)
class TensorDescription:
    """What a description says about one input or output.

    Attributes
    ----------
    name : str
        Identifier.
    axes : tuple of Axis
        In order.
    dtype : str
        Type of its numbers.
    range : tuple
        Least and largest value; None where not said.
    operations : tuple of (str, dict)
        Name and settings of what is done to it.
    test : str
        File with an example.
    """

    name: str
    axes: tuple[Axis, ...]
    dtype: str
    range: tuple[float | None, float | None]
    operations: tuple[tuple[str, dict[str, Any]], ...] = ()
    test: str = ""

    @property
    def order(self) -> str:
        """Names of the axes, in order."""
        return "".join(axis.name for axis in self.axes)

    def axis(self, name: str) -> Axis | None:
        """Return the axis of a name; None where there is none."""
        return next((axis for axis in self.axes if axis.name == name), None)


@dataclass(frozen=True)
class WeightsFile:
    """A file with weights.

    Attributes
    ----------
    kind : str
        Format.
    source : str
        Name in the package, or an address.
    sha256 : str
        Checksum; empty where not said.
    """

    kind: str
    source: str
    sha256: str


@dataclass(frozen=True)
class ModelDescription:
    """What a description says about a model.

    Attributes
    ----------
    name, text, licence : str
        For people.
    authors, citation, tags : tuple of str
        Likewise.
    inputs, outputs : tuple of TensorDescription
        What goes in and comes out.
    weights : tuple of WeightsFile
        Formats there are.
    config : dict
        Parts of single programs.
    documentation : str
        Name of a file.
    """

    name: str
    text: str
    licence: str
    authors: tuple[str, ...]
    citation: tuple[str, ...]
    tags: tuple[str, ...]
    inputs: tuple[TensorDescription, ...]
    outputs: tuple[TensorDescription, ...]
    weights: tuple[WeightsFile, ...]
    config: dict[str, Any] = field(default_factory=dict)
    documentation: str = ""


def read_description(content: dict[str, Any]) -> ModelDescription:
    """Read a description.

    Parameters
    ----------
    content : dict
        What ``rdf.yaml`` holds.

    Returns
    -------
    ModelDescription
        Of layout 0.4 or 0.5.

    Raises
    ------
    ReadError
        If it is no model, has another layout, or lacks what is needed.
    """
    version = str(content.get("format_version", ""))
    if content.get("type", "model") != "model" or version[:4] not in {"0.4.", "0.5."}:
        msg = (
            f"The description is of type {content.get('type')!r} and layout "
            f"{version or 'none'!r}; models of BioImage.IO 0.4 and 0.5 are read."
        )
        raise ReadError(msg)
    with understood("description"):
        return _description(content, is_old=version.startswith("0.4."))


@contextmanager
def understood(what: str) -> Iterator[None]:
    """Say that a file lacks something, where reading it meets what it did not expect.

    Parameters
    ----------
    what : str
        What is read, for the message.

    Yields
    ------
    None
        While it is read.

    Raises
    ------
    ReadError
        Instead of the errors that missing keys and values of other types raise.
    """
    try:
        yield
    except MitoSegError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as e:
        msg = (
            f"The {what} lacks something, or says it in another way: {e!r}. Get the "
            "model again, or ask its authors for one that bioimageio.spec accepts."
        )
        raise ReadError(msg) from e


def _description(content: dict[str, Any], *, is_old: bool) -> ModelDescription:
    tests = {
        side: [_file_name(one) for one in content.get(f"test_{side}", ())]
        for side in ("inputs", "outputs")
    }
    read = _old_tensor if is_old else _new_tensor
    sides = {
        side: tuple(
            read(one, side, tests[side][n] if n < len(tests[side]) else "")
            for n, one in enumerate(content[side])
        )
        for side in ("inputs", "outputs")
    }
    return ModelDescription(
        name=str(content["name"]),
        text=str(content.get("description") or ""),
        licence=str(content.get("license") or ""),
        authors=tuple(str(one["name"]) for one in content.get("authors") or ()),
        citation=tuple(_cited(one) for one in content.get("cite") or ()),
        tags=tuple(str(tag) for tag in content.get("tags") or ()),
        inputs=sides["inputs"],
        outputs=sides["outputs"],
        weights=tuple(
            WeightsFile(str(kind), _file_name(one), str(one.get("sha256") or ""))
            for kind, one in content["weights"].items()
            if one is not None
        ),
        config=dict(content.get("config") or {}),
        documentation=_file_name(content.get("documentation") or ""),
    )


def _cited(entry: dict[str, Any]) -> str:
    where = entry.get("doi") or entry.get("url") or ""
    return f"{entry.get('text', '')} {where}".strip()


def _file_name(entry: Any) -> str:
    """Return the name of a file, given as such or with its checksum."""
    return str(entry.get("source") if isinstance(entry, dict) else entry)


def _old_tensor(content: dict[str, Any], side: str, test: str) -> TensorDescription:
    """Read a tensor of layout 0.4."""
    names, shape = str(content["axes"]), content["shape"]
    if isinstance(shape, dict) and "min" in shape:
        least, step = shape["min"], shape["step"]
    else:
        least = shape if isinstance(shape, list) else [1] * len(names)
        step = [0] * len(names)
    halo = content.get("halo") or [0] * len(names)
    operations = content.get(f"{'pre' if side == 'inputs' else 'post'}processing") or ()
    return TensorDescription(
        name=str(content["name"]),
        axes=tuple(
            Axis(_letter(name), int(a), int(b), int(h))
            for name, a, b, h in zip(names, least, step, halo, strict=True)
        ),
        dtype=str(content["data_type"]),
        range=_range(content.get("data_range")),
        operations=tuple(
            (str(one["name"]), one.get("kwargs") or {}) for one in operations
        ),
        test=test,
    )


def _new_tensor(content: dict[str, Any], side: str, _test: str) -> TensorDescription:
    """Read a tensor of layout 0.5."""
    data = content.get("data") or {}
    data = data[0] if isinstance(data, list) else data
    operations = content.get(f"{'pre' if side == 'inputs' else 'post'}processing") or ()
    return TensorDescription(
        name=str(content.get("id") or ("input" if side == "inputs" else "output")),
        axes=tuple(_new_axis(one) for one in content["axes"]),
        dtype=str(data.get("type", "float32")),
        range=_range(data.get("range")),
        operations=tuple(
            (str(one["id"]), one.get("kwargs") or {}) for one in operations
        ),
        test=_file_name(content.get("test_tensor") or ""),
    )


def _new_axis(content: dict[str, Any]) -> Axis:
    kind = str(content["type"])
    if kind in {"batch", "channel"}:
        names = tuple(str(name) for name in content.get("channel_names") or ())
        # A batch of any size is a step of 1; channels have the size of their names.
        step = int(kind == "batch" and content.get("size") is None)
        return Axis(kind[0], max(len(names), 1), step, channels=names)
    if kind != "space":
        msg = f"It has an axis of kind {kind!r}; images have channels and space."
        raise ReadError(msg)
    size, unit = content.get("size"), content.get("unit")
    least, step = (int(size), 0) if isinstance(size, int) else (1, 1)
    if isinstance(size, dict) and "min" in size:
        least, step = int(size["min"]), int(size["step"])
    factor = NANOMETRES.get(str(unit))
    spacing = None if factor is None else float(content.get("scale", 1.0)) * factor
    halo = int(content.get("halo") or 0)
    return Axis(_letter(str(content.get("id", "x"))), least, step, halo, spacing)


def _letter(name: str) -> str:
    if name not in {"b", "c", "z", "y", "x"}:
        msg = f"It has an axis {name!r}; b, c, z, y and x are known."
        raise ReadError(msg)
    return name


def _range(given: Any) -> tuple[float | None, float | None]:
    if not given:
        return None, None
    low, high = (None if one is None else float(one) for one in given)
    return low, high
