"""From a BioImage.IO package to a model of this program."""

import hashlib
from collections.abc import Callable
from typing import Any, Literal

from numpy.typing import NDArray

from napari_mitoseg.errors import (
    InvalidParameterError,
    ReadError,
    WeightsError,
)
from napari_mitoseg.exchange.candidate import Candidate
from napari_mitoseg.exchange.description import OWN
from napari_mitoseg.exchange.map_names import choose_maps
from napari_mitoseg.exchange.package import Package
from napari_mitoseg.exchange.read_operations import read_before, read_behind
from napari_mitoseg.exchange.read_rdf import (
    ModelDescription,
    TensorDescription,
    WeightsFile,
    read_description,
    understood,
)
from napari_mitoseg.exchange.yaml_file import MOST_BYTES, read_yaml
from napari_mitoseg.io.npy import read_npy
from napari_mitoseg.models.foreign.config import ForeignConfig
from napari_mitoseg.models.zoo import CARD_FILE, FOREIGN_FILES, WEIGHTS_FILE, ModelCard
from napari_mitoseg.volume import Spacing, as_spacing

RDF_NAMES = ("rdf.yaml", "bioimageio.yaml", "model.yaml", "rdf.yml")
MOST_EXAMPLE = 2**28
"""Bytes of an example: it is only looked at."""

Choice = Literal["auto", "own", "onnx", "torchscript"]
Fetch = Callable[[str, str], bytes]
"""Returns the content at an address, given its sha256."""


def find_rdf(names: tuple[str, ...]) -> str:
    """Return the name of the description in a package; empty where there is none."""
    known = (n for n in names if n.rsplit("/", 1)[-1] in RDF_NAMES)
    return min(known, key=lambda name: name.count("/"), default="")


def read_package(
    package: Package,
    fetch: Fetch,
    choice: Choice = "auto",
    spacing: Spacing | None = None,
    outputs: str = "",
) -> Candidate:
    """Read a BioImage.IO package.

    Parameters
    ----------
    package : Package
        Its files.
    fetch : callable
        For files that the description gives an address for.
    choice : {"auto", "own", "onnx", "torchscript"}
        Which weights: auto takes those of a package of ours that need no graph, then
        ONNX, then TorchScript.
    spacing : tuple of float, optional
        Spacing of the training images, nm, ZYX; overrides the description's.
    outputs : str
        What the channels are, see `map_names.choose_maps`.

    Returns
    -------
    Candidate
        Card and weights, not yet tried.

    Raises
    ------
    ReadError
        If something cannot be read, or is said in a way that is not known here.
    WeightsError
        If there are no weights that can be run, or they are damaged.
    InvalidParameterError
        If the spacing is nowhere said.
    """
    rdf = find_rdf(package.names)
    folder = rdf.rpartition("/")[0]
    content = read_yaml(package.read(rdf, MOST_BYTES), rdf)
    own = _own_model(package, folder) if choice in {"auto", "own"} else None
    if own is not None:
        return own
    if choice == "own":
        msg = "The package holds no model of this program. Take its other weights."
        raise WeightsError(msg)
    description = read_description(content)
    weights = _choose_weights(description, choice)
    data = _content(package, folder, weights, fetch)
    examples = [_example(package, folder, one) for one in description.outputs]
    with understood("description"):
        config = _config(description, examples, outputs)
        card = _card(description, config, weights.kind, data, spacing)
    return Candidate(card, data)


def _own_model(package: Package, folder: str) -> Candidate | None:
    """Return the model of ours in a package; None where it was left out."""
    card, weights = (_inside(folder, name) for name in (CARD_FILE, WEIGHTS_FILE))
    if not {card, weights} <= {*package.names}:
        return None
    return Candidate.from_files(package.read(card, MOST_BYTES), package.read(weights))


