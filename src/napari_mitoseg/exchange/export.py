"""Write a trained model for other programs, or for another computer."""

import hashlib
import io
import json
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from torch import Tensor

from napari_mitoseg.documents import read_json
from napari_mitoseg.errors import InvalidParameterError, ReadError
from napari_mitoseg.exchange.description import (
    COVER,
    RDF,
    README,
    TEST_INPUT,
    TEST_OUTPUT,
    PackedFile,
    describe_package,
    packed_size,
    write_readme,
)
from napari_mitoseg.exchange.graph import (
    MapsGraph,
    as_onnx,
    as_torchscript,
    check_exportable,
)
from napari_mitoseg.exchange.plain import describe_plain
from napari_mitoseg.exchange.same_bytes import pack
from napari_mitoseg.exchange.yaml_file import write_yaml
from napari_mitoseg.io.atomic import staged
from napari_mitoseg.jobs import Job, Progress
from napari_mitoseg.models.base import Network
from napari_mitoseg.models.zoo import (
    CARD_FILE,
    FOREIGN_FILES,
    OWN_DATA,
    WEIGHTS_FILE,
    TrainedModel,
    find_model,
    load_model,
)

Format = Literal["bioimageio", "torchscript", "onnx", "mitoseg"]
WeightsFormat = Literal["torchscript", "onnx"]
ENDINGS: dict[Format, str] = {
    "bioimageio": ".zip",
    "torchscript": ".pt",
    "onnx": ".onnx",
    "mitoseg": ".zip",
}
Files = dict[str, bytes]


def export_model(
    name: str,
    out: Path,
    kind: Format = "bioimageio",
    weights: tuple[WeightsFormat, ...] = ("torchscript",),
    authors: tuple[str, ...] = (),
    licence: str = "",
) -> Job[tuple[Path, ...]]:
    """Export a trained model.

    Parameters
    ----------
    name : str
        Name or folder of the model.
    out : Path
        File to write: ``.zip`` for packages, ``.pt`` for TorchScript, ``.onnx``.
    kind : {"bioimageio", "torchscript", "onnx", "mitoseg"}
        A BioImage.IO package; the bare graph with a JSON file beside it; or the
        model's own files in an archive.
    weights : tuple of {"torchscript", "onnx"}
        Formats in a BioImage.IO package.
    authors : tuple of str
        Who made the model; what its card says when absent.
    licence : str
        SPDX identifier; what its card says when absent.

    Yields
    ------
    Progress
        One per part.

    Returns
    -------
    tuple of Path
        The files written.

    Raises
    ------
    InvalidParameterError
        If the name of the file does not end as it should, a package is missing, or the
        weights have other terms than the licence that is given.
    UnknownNameError, WeightsError
        If the model cannot be loaded, or the format cannot hold it.
    WriteError
        If the disk refuses; nothing new is left then.
    """
    check_ending(out, kind)
    if kind in {"onnx", "torchscript"}:
        _check_beside(out.with_suffix(".json"), kind)
    yield Progress(0, 4, "Loading the model")
    model = load_model(name)
    model = _signed(model, authors, licence)
    if kind == "mitoseg":
        files = {out.name: _own_archive(model, find_model(name))}
    else:
        check_exportable(model.network)
        if kind == "bioimageio":
            packed = yield from _pack(model, find_model(name), weights)
            files = {out.name: pack(packed)}
        else:
            files = yield from _plain(model, out, kind)
    yield Progress(3, 4, f"Writing {out.name}")
    with staged(out.parent, files) as paths:
        for each, content in files.items():
            paths[each].write_bytes(content)
    return tuple(out.parent / each for each in files)


def check_ending(out: Path, kind: Format) -> None:
    """Refuse a file name that does not say what the file is.

    Parameters
    ----------
    out : Path
        File to write.
    kind : str
        Its format.

    Raises
    ------
    InvalidParameterError
        If the ending is another one.
    """
    if out.suffix != ENDINGS[kind]:
        msg = (
            f"The file is to be called {out.name}; the format {kind} is written to "
            f"files that end in {ENDINGS[kind]}."
        )
        raise InvalidParameterError(msg)


def _check_beside(beside: Path, kind: Format) -> None:
    """Refuse to write a description over that of another graph, or another file."""
    if not beside.exists():
        return
    with suppress(ReadError, LookupError, TypeError):
        if read_json(beside)["card"]["architecture"] == kind:
            return
    msg = (
        f"{beside} is there already and belongs to another file. What is to be known "
        f"of a graph in the format {kind} is written there: give it another name."
    )
    raise InvalidParameterError(msg)


def test_image(network: Network) -> NDArray[np.float32]:
    """Make an image to test a package with: dark bodies in noise.

    Parameters
    ----------
    network : Network
        Says the shape.

    Returns
    -------
    ndarray of float32
        Of the least size that packages ask for, 0 to 255.
    """
    depth, height, width = packed_size(network)
    channels = network.in_channels
    planes = channels if network.dimensions == 2 else depth
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(planes, height, width))
    bodies = ndimage.gaussian_filter(noise, (1, height / 16, width / 16))
    grey = 150 - 60 * (bodies > np.quantile(bodies, 0.8)) + 12 * noise
    image = np.clip(grey.round(), 0, 255).astype(np.float32)
    return image[None] if network.dimensions == 2 else image[None, None]


