"""Labels in the files of other programs: volumes, crops, surfaces, centrelines."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import field_validator

from napari_mitoseg.errors import InvalidParameterError, ShapeError, UnknownNameError
from napari_mitoseg.io.atomic import staged
from napari_mitoseg.io.endings import endings_of, find_format
from napari_mitoseg.io.label_files import label_format_of, label_formats
from napari_mitoseg.io.meshes import (
    MeshUnit,
    mesh_formats,
    write_meshes,
)
from napari_mitoseg.io.swc import write_skeletons
from napari_mitoseg.io.tables import write_table_csv
from napari_mitoseg.io.tiff import write_image_tiff
from napari_mitoseg.io.watched import watched
from napari_mitoseg.jobs import Job, Progress, relayed
from napari_mitoseg.morphology.mesh import mesh_object
from napari_mitoseg.morphology.objects import ObjectCrop, crop_object
from napari_mitoseg.morphology.skeleton import skeletonize_object
from napari_mitoseg.morphology.survey import Survey, survey_labels
from napari_mitoseg.params import Params, param
from napari_mitoseg.volume import Array, LazyArray, Region, Spacing, Volume

Drawn = TypeVar("Drawn")

SWC = "swc"
CROPS = "crops.csv"


class ExportSettings(Params):
    """What of the labels is exported, and how."""

    objects: tuple[int, ...] = param(
        (), description="Labels of the objects to export; all where this is empty."
    )
    unit: MeshUnit = param(
        "micrometre", description="What a length of 1 means in a file of surfaces."
    )
    margin: int = param(
        8,
        description="How far a crop reaches beyond the box of its object.",
        unit="voxels",
        ge=0,
        le=1000,
    )
    neighbours: bool = param(
        False, description="Keep the other objects that lie in the box of a crop."
    )

    @field_validator("objects")
    @classmethod
    def _above_zero(cls, objects: tuple[int, ...]) -> tuple[int, ...]:
        if any(label < 1 for label in objects):
            msg = f"Objects have labels from 1; {min(objects)} was given."
            raise InvalidParameterError(msg)
        return tuple(sorted(set(objects)))


@dataclass(frozen=True, eq=False)
class _Chosen:
    """Labels of which only some objects are left."""

    labels: Any
    objects: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.labels.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.labels.dtype)

    def __getitem__(self, key: Any) -> Array:
        part = np.asarray(self.labels[key])
        return np.where(np.isin(part, self.objects), part, 0)


def object_formats() -> Mapping[str, str]:
    """Return the formats that can be written one file an object.

    Returns
    -------
    mapping of str to str
        Name of the format and the ending of its files: surfaces, centrelines, crops.
    """
    meshes = {name: one.extensions[0] for name, one in mesh_formats.items()}
    crops = {name: one.extensions[0] for name, one in label_formats.items()}
    return {**meshes, SWC: f".{SWC}", **crops}


def export_labels(
    labels: Volume, out: Path, settings: ExportSettings | None = None
) -> Job[tuple[Path, ...]]:
    """Write all objects into one file, in the format that its ending says.

    Parameters
    ----------
    labels : Volume
        Objects; 0 is background.
    out : Path
        The file (a folder for OME-Zarr): a format of labels, of surfaces, or
        ``.swc``; replaced if it exists, once the new one is complete.
    settings : ExportSettings, optional
        Which objects, and the unit of surfaces.

    Yields
    ------
    Progress
        One per slab and object.

    Returns
    -------
    tuple of Path
        What was written.

    Raises
    ------
    InvalidParameterError
        If the ending is unknown, an object is not there, surfaces or centrelines are
        asked for without a spacing or an object, or the labels are no whole numbers.
    WriteError
        If something cannot be written; nothing new is left then.
    """
    settings, kind = settings or ExportSettings(), _kind_of(out)
    if kind in label_formats:
        data = labels.data
        if settings.objects:
            survey = yield from _survey(labels)
            data = _Chosen(data, _chosen(survey, settings.objects))
        yield from save_labels(replace(labels, data=data), out)
    else:
        spacing = _known(labels, out.name)
        survey = yield from _survey(labels)
        if kind == SWC:
            drawn = yield from _draw(survey, settings, _centreline(spacing))
            write_skeletons(out, drawn)
        else:
            surfaces = yield from _draw(survey, settings, _surface(spacing))
            write_meshes(out, surfaces, settings.unit)
    yield Progress(1, 1, "Written")
    return (out,)


def save_labels(labels: Volume, out: Path) -> Job[Path]:
    """Write labels in the format that the ending of the file says; see `write_labels`.

    Parameters
    ----------
    labels : Volume
        Objects; 0 is background.
    out : Path
        File or folder; replaced if it exists, once the new one is complete.

    Yields
    ------
    Progress
        Slices that were read; each is, once to find the largest label, once to write.

    Returns
    -------
    Path
        What was written.
    """
    kind = label_formats[label_format_of(out)]

    def write(data: LazyArray) -> None:
        kind.write(out, data, labels.spacing, labels.name)

    yield from watched(write, labels.data, f"Writing {out.name}", n_passes=2)
    return out


def export_objects(
    labels: Volume,
    folder: Path,
    kind: str,
    settings: ExportSettings | None = None,
    image: Volume | None = None,
) -> Job[tuple[Path, ...]]:
    """Write one file for each object: its surface, its centreline, or a crop.

    Parameters
    ----------
    labels : Volume
        Objects; 0 is background.
    folder : Path
        Where the files go; made if absent.
    kind : str
        Name in `object_formats`.
    settings : ExportSettings, optional
        Which objects, the unit of surfaces, and what a crop holds.
    image : Volume, optional
        Image of the same shape, which is cropped beside the labels, as TIFF.

    Yields
    ------
    Progress
        One per slab and object.

    Returns
    -------
    tuple of Path
        What was written, once all of it is complete: ``NAME_LABEL`` with the ending
        of the format; with crops also ``crops.csv``, which says where they lie.

    Raises
    ------
    UnknownNameError
        If there is no such format.
    InvalidParameterError
        If an object is not there, or surfaces or centrelines are asked for without a
        spacing.
    ShapeError
        If the image has another shape.
    WriteError
        If something cannot be written; nothing new is left then.
    """
    settings = settings or ExportSettings()
    write = _writer(labels, kind, settings, image)
    survey = yield from _survey(labels)
    rows = _rows(survey, settings)
    is_crop = kind in label_formats
    stems = _stems(labels.name, survey.index[rows])
    names = [f"{stem}{object_formats()[kind]}" for stem in stems]
    images = [f"{stem}_image.tif" for stem in stems] if image is not None else []
    others = [*images, CROPS] if is_crop else []
    with staged(folder, [*names, *others]) as paths:
        for done, (row, name) in enumerate(zip(rows, names, strict=True)):
            yield Progress(done, len(rows), f"Writing {name}")
            write(paths[name], crop_object(survey, row))
        if is_crop:
            boxes = [
                _widened(survey.region(row), settings.margin, labels.shape)
                for row in rows
            ]
            table = _crop_table(survey.index[rows], names, boxes)
            write_table_csv(paths[CROPS], table)
    yield Progress(1, 1, "Written")
    return tuple(folder / name for name in (*names, *others))


def _kind_of(out: Path) -> str:
    """Return the name of the format of one file; all endings are listed if none."""
    name = out.name.lower()
    if name.endswith(f".{SWC}"):
        return SWC
    if surface := find_format(mesh_formats, out):
        return surface
    try:
        return label_format_of(out)
    except InvalidParameterError as error:
        meshes = ", ".join(endings_of(mesh_formats))
        msg = f"{error} Surfaces are written as {meshes}, centrelines as .{SWC}."
        raise InvalidParameterError(msg) from error


def _survey(labels: Volume) -> Job[Survey]:
    """Find the objects: the first half of the work."""

    def halved(progress: Progress) -> Progress:
        return replace(progress, total=2 * progress.total)

    return (yield from relayed(survey_labels(labels.data, labels.spacing), halved))


def _rows(survey: Survey, settings: ExportSettings) -> list[int]:
    chosen = _chosen(survey, settings.objects)
    return np.searchsorted(survey.index, chosen).tolist()


def _chosen(survey: Survey, objects: Sequence[int]) -> tuple[int, ...]:
    """Return the objects to export; those asked for must be there."""
    there = survey.index.tolist()
    missing = sorted(set(objects) - set(there))
    if missing:
        msg = (
            f"There is no object {', '.join(map(str, missing[:5]))}; the labels hold "
            f"{len(there)} objects, {_range(there)}."
        )
        raise InvalidParameterError(msg)
    if not there:
        msg = "The labels hold no object: every voxel is 0. There is nothing to export."
        raise InvalidParameterError(msg)
    return tuple(objects) or tuple(there)


def _range(there: Sequence[int]) -> str:
    return f"from {there[0]} to {there[-1]}" if there else "every voxel is 0"


def _known(labels: Volume, name: str) -> Spacing:
    if labels.spacing is None:
        msg = (
            f"{labels.name} has no spacing, and {name} holds lengths. Say the distance "
            "between its voxels in nm as z, y, x (--spacing 40,5.9,5.9)."
        )
        raise InvalidParameterError(msg)
    return labels.spacing


def _draw(
    survey: Survey, settings: ExportSettings, draw: Callable[[ObjectCrop], Drawn]
) -> Job[dict[int, Drawn]]:
    """Make something of each object: the second half of the work."""
    rows, drawn = _rows(survey, settings), {}
    for done, row in enumerate(rows):
        yield Progress(len(rows) + done, 2 * len(rows), "Drawing the objects")
        crop = crop_object(survey, row)
        drawn[crop.label] = draw(crop)
    return drawn


def _surface(spacing: Spacing) -> Callable[[ObjectCrop], Any]:
    return lambda crop: mesh_object(crop.mask, spacing, crop.region.start)


def _centreline(spacing: Spacing) -> Callable[[ObjectCrop], Any]:
    return lambda crop: skeletonize_object(crop.mask, spacing, crop.region.start)


def _writer(
    labels: Volume, kind: str, settings: ExportSettings, image: Volume | None
) -> Callable[[Path, ObjectCrop], None]:
    """Return what writes the file, or files, of one object."""
    if kind not in object_formats():
        msg = (
            f"There is no format {kind!r} of one file an object. Choose one of "
            f"{', '.join(object_formats())}."
        )
        raise UnknownNameError(msg)
    if kind in label_formats:
        return _crop_writer(labels, kind, settings, image)
    if kind == SWC:
        line = _centreline(_known(labels, f".{SWC}"))
        return lambda path, crop: write_skeletons(path, {crop.label: line(crop)})
    ending = mesh_formats[kind].extensions[0]
    surface = _surface(_known(labels, ending))
    unit = settings.unit
    return lambda path, crop: write_meshes(path, {crop.label: surface(crop)}, unit)


def _crop_writer(
    labels: Volume, kind: str, settings: ExportSettings, image: Volume | None
) -> Callable[[Path, ObjectCrop], None]:
    if image is not None and image.shape != labels.shape:
        msg = (
            f"The image has shape {image.shape} and the labels {labels.shape} (z, y, "
            "x). Give the image that the labels belong to."
        )
        raise ShapeError(msg)
    ending = label_formats[kind].extensions[0]

    def write(path: Path, crop: ObjectCrop) -> None:
        region = _widened(crop.region, settings.margin, labels.shape)
        part = labels.read(region)
        kept = part if settings.neighbours else np.where(part == crop.label, part, 0)
        stem = path.name.removesuffix(ending)
        label_formats[kind].write(path, kept, labels.spacing, stem)
        if image is not None:
            calibrated = replace(image.crop(region), spacing=labels.spacing)
            write_image_tiff(path.with_name(f"{stem}_image.tif"), calibrated)

    return write


def _widened(region: Region, margin: int, shape: Sequence[int]) -> Region:
    z, y, x = (start - margin for start in region.start)
    z1, y1, x1 = (stop + margin for stop in region.stop)
    return Region((z, y, x), (z1, y1, x1)).within(shape)


def _stems(name: str, index: Array) -> list[str]:
    """Name the files so that their order is that of the labels."""
    plain = re.sub(r'[\\/:*?"<>|\s]+', "-", name).strip("-.") or "labels"
    width = len(str(index.max(initial=0)))
    return [f"{plain}_{label:0{width}d}" for label in index.tolist()]


def _crop_table(
    index: Array, names: Sequence[str], regions: Sequence[Region]
) -> dict[str, Any]:
    """Say which crop lies where, in voxels of the whole volume."""
    columns: dict[str, Any] = {"index": index, "file": list(names)}
    for axis, letter in enumerate("zyx"):
        columns[f"{letter}_start"] = [region.start[axis] for region in regions]
        columns[f"{letter}_stop"] = [region.stop[axis] for region in regions]
    return columns
