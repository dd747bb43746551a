"""The inputs that are mutated: one small file or folder of every kind that is read.

They are written by a few lines each and not kept as binaries: the same versions of the
libraries write the same bytes.  A new kind of input is a function under `@seed`.
"""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numcodecs
import numpy as np
import tifffile
import torch
import zarr
from broken_runs import write_run
from PIL import Image
from targets import TARGETS

from napari_mitoseg.annotation import records
from napari_mitoseg.annotation.journal import JournalHeader
from napari_mitoseg.exchange.export import export_model
from napari_mitoseg.io import write_labels, write_result_zarr
from napari_mitoseg.jobs import drain
from napari_mitoseg.models.architectures import architectures
from napari_mitoseg.models.interpolation import InterpolationNetwork
from napari_mitoseg.models.interpolation_file import (
    InterpolationCard,
    save_interpolation,
)
from napari_mitoseg.models.zoo import ModelCard, save_model
from napari_mitoseg.proofreading.review import ReviewItem, ReviewQueue
from napari_mitoseg.recipe import Recipe
from napari_mitoseg.training.checkpoint import write_checkpoint
from napari_mitoseg.volume import Volume

SHAPE = (3, 24, 40)
SPACING = (40.0, 5.9, 5.9)
IMAGE = np.random.default_rng(0).integers(0, 200, SHAPE).astype(np.uint8)
LABELS = np.kron(np.arange(1, 7).reshape(1, 2, 3), np.ones((3, 12, 13))).astype("u4")
AXES = [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"]

Make = Callable[[Path], None]


@dataclass(frozen=True)
class Seed:
    """One input: how it is opened, and what writes it.

    Attributes
    ----------
    name : str
        Name of the file or folder that is opened.
    target : str
        What opens it, see `targets.TARGETS`.
    make : callable
        Writes it, given its path.
    """

    name: str
    target: str
    make: Make


SEEDS: list[Seed] = []


def seed(target: str, *names: str) -> Callable[[Make], Make]:
    """Add what a function writes to the corpus, once under each name."""
    if target not in TARGETS:
        raise KeyError(target)

    def add(make: Make) -> Make:
        SEEDS.extend(Seed(name, target, make) for name in names)
        return make

    return add


def build(folder: Path) -> None:
    """Write the whole corpus, an input a folder, numbered as in `SEEDS`."""
    for number, item in enumerate(SEEDS):
        inside = folder / str(number)
        inside.mkdir(parents=True)
        torch.manual_seed(0)
        item.make(inside / item.name)
        _forget_time(inside)


def _forget_time(folder: Path) -> None:
    """Take the time of writing out of what is packed by gzip."""
    for path in (path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            path.write_bytes(content[:4] + bytes(4) + content[8:])


# ------------------------------------------------------------------ TIFF

TIFFS: dict[str, dict[str, Any]] = {
    "plain.tif": {},
    "single-page.tif": {"metadata": None, "rowsperstrip": 7},
    "big-endian.tif": {"byteorder": ">", "metadata": None},
    "bigtiff.tif": {"bigtiff": True, "metadata": None},
    "tiled.tif": {"tile": (16, 16), "metadata": None},
    "lzw.tif": {"compression": "lzw", "predictor": True},
    "zlib.tif": {"compression": "zlib", "rowsperstrip": 5, "metadata": None},
    "zstd.tif": {"compression": "zstd", "tile": (16, 32), "bigtiff": True},
    "jpeg.tif": {"compression": "jpeg", "metadata": None},
    "truncate.tif": {"truncate": True},
    "imagej.tif": {
        "imagej": True,
        "resolution": (169.49, 169.49),
        "metadata": {"axes": "ZYX", "spacing": 0.04, "unit": "um"},
    },
    "stack.ome.tif": {
        "ome": True,
        "metadata": {
            "axes": "ZYX",
            "UUID": "urn:uuid:00000000-0000-1000-8000-000000000000",
            "PhysicalSizeX": 5.9,
            "PhysicalSizeXUnit": "nm",
            "PhysicalSizeY": 5.9,
            "PhysicalSizeYUnit": "nm",
            "PhysicalSizeZ": 40,
            "PhysicalSizeZUnit": "nm",
        },
    },
}


@seed("stack", *TIFFS)
def tiff(path: Path) -> None:
    """Write a grey stack in one of the varieties."""
    tifffile.imwrite(path, IMAGE, photometric="minisblack", **TIFFS[path.name])


@seed("stack", "colour.tif")
def colour_tiff(path: Path) -> None:
    """Write three channels a pixel."""
    pixels = np.moveaxis(IMAGE, 0, -1)
    tifffile.imwrite(path, pixels, photometric="rgb", compression="zlib")


@seed("stack", "pages.tif")
def pages_tiff(path: Path) -> None:
    """Write page by page, with a description each."""
    with tifffile.TiffWriter(path) as file:
        for plane in IMAGE.astype(np.float32):
            file.write(plane, compression="zlib")


# ------------------------------------------------- folders, HDF5, NIfTI, NRRD


@seed("stack", "slices-png", "slices-jpg", "slices-bmp", "slices-tif")
def image_folder(path: Path) -> None:
    """Write one picture a slice."""
    path.mkdir()
    for z, plane in enumerate(IMAGE):
        Image.fromarray(plane).save(path / f"z{z}.{path.name.rpartition('-')[2]}")


@seed("stack", "colour.png", "deep.png")
def picture(path: Path) -> None:
    """Write a picture in colour, or of 16 bits."""
    deep = IMAGE[0].astype(np.uint16) * 99
    pixels = deep if path.name == "deep.png" else np.moveaxis(IMAGE, 0, -1)
    Image.fromarray(pixels).save(path)


@seed("stack", "labels.h5", "labels.nii", "labels.nii.gz", "labels.nrrd", "labels.tif")
def labels(path: Path) -> None:
    """Write labels in one of our formats."""
    write_labels(path, LABELS.astype(np.uint16), SPACING)


@seed("stack", "raw.nrrd")
def raw_nrrd(path: Path) -> None:
    """Write an image as NRRD that is not compressed."""
    sizes = " ".join(map(str, SHAPE[::-1]))
    head = f"NRRD0004\ntype: uint8\ndimension: 3\nsizes: {sizes}\n"
    tail = 'spacings: 5.9 5.9 40\nunits: "nm" "nm" "nm"\nencoding: raw\n\n'
    path.write_bytes((head + tail).encode() + IMAGE.tobytes())


@seed("stack", "plain.h5")
def plain_hdf5(path: Path) -> None:
    """Write HDF5 with groups, attributes and one dataset in one piece."""
    with h5py.File(path, "w") as file:
        main = file.create_dataset("volumes/raw", data=IMAGE)
        main.attrs["element_size_um"] = [0.04, 0.0059, 0.0059]
        file["other"] = "a text"


# ------------------------------------------------------------------ OME-Zarr

V2: dict[str, dict[str, Any]] = {
    "blosc2.zarr": {"compressors": numcodecs.Blosc("lz4", 5, 1)},
    "zlib2.zarr": {
        "compressors": numcodecs.Zlib(1),
        "filters": [numcodecs.Delta("u1")],
    },
    "zstd2.zarr": {"compressors": numcodecs.Zstd(1)},
    "gzip2.zarr": {"compressors": numcodecs.GZip(1)},
    "lz42.zarr": {"compressors": numcodecs.LZ4()},
    "plain2.zarr": {"compressors": None},
}
V3: dict[str, dict[str, Any]] = {
    "blosc3.zarr": {"compressors": zarr.codecs.BloscCodec()},
    "zstd3.zarr": {"compressors": zarr.codecs.ZstdCodec(checksum=True)},
    "gzip3.zarr": {"compressors": zarr.codecs.GzipCodec()},
    "shards3.zarr": {"shards": (2, 32, 64)},
    "plain3.zarr": {"compressors": None},
}


def _multiscales() -> dict[str, Any]:
    scale = [{"type": "scale", "scale": list(SPACING)}]
    levels = [{"path": "s0", "coordinateTransformations": scale}]
    return {"multiscales": [{"axes": AXES, "datasets": levels}]}


@seed("stack", *V2)
def zarr2(path: Path) -> None:
    """Write OME-Zarr 0.4."""
    group = zarr.open_group(path, mode="w", zarr_format=2)
    group.attrs.update(_multiscales())
    options = {"chunks": (2, 16, 32), "dtype": "u1", **V2[path.name]}
    group.create_array("s0", shape=SHAPE, **options)[:] = IMAGE


@seed("stack", *V3)
def zarr3(path: Path) -> None:
    """Write OME-Zarr 0.5."""
    group = zarr.open_group(path, mode="w", zarr_format=3)
    group.attrs.update({"ome": {"version": "0.5", **_multiscales()}})
    options = {"chunks": (1, 16, 32), "dtype": "u2", **V3[path.name]}
    group.create_array("s0", shape=SHAPE, **options)[:] = IMAGE


@seed("stack", "result.ome.zarr")
def result(path: Path) -> None:
    """Write what segmenting writes."""
    image = Volume(IMAGE[:, :, :39], SPACING, "image")
    write_result_zarr(
        path, image, {"instances": LABELS, "semantic": LABELS > 3}, SPACING
    )


# ------------------------------------------- annotations, reviews, recipes


@seed("annotation", "annotation.tif")
def annotation(path: Path) -> None:
    """Write a sparse annotation."""
    options = {"photometric": "minisblack", "compression": "zlib"}
    tifffile.imwrite(path, IMAGE % 3, **options)


@seed("journal", "stack.journal")
def journal(path: Path) -> None:
    """Write a journal of a few strokes."""
    began = datetime(2026, 1, 1, tzinfo=UTC)
    header = JournalHeader(image="0" * 64, shape=SHAPE, name="stack", started=began)
    rng = np.random.default_rng(1)
    parts = [records.note(header.model_dump(mode="json"))]
    for z in range(SHAPE[0]):
        flat = np.flatnonzero(rng.random(SHAPE[1] * SHAPE[2]) < 0.3)
        values = rng.integers(0, 3, flat.size).astype(np.uint8)
        parts.append(records.stroke(z, flat, values))
    parts.append(records.note({"complete": [0, 2], "proposed": [1]}))
    path.write_bytes(records.MAGIC + b"".join(part.pack() for part in parts))


@seed("review", "review.json")
def review(path: Path) -> None:
    """Write the state of a review."""
    items = [
        ReviewItem(label=n, score=n / 10, reasons=("thin",), point=(n, 2, 3))
        for n in range(1, 6)
    ]
    ReviewQueue(items).save(path)


@seed("recipe", "recipe.json")
def recipe(path: Path) -> None:
    """Write a recipe with steps before and after the network."""
    content = json.loads(Recipe().as_json())
    content["preprocessing"] = [{"step": "clahe"}, {"step": "equalize"}]
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")


# --------------------------------------------------------------- models


MODELS: dict[str, dict[str, Any]] = {
    "fast": {"widths": [2, 3]},
    "unet2d": {"width": 2, "levels": 2},
}


@seed("model", *MODELS)
def model(path: Path) -> None:
    """Write a small untrained model."""
    network = architectures[path.name].from_config(MODELS[path.name])
    card = ModelCard(name="tiny", architecture=path.name, spacing=SPACING)
    save_model(network, card, path, compact=True)


PACKAGES: dict[str, Any] = {
    "mitoseg.zip": {"kind": "mitoseg"},
    "torchscript.zip": {"kind": "bioimageio", "weights": ("torchscript",)},
    "onnx.zip": {"kind": "bioimageio", "weights": ("onnx",)},
}


@seed("package", *PACKAGES)
def package(path: Path) -> None:
    """Write a model as it travels."""
    path.write_bytes(_packed(path.name))


@cache
def _packed(name: str) -> bytes:
    """Return a package; ONNX takes its time."""
    torch.manual_seed(0)
    network = architectures["fast"].from_config({"widths": [2, 3]})
    card = ModelCard(name="tiny", architecture="fast", spacing=SPACING)
    known = {"licence": "MIT", "authors": ("A. Nobody",)}
    with tempfile.TemporaryDirectory() as folder:
        save_model(network, card, Path(folder, "tiny"))
        path = Path(folder, name)
        drain(export_model(f"{folder}/tiny", path, **PACKAGES[name], **known))
        return path.read_bytes()


@seed("interpolation", "interpolation")
def interpolation(path: Path) -> None:
    """Write a small interpolation network."""
    network = InterpolationNetwork.from_config({"widths": [4, 4]})
    save_interpolation(network, InterpolationCard(data="stack"), path)


@seed("checkpoint", "training")
def checkpoint(path: Path) -> None:
    """Write the state of a training that was interrupted."""
    state = {"network": {"w": torch.arange(6.0)}, "step": 7, "best": [0.5, "x"]}
    write_checkpoint(path, state)


# ------------------------------------------------------------ runs over blocks

RUNS = {
    "run-predicting": "Predicting",
    "run-growing": "Growing seeds through",
    "run-filling": "Filling holes",
    "run-naming": "",
}
"""What was being done when the run was killed."""


@seed("run", *RUNS)
def partial_run(path: Path) -> None:
    """Write what a run that was killed has left."""
    write_run(path, RUNS[path.name])