def _inside(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _choose_weights(description: ModelDescription, choice: str) -> WeightsFile:
    wanted = tuple(FOREIGN_FILES) if choice == "auto" else (choice,)
    there = {one.kind: one for one in description.weights}
    for kind in wanted:
        if kind in there:
            return there[kind]
    msg = (
        f"{description.name} has weights as {', '.join(there) or 'nothing'}; "
        f"{' or '.join(wanted)} can be run here: the others need code of their "
        "authors. Ask them for ONNX, or convert it with bioimageio add-weights."
    )
    raise WeightsError(msg)


def _content(
    package: Package, folder: str, weights: WeightsFile, fetch: Fetch
) -> bytes:
    """Return weights, from the package or from their address, and check them."""
    if "://" in weights.source:
        return fetch(weights.source, weights.sha256)
    content = package.read(_inside(folder, weights.source))
    found = hashlib.sha256(content).hexdigest()
    if weights.sha256 and found != weights.sha256.lower():
        msg = (
            f"{weights.source} is damaged: its sha256 is {found}, the description says "
            f"{weights.sha256}. Get the package again."
        )
        raise WeightsError(msg)
    return content


def _example(
    package: Package, folder: str, tensor: TensorDescription
) -> NDArray[Any] | None:
    """Return the example of an output; None where it is not in the package."""
    name = _inside(folder, tensor.test)
    if not tensor.test.endswith(".npy") or name not in package.names:
        return None
    return read_npy(package.read(name, MOST_EXAMPLE), name)


def _config(
    description: ModelDescription, examples: list[NDArray[Any] | None], told: str
) -> ForeignConfig:
    """Say how the network is run."""
    if len(description.inputs) != 1:
        msg = (
            f"{description.name} takes {len(description.inputs)} inputs; models that "
            "take one image can be run."
        )
        raise ReadError(msg)
    (image,) = description.inputs
    space = [image.axis(name) for name in "zyx"]
    known = [axis for axis in space if axis is not None]
    output = description.outputs[0]
    halo = [0 if (axis := output.axis(name)) is None else axis.halo for name in "zyx"]
    batch = image.axis("b")
    least = [1 if axis is None else axis.least for axis in space]
    own = description.config.get(OWN)
    if isinstance(own, dict):
        # Other tools are asked for more than the network needs, and a smaller halo.
        least, halo = own.get("divisor", least), own.get("halo", halo)
    maps = choose_maps(description, examples, told)
    returned = [
        {"key": "", "axes": one.order, "operations": _finished(one, example)}
        for one, example in zip(description.outputs, examples, strict=True)
    ]
    return ForeignConfig.parse(
        {
            "dimensions": len(known),
            "context": _context(image, description),
            "axes": image.order,
            "batched": batch is not None and batch.step != 0,
            "dtype": _dtype(image),
            "smallest": least,
            "step": [1 if axis is None else max(axis.step, 1) for axis in space],
            "fixed": [axis is not None and axis.step == 0 for axis in space],
            "halo": halo,
            "preprocessing": read_before(image),
            "returned": returned,
            "maps": maps,
        }
    )


def _finished(tensor: TensorDescription, example: NDArray[Any] | None) -> list[Any]:
    """Return the operations on an output, with a sigmoid where it needs one.

    Notes
    -----
    A description need not say whether a network ends with a sigmoid; its example does.
    """
    operations = [*read_behind(tensor)]
    kinds = {one.kind for one in operations}
    low, high = tensor.range
    said = low is not None and high is not None and low >= 0 and high <= 1
    seen = example is not None and bool(example.min() >= 0 and example.max() <= 1)
    is_done = kinds & {"sigmoid", "softmax", "binarize"} or said or seen
    return operations if is_done else [*operations, {"kind": "sigmoid"}]


def _context(image: TensorDescription, description: ModelDescription) -> int:
    """Return how many slices on each side are channels of the input."""
    axis = image.axis("c")
    n = 1 if axis is None else max(axis.least, len(axis.channels))
    if n == 1:
        return 0
    own = description.config.get(OWN)
    if isinstance(own, dict) and own.get("context") == (n - 1) // 2 and n % 2:
        return (n - 1) // 2
    names = f" ({', '.join(axis.channels)})" if axis and axis.channels else ""
    msg = f"{description.name} takes {n} channels{names}; EM stacks have one."
    raise ReadError(msg)


def _dtype(image: TensorDescription) -> str:
    """Return the type of numbers that the network itself takes."""
    asked = [s.get("dtype") for name, s in image.operations if name == "ensure_dtype"]
    wanted = str(asked[-1]) if asked else image.dtype
    # Descriptions often leave out that what is normalised is no whole number any more.
    is_changed = any(name != "ensure_dtype" for name, _ in image.operations)
    return "float32" if is_changed and "float" not in wanted else wanted


def _card(
    description: ModelDescription,
    config: ForeignConfig,
    kind: str,
    content: bytes,
    spacing: Spacing | None,
) -> ModelCard:
    own = description.config.get(OWN) or {}
    inside = isinstance(own, dict) and own.get("normalization") == "inside"
    limits = (
        ("Each tile is normalised by itself: take tiles as large as the slices.",)
        if inside
        else ()
    )
    return ModelCard.parse(
        {
            "name": description.name,
            "architecture": kind,
            "config": config.model_dump(mode="json"),
            "spacing": spacing or _spacing(description),
            "outputs": config.outputs,
            "halo": config.halo,
            "sha256": hashlib.sha256(content).hexdigest(),
            "description": description.text,
            "authors": description.authors,
            "licence": description.licence,
            "citation": description.citation,
            "limits": limits,
        }
    )


def _spacing(description: ModelDescription) -> Spacing:
    """Return the spacing that the description gives, nm, ZYX."""
    own = description.config.get(OWN)
    if isinstance(own, dict) and isinstance(own.get("spacing"), list):
        return as_spacing([float(v) for v in own["spacing"]])
    axes = [description.inputs[0].axis(name) for name in "zyx"]
    z, y, x = (None if axis is None else axis.spacing for axis in axes)
    if y is None or x is None or (axes[0] is not None and z is None):
        msg = (
            f"{description.name} does not say at which spacing it was trained. Give "
            "it: --spacing Z,Y,X in nm, for example 30,8,8."
        )
        raise InvalidParameterError(msg)
    return z or y, y, x
