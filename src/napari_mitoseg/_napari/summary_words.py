"""Say in a few lines what a volume holds."""

from collections.abc import Mapping

import numpy as np

from napari_mitoseg._napari.measure_tasks import Measured

DENSITIES = {"density_per_um3": "µm³", "density_per_um2": "µm²"}
TIP = "In brackets: the 5th and the 95th percentile"
SIZES = {
    "volume_um3": ("volume", "µm³"),
    "area_um2": ("area", "µm²"),
    "n_voxels": ("size", "voxels"),
}


def in_lines(measured: Measured) -> list[str]:
    """Say count, density, fraction and median size.

    Parameters
    ----------
    measured : Measured
        A table and its summary.

    Returns
    -------
    list of str
        Two lines; one where there is no object.
    """
    summary, n = measured.summary, len(measured.table)
    if not n:
        return ["No labelled objects."]
    parts = [f"{n:,} object{'s' if n > 1 else ''}"]
    parts += [
        f"{summary[name]:.3g} per {unit}"
        for name, unit in DENSITIES.items()
        if name in summary
    ]
    share = summary.get("volume_fraction", summary.get("area_fraction"))
    if share is not None:
        parts.append(f"{100 * share:.3g} % of the {_whole(measured)}")
    return [" · ".join(parts), _sizes(measured.table.columns)]


def _whole(measured: Measured) -> str:
    if measured.order.tissue is not None:
        return "tissue"
    return "image" if len(measured.order.labels.shape) == 2 else "volume"


def _sizes(columns: Mapping[str, object]) -> str:
    name = next(one for one in SIZES if one in columns)
    word, unit = SIZES[name]
    low, middle, high = np.percentile(np.asarray(columns[name], float), (5, 50, 95))
    return f"Median {word} {middle:.3g} {unit} ({low:.2g} – {high:.2g})"