test_image.__test__ = False  # type: ignore[attr-defined] # not a test, for pytest


def _signed(
    model: TrainedModel, authors: tuple[str, ...], licence: str
) -> TrainedModel:
    """Return the model with what the user says about its origin.

    Terms that weights have inherited, from data or from a parent, are not the user's to
    change.
    """
    known = model.card.licence
    if licence and known not in {"", OWN_DATA, licence}:
        msg = (
            f"The weights of {model.card.name!r} have terms already ({known}), and "
            f"{licence} was given. Leave --licence out."
        )
        raise InvalidParameterError(msg)
    said = {"authors": authors, "licence": licence}
    update = {name: value for name, value in said.items() if value}
    return TrainedModel(model.card.model_copy(update=update), model.network)


def _own_archive(model: TrainedModel, folder: Path) -> bytes:
    weights = FOREIGN_FILES.get(model.card.architecture, WEIGHTS_FILE)
    content = {weights: (folder / weights).read_bytes()}
    return pack({CARD_FILE: _card(model), **content})


def _card(model: TrainedModel) -> bytes:
    values = model.card.model_dump(mode="json")
    return f"{json.dumps(values, indent=2, ensure_ascii=False)}\n".encode()


def _plain(model: TrainedModel, out: Path, kind: Format) -> Job[Files]:
    """Return a bare graph, and what has to be known about it."""
    yield Progress(1, 4, f"Writing {kind}")
    graph = MapsGraph(model.network, normalizes=False)
    example = torch.from_numpy(test_image(model.network))
    if kind == "onnx":
        content, _ = as_onnx(graph, example)
    else:
        content = as_torchscript(graph, example)
    known = describe_plain(model, kind, hashlib.sha256(content).hexdigest())
    text = json.dumps(known, indent=2, ensure_ascii=False)
    return {out.name: content, f"{out.stem}.json": f"{text}\n".encode()}


def _pack(
    model: TrainedModel, folder: Path, weights: tuple[WeightsFormat, ...]
) -> Job[Files]:
    """Return the files of a BioImage.IO package."""
    graph = MapsGraph(model.network, normalizes=True)
    image = test_image(model.network)
    yield Progress(1, 4, "Testing the graph")
    with torch.inference_mode():
        maps = graph(torch.from_numpy(image)).numpy()
    files = {
        TEST_INPUT: _npy(image),
        TEST_OUTPUT: _npy(maps),
        README: write_readme(model.card).encode(),
        COVER: _cover(image, maps),
        CARD_FILE: _card(model),
        WEIGHTS_FILE: (folder / WEIGHTS_FILE).read_bytes(),
    }
    entries: dict[str, dict[str, Any]] = {}
    for kind in weights:
        yield Progress(2, 4, f"Writing {kind}")
        name, content, version = _weights(graph, torch.from_numpy(image), kind)
        files[name] = content
        # All but the first are made of it, as descriptions want to know.
        origin = {"parent": next(iter(entries))} if entries else {}
        entries[kind] = {**_packed(files, name).entry, **version, **origin}
    known = describe_package(
        model.card,
        model.network,
        entries,
        (_packed(files, TEST_INPUT), _packed(files, TEST_OUTPUT)),
        (_packed(files, CARD_FILE), _packed(files, WEIGHTS_FILE)),
    )
    return {RDF: write_yaml(known), **files}


def _weights(
    graph: MapsGraph, example: Tensor, kind: WeightsFormat
) -> tuple[str, bytes, dict[str, Any]]:
    if kind == "onnx":
        content, opset = as_onnx(graph, example)
        return "weights.onnx", content, {"opset_version": opset}
    version = torch.__version__.split("+")[0]
    return (
        "weights.torchscript.pt",
        as_torchscript(graph, example),
        {"pytorch_version": version},
    )


def _packed(files: Files, name: str) -> PackedFile:
    return PackedFile(name, hashlib.sha256(files[name]).hexdigest())


def _npy(array: NDArray[np.float32]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _cover(image: NDArray[np.float32], maps: NDArray[np.float32]) -> bytes:
    """Draw the middle of the test image beside its first map."""
    if image.ndim == 5:
        image, maps = image[:, :, image.shape[2] // 2], maps[:, :, maps.shape[2] // 2]
    grey = image[0, image.shape[1] // 2].astype(np.uint8)
    map_grey = np.rint(maps[0, 0] * 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(np.hstack([grey, map_grey])).save(buffer, "PNG")
    return buffer.getvalue()


def parse_weights(text: str) -> tuple[WeightsFormat, ...]:
    """Read which weights a package is to have.

    Parameters
    ----------
    text : str
        Formats with commas between them.

    Returns
    -------
    tuple of {"torchscript", "onnx"}
        Each once.

    Raises
    ------
    InvalidParameterError
        If there is none, or another.

    Examples
    --------
    >>> parse_weights("torchscript, onnx")
    ('torchscript', 'onnx')
    """
    known: tuple[WeightsFormat, ...] = get_args(WeightsFormat)
    words = [*dict.fromkeys(word.strip() for word in text.split(","))]
    chosen = tuple(one for word in words for one in known if one == word)
    if not chosen or len(chosen) < len(words):
        msg = f"The weights were given as {text!r}. Choose from: {', '.join(known)}."
        raise InvalidParameterError(msg)
    return chosen
