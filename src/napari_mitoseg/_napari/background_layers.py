"""Layers of a run in the background: filling while it runs, then its result."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_mitoseg._napari.image_box import MADE_BY_US
from napari_mitoseg._napari.layer_group import OPACITY, LayerGroup
from napari_mitoseg._napari.layers import (
    GREY_DIMENSIONS,
    NANOMETRE,
    layers_of,
    path_of,
    placement,
    volume_of,
)
from napari_mitoseg._napari.result_layers import INSTANCES, PROBABILITY
from napari_mitoseg.distributed.run_folder import MAPS, run_of
from napari_mitoseg.distributed.subject import Subject, read_subject
from napari_mitoseg.volume import Region

if TYPE_CHECKING:
    import zarr

    from napari_mitoseg.io.ome_zarr import Levels


class BackgroundLayers(LayerGroup):
    """The layers of one run over a part of one image.

    Parameters
    ----------
    viewer : ViewerModel
        Where the layers go.
    image : napari.layers.Image
        What is segmented.
    region : Region
        Which part of it.
    folder : Path
        Where the result goes.
    """

    def __init__(
        self, viewer: ViewerModel, image: Image, region: Region, folder: Path
    ) -> None:
        super().__init__(viewer, image, region, f"{image.name} {folder.name}")
        self._folder = folder

    @classmethod
    def of_run(
        cls, viewer: ViewerModel, subject: Subject, folder: Path
    ) -> "BackgroundLayers":
        """Return the layers of a run that was started before.

        Parameters
        ----------
        viewer : ViewerModel
            Where the layers go.
        subject : Subject
            What the run works on.
        folder : Path
            Where the result goes.

        Returns
        -------
        BackgroundLayers
            On the layer of the image if it is open, else where that will be.
        """
        image = _layer_of(viewer, subject) or _stand_in(subject)
        return cls(viewer, image, subject.region, folder)

    def show_filling(self) -> None:
        """Show the map as far as it is on disk, or draw it anew."""
        if self.is_shown(PROBABILITY):
            self.refresh(PROBABILITY, Region.whole(self.region.shape))
            return
        subject = read_subject(self._folder)
        if subject is None or subject.region != self.region:
            # An earlier run there, over another region: this one will be refused.
            return
        found = _opened(run_of(self._folder).array_path(f"{MAPS}/semantic"))
        if found is not None:
            self.put_probability(PROBABILITY, found, visible=True)

    def show_result(self) -> None:
        """Show the instances that are on disk, in the place of the map."""
        if self.is_shown(PROBABILITY):
            self._viewer.layers.remove(self[PROBABILITY])
        show_result(self._viewer, self._folder, self.prefix, self._image)


def show_result(
    viewer: ViewerModel, folder: Path, prefix: str, image: Image | Labels | None = None
) -> Labels:
    """Show the instances of a result on disk, in all their resolutions.

    Parameters
    ----------
    viewer : ViewerModel
        Where the layer goes.
    folder : Path
        Of the result.
    prefix : str
        Beginning of the name of the layer.
    image : napari.layers.Image, optional
        What was segmented; the layer lies on it.

    Returns
    -------
    napari.layers.Labels
        The layer.

    Raises
    ------
    ReadError
        If there is no result, or it is damaged.
    """
    # zarr takes a quarter of a second to import.
    from napari_mitoseg.io.ome_zarr import labels_path, open_levels  # noqa: PLC0415
    from napari_mitoseg.outputs import ZARR  # noqa: PLC0415

    levels = open_levels(labels_path(folder / ZARR, INSTANCES))
    arrays = levels.arrays
    is_pyramid = len(arrays) > 1
    layer = Labels(
        arrays if is_pyramid else arrays[0],
        multiscale=is_pyramid,
        name=f"{prefix} {INSTANCES}",
        opacity=OPACITY,
        metadata={MADE_BY_US: INSTANCES},
        **_place(levels, image),
    )
    viewer.add_layer(layer)
    return layer


def _place(levels: "Levels", image: Image | Labels | None) -> dict[str, Any]:
    """Return where a result lies: on its image, or as the file says."""
    if image is not None and image.ndim == 3:
        z, y, x = (round(place) for place in levels.origin)
        return placement(image, Region.whole(levels.arrays[0].shape).moved((z, y, x)))
    keywords: dict[str, Any] = {
        "axis_labels": ("z", "y", "x"),
        "translate": np.multiply(levels.origin, levels.spacing or 1.0),
    }
    if levels.spacing is not None:
        keywords |= {"scale": levels.spacing, "units": (NANOMETRE,) * 3}
    return keywords


def _layer_of(viewer: ViewerModel, subject: Subject) -> Image | None:
    """Return the layer of the image that a run works on, if it is open."""
    for layer in layers_of(viewer, Image):
        path = path_of(layer)
        is_same = path is not None and path.absolute() == subject.image
        if is_same and not layer.rgb and layer.ndim in GREY_DIMENSIONS:
            image: Image = layer
            if volume_of(image).shape == subject.shape:
                return image
    return None


def _stand_in(subject: Subject) -> Image:
    """Return a layer that lies where the image would, but is not to be shown."""
    return Image(
        np.broadcast_to(np.uint8(0), subject.shape),
        name=subject.image.stem,
        scale=subject.spacing,
        units=(NANOMETRE,) * 3,
        contrast_limits=(0, 1),
        multiscale=False,
    )


def _opened(path: Path) -> "zarr.Array[Any] | None":
    """Open an array that is being written; None where it is not there yet."""
    if not (path / ".zarray").is_file():
        return None
    import zarr  # noqa: PLC0415

    found: zarr.Array[Any] = zarr.open_array(path, mode="r")
    return found
