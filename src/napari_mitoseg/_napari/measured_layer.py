"""A layer that was measured: its table, and how its objects are shown."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from napari.layers import Labels

from napari_mitoseg._napari.appearance import Appearance, coloured
from napari_mitoseg._napari.colour_box import Colouring
from napari_mitoseg._napari.column_words import presented
from napari_mitoseg._napari.comparison import Part
from napari_mitoseg._napari.edit_watch import EditWatch
from napari_mitoseg._napari.label_features import put_features
from napari_mitoseg._napari.layers import volume_of
from napari_mitoseg._napari.measure_tasks import Measured
from napari_mitoseg._napari.object_filter import ObjectFilter
from napari_mitoseg._napari.object_selection import Rows
from napari_mitoseg._napari.shared_selection import shared_selection
from napari_mitoseg.volume import Array, Region


class MeasuredLayer:
    """What is known of a layer since it was measured.

    Parameters
    ----------
    layer : napari.layers.Labels
        The layer.
    measured : Measured
        What was found.
    watch : EditWatch
        Counts the edits of the layer.
    n_edits : int
        How many there were when the measurement began.

    Attributes
    ----------
    name : str
        Of the layer when it was measured.
    filter : ObjectFilter
        What is shown.
    colouring : Colouring or None
        What colours the objects.
    shared : SharedSelection
        What is selected of the layer, here and in other panels.
    """

    def __init__(
        self, layer: Labels, measured: Measured, watch: EditWatch, n_edits: int
    ) -> None:
        self.layer = layer
        self.measured = measured
        self.name: str = layer.name
        self.filter = ObjectFilter()
        self.colouring: Colouring | None = None
        self.appearance = Appearance(layer, self.columns["index"])
        self.shared = shared_selection(layer)
        self._watch = watch
        self._n_edits = n_edits
        put_features(layer, presented(self.columns))

    @property
    def columns(self) -> dict[str, Array]:
        """All columns of the table."""
        return dict(self.measured.table.columns)

    @property
    def is_stale(self) -> bool:
        """Whether the labels or their spacing have changed since."""
        return self._watch.n_edits != self._n_edits

    @property
    def shown(self) -> Array:
        """Say of each object whether it is shown."""
        return self.appearance.shown

    @property
    def shown_columns(self) -> dict[str, Array]:
        """The columns of the objects that are shown."""
        return {name: values[self.shown] for name, values in self.columns.items()}

    def set_filter(self, wanted: ObjectFilter) -> None:
        """Show only what passes."""
        self.filter = wanted
        self.appearance.shown = wanted.passes(self.columns)
        self.appearance.apply()

    def set_colouring(self, wanted: Colouring | None) -> None:
        """Colour by a column; None gives the colours of the layer back."""
        self.colouring = wanted
        self.appearance.colours = None
        if wanted is not None and wanted.column in self.columns:
            values = self.columns[wanted.column]
            colours = coloured(values, wanted.colormap, wanted.limits)
            self.appearance.colours = colours
        self.appearance.apply()

    def highlight(self, rows: Rows) -> None:
        """Let objects stand out, unless another panel outlines them."""
        wanted = rows[:0] if self.shared.is_outlined else rows
        if not np.array_equal(wanted, self.appearance.selected):
            self.appearance.selected = wanted
            self.appearance.apply()

    def row_of(self, label: int) -> int | None:
        """Return the row of a label; None where it was not there."""
        index = self.columns["index"]
        row = int(np.searchsorted(index, label))
        return row if row < index.size and index[row] == label else None

    def rows_of(self, labels: Iterable[int]) -> Rows:
        """Return the rows of labels; those that were not there have none."""
        wanted = np.fromiter(labels, np.int64)
        found: Rows = np.flatnonzero(np.isin(self.columns["index"], wanted))
        return found

    def place_of(self, row: int) -> tuple[float, float, float] | None:
        """Find a place that an object covers, in voxels, ZYX; None if it is gone."""
        columns: dict[str, Any] = self.columns
        start, stop = (
            [int(columns.get(f"{axis}_{end}", default)[row]) for axis in "zyx"]
            for end, default in (("start", _Always(0)), ("stop", _Always(1)))
        )
        spacing = self.measured.order.spacing
        z = float(columns.get("centroid_z_nm", _Always(0))[row]) / spacing[0]
        part = Part(self.layer, Region.whole(volume_of(self.layer).shape))
        return part.place_of(int(columns["index"][row]), start, stop, z)


class _Always:
    """A column that an image has not: it is all in one slice."""

    def __init__(self, value: int) -> None:
        self._value = value

    def __getitem__(self, row: int) -> int:
        return self._value
