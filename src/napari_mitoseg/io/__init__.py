"""Reading EM stacks and labels, and writing results.

The public names are loaded when first used: zarr alone takes a quarter of a second.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_mitoseg.io.annotation import read_annotation
    from napari_mitoseg.io.atomic import staged
    from napari_mitoseg.io.checks import check_image
    from napari_mitoseg.io.label_files import label_formats, write_labels
    from napari_mitoseg.io.meshes import mesh_formats, write_meshes
    from napari_mitoseg.io.ome_zarr import write_result_zarr
    from napari_mitoseg.io.read import read_labels, read_volume
    from napari_mitoseg.io.swc import write_skeletons
    from napari_mitoseg.io.tables import table_formats, write_table
    from napari_mitoseg.io.tiff import write_image_tiff, write_labels_tiff

__all__ = [
    "check_image",
    "label_formats",
    "mesh_formats",
    "read_annotation",
    "read_labels",
    "read_volume",
    "staged",
    "table_formats",
    "write_image_tiff",
    "write_labels",
    "write_labels_tiff",
    "write_meshes",
    "write_result_zarr",
    "write_skeletons",
    "write_table",
]

_HOMES = {
    "check_image": "checks",
    "label_formats": "label_files",
    "mesh_formats": "meshes",
    "read_annotation": "annotation",
    "read_labels": "read",
    "read_volume": "read",
    "staged": "atomic",
    "table_formats": "tables",
    "write_image_tiff": "tiff",
    "write_labels": "label_files",
    "write_labels_tiff": "tiff",
    "write_meshes": "meshes",
    "write_result_zarr": "ome_zarr",
    "write_skeletons": "swc",
    "write_table": "tables",
}


def __getattr__(name: str) -> object:
    """Load a public name from its module."""
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
