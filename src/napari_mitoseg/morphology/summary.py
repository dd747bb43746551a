"""What a whole volume adds up to."""

from collections.abc import Sequence

import numpy as np

from napari_mitoseg.errors import ShapeError
from napari_mitoseg.morphology.table import MeasurementTable
from napari_mitoseg.volume import Array, LazyArray, Spacing, cubic_micrometres

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def may_be_mask(table: MeasurementTable) -> bool:
    """Say whether there is one object only: a mask, perhaps, and no labels."""
    return len(table) == 1


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
        Size of the labels, two or three axes.
    spacing : tuple of float or None
        Distance between voxel centres in nm, ZYX.
    tissue : array, optional
        Where there is tissue: not 0. Everything when absent.

    Returns
    -------
    dict of str to float
        Figures by name, the unit last: ``count``, ``volume_fraction``,
        ``reference_volume_um3``, ``density_per_um3``, ``volume_mean_um3``,
        ``volume_sd_um3`` and the quantiles ``volume_05_percent_um3`` to
        ``volume_95_percent_um3``; of a single image areas instead. NaN where there is
        nothing to divide by.

    Raises
    ------
    ShapeError
        If the tissue mask has another shape than the labels.

    Notes
    -----
    Density is the number of objects by the volume of the tissue, the volume fraction
    the volume of all objects by that of the tissue. Objects count whole, also where
    they reach out of the tissue or are cut by a side of the volume: of large objects
    in a small volume, the density is too high. The standard deviation is that of a
    sample, with n − 1.
    """
    n_tissue = _n_inside(tissue, labels_shape)
    kind = "area" if len(labels_shape) == 2 else "volume"
    filled = float(np.sum(table.columns["n_voxels"]))
    summary = {
        "count": float(len(table)),
        f"{kind}_fraction": _ratio(filled, n_tissue),
    }
    if spacing is None:
        return summary
    unit = "um2" if kind == "area" else "um3"
    reference = (
        n_tissue * spacing[1] * spacing[2] / 1e6
        if kind == "area"
        else cubic_micrometres(n_tissue, spacing)
    )
    summary[f"reference_{kind}_{unit}"] = reference
    summary[f"density_per_{unit}"] = _ratio(len(table), reference)
    sizes = _distribution(table.columns[f"{kind}_{unit}"])
    return summary | {f"{kind}_{name}_{unit}": v for name, v in sizes.items()}


def _distribution(sizes: Array) -> dict[str, float]:
    """Return mean, standard deviation and quantiles; NaN where they do not exist."""
    n = sizes.size
    found = {
        "mean": float(np.mean(sizes)) if n else np.nan,
        "sd": float(np.std(sizes, ddof=1)) if n > 1 else np.nan,
    }
    for q in QUANTILES:
        name = f"{round(100 * q):02d}_percent"
        found[name] = float(np.quantile(sizes, q)) if n else np.nan
    return found


def _ratio(a: float, b: float) -> float:
    return a / b if b else float("nan")


def _n_inside(tissue: LazyArray | None, shape: Sequence[int]) -> int:
    """Count the voxels of the tissue, slice by slice."""
    if tissue is None:
        return int(np.prod(shape))
    if tuple(tissue.shape) != tuple(shape):
        msg = (
            f"The tissue mask has shape {tuple(tissue.shape)}, the labels have "
            f"{tuple(shape)}. Give a mask of the same shape."
        )
        raise ShapeError(msg)
    return sum(int(np.count_nonzero(np.asarray(tissue[z]))) for z in range(shape[0]))
