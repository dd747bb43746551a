"""What a whole volume adds up to."""

from collections.abc import Sequence

import numpy as np

from napari_mitoseg.errors import ShapeError
from napari_mitoseg.morphology.table import MeasurementTable
from napari_mitoseg.volume import LazyArray, Spacing, cubic_micrometres

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def summarize(
    table: MeasurementTable,
    labels_shape: Sequence[int],
    spacing: Spacing | None,
    tissue: LazyArray | None = None,
) -> dict[str, float]:
    """Add up the objects of a volume.

    Parameters
    ----------
    table : MeasurementTable
        With the family ``size``.
    labels_shape : sequence of int
        Size of the labels.
    spacing : tuple of float or None
        Distance between voxel centres in nm, ZYX.
    tissue : array, optional
        Where there is tissue: not 0. Everything when absent.

    Returns
    -------
    dict of str to float
        Figures by name, the unit last: ``count``, ``volume_fraction`` ...

    Raises
    ------
    ShapeError
        If the tissue mask has another shape than the labels.
    """
    if tissue is not None and tuple(tissue.shape) != tuple(labels_shape):
        msg = (
            f"The tissue mask has shape {tuple(tissue.shape)}, the labels have "
            f"{tuple(labels_shape)}. Give a mask of the same shape."
        )
        raise ShapeError(msg)
    n_tissue = _n_inside(tissue, labels_shape)
    filled = float(np.sum(table.columns["n_voxels"]))
    summary = {
        "count": float(len(table)),
        "volume_fraction": filled / n_tissue if n_tissue else float("nan"),
    }
    if spacing is not None and len(labels_shape) == 3:
        reference = cubic_micrometres(n_tissue, spacing)
        summary["reference_volume_um3"] = reference
        summary["density_per_um3"] = len(table) / reference if reference else np.nan
        volumes = table.columns["volume_um3"]
        for q in QUANTILES if len(table) else ():
            name = f"volume_{100 * q:02.0f}_percent_um3"
            summary[name] = float(np.quantile(volumes, q))
    return summary


def _n_inside(tissue: LazyArray | None, shape: Sequence[int]) -> int:
    if tissue is None:
        return int(np.prod(shape))
    return sum(int(np.count_nonzero(np.asarray(tissue[z]))) for z in range(shape[0]))
