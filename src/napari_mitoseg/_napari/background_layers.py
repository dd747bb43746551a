"""Layers of a run in the background: filling while it runs, then its result."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_mitoseg._napari.image_box import MADE_BY_US
from napari_mitoseg._napari.layer_group import OPACITY, LayerGroup
from napari_mitoseg._napari.layers import placement, volume_of
from napari_mitoseg._napari.result_layers import INSTANCES, PROBABILITY
from napari_mitoseg.distributed.run_folder import run_of
from napari_mitoseg.volume import Region

if TYPE_CHECKING:
    import zarr

PREDICTED = "maps/semantic"


class BackgroundLayers(LayerGroup):
    """The layers of one run over one whole image.

    Parameters
    ----------
    viewer : ViewerModel
        Where the layers go.
    image : napari.layers.Image
        What is segmented.
    folder : Path
        Where the result goes.
    """

    def __init__(self, viewer: ViewerModel, image: Image, folder: Path) -> None:
        whole = Region.whole(volume_of(image).shape)
        super().__init__(viewer, image, whole, f"{image.name} {folder.name}")
        self._folder = folder

    def show_filling(self) -> None:
        """Show the map as far as it is on disk, or draw it anew."""
        if self.is_shown(PROBABILITY):
            self.refresh(PROBABILITY, self.region)
            return
        found = _opened(run_of(self._folder).array_path(PREDICTED))
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

    levels, spacing = open_levels(labels_path(folder / ZARR, INSTANCES))
    keywords: dict[str, Any] = {"axis_labels": ("z", "y", "x")}
    if image is not None and image.ndim == 3:
        keywords = placement(image, Region.whole(levels[0].shape))
    elif spacing is not None:
        keywords |= {"scale": spacing, "units": ("nm",) * 3}
    is_pyramid = len(levels) > 1
    layer = Labels(
        levels if is_pyramid else levels[0],
        multiscale=is_pyramid,
        name=f"{prefix} {INSTANCES}",
        opacity=OPACITY,
        metadata={MADE_BY_US: INSTANCES},
        **keywords,
    )
    viewer.add_layer(layer)
    return layer


def _opened(path: Path) -> "zarr.Array[Any] | None":
    """Open an array that is being written; None where it is not there yet."""
    if not (path / ".zarray").is_file():
        return None
    import zarr  # noqa: PLC0415

    found: zarr.Array[Any] = zarr.open_array(path, mode="r")
    return found
