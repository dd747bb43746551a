"""What the Export widget offers, from the registries of formats."""

from typing import NamedTuple

from napari_mitoseg.exporting import SWC
from napari_mitoseg.io.label_files import label_formats
from napari_mitoseg.io.meshes import mesh_formats

FIRST = "imagej-tiff"
"""The format that most can use."""


class Choice(NamedTuple):
    """A format as it is offered.

    Attributes
    ----------
    name : str
        Name among the formats of one file an object.
    title : str
        Name on screen.
    ending : str
        Of the files.
    opened_by : str
        Programs that open it.
    """

    name: str
    title: str
    ending: str
    opened_by: str

    @property
    def text(self) -> str:
        """Title and ending."""
        return f"{self.title} ({self.ending})"


class Kind(NamedTuple):
    """Something that can be exported.

    Attributes
    ----------
    title : str
        Name on screen.
    tip : str
        What it is.
    formats : tuple of Choice
        What it can be written as.
    fields : tuple of str
        Settings that it depends on.
    is_length : bool
        Whether the files hold lengths, so that the spacing must be known.
    is_crop : bool
        Whether there is always one file for each object.
    """

    title: str
    tip: str
    formats: tuple[Choice, ...]
    fields: tuple[str, ...]
    is_length: bool = False
    is_crop: bool = False


def kinds() -> tuple[Kind, ...]:
    """Return what can be exported, from the registries."""
    labels = tuple(
        Choice(name, one.title, one.extensions[0], one.opened_by)
        for name, one in label_formats.items()
    )
    labels = tuple(sorted(labels, key=lambda one: one.name != FIRST))
    meshes = tuple(
        Choice(name, one.title, one.extensions[0], one.opened_by)
        for name, one in mesh_formats.items()
    )
    lines = (Choice(SWC, "SWC", f".{SWC}", "neuTube, Vaa3D, navis, Blender"),)
    return (
        Kind("Label volume", "All voxels, one number an object", labels, ("objects",)),
        Kind(
            "Surfaces",
            "Triangles around each object",
            meshes,
            ("objects", "unit"),
            is_length=True,
        ),
        Kind(
            "Centrelines",
            "The middle of each object as a tree of points with radii",
            lines,
            ("objects",),
            is_length=True,
        ),
        Kind(
            "Crops of objects",
            "A small label volume around each object, and a table of where it lies",
            labels,
            ("objects", "margin", "neighbours"),
            is_crop=True,
        ),
    )
