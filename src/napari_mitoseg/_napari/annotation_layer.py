"""The layer that is painted in: its legend, its journal, and help while painting."""

from collections.abc import Iterator
from time import perf_counter
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from napari_mitoseg._napari.image_box import MADE_BY_US
from napari_mitoseg._napari.layers import displayed_slice, placement
from napari_mitoseg._napari.lifetime import follow
from napari_mitoseg._napari.panel import timer
from napari_mitoseg.annotation.encoding import BACKGROUND, MITOCHONDRION, UNLABELLED
from napari_mitoseg.annotation.interpolation import interpolate_masks
from napari_mitoseg.annotation.recorder import Recorder
from napari_mitoseg.errors import AnnotationError, WriteError
from napari_mitoseg.volume import Region

ANNOTATION = "annotation"
COLOURS: dict[int | None, Any] = {
    None: "transparent",
    BACKGROUND: (0.23, 0.51, 0.96, 0.35),
    MITOCHONDRION: (1.0, 0.62, 0.11, 0.85),
}
PAINTING = {"paint", "fill", "polygon"}
OPACITY = 0.7
REST_MS = 300
"""How long nothing must have happened before all slices are compared."""

AT_ONCE_S = 0.008
"""How long the comparison may keep the window from working."""

Mask = NDArray[np.bool_]


class AnnotationLayer(QObject):
    """A labels layer on an image whose every change is journalled.

    Parameters
    ----------
    viewer : ViewerModel
        Where the layer goes.
    image : napari.layers.Image
        A stack.
    labels : ndarray of uint8, shape (Z, Y, X)
        Shown and painted in.
    recorder : Recorder
        Knows these labels already.
    parent : QObject
        Deleting it ends the journal.

    Attributes
    ----------
    predicted : ndarray of uint8, shape (Z, Y, X), or None
        Probability × 255 by the model trained from this annotation last.
    is_safe : bool
        Whether all that is painted is on disk.
    changed : Signal()
        A slice has been painted in.
    brush_changed : Signal(object)
        Another brush was taken, see `brush`.
    failed : Signal(object)
        The journal cannot be written; once, until it can be again.
    """

    changed = Signal()
    brush_changed = Signal(object)
    failed = Signal(object)

    def __init__(
        self,
        viewer: ViewerModel,
        image: Image,
        labels: NDArray[np.uint8],
        recorder: Recorder,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self.image = image
        self.recorder = recorder
        self.is_safe = True
        self.predicted: NDArray[np.uint8] | None = None
        self._is_open = True
        self.layer = Labels(
            labels,
            name=f"{image.name} annotation",
            metadata={MADE_BY_US: ANNOTATION},
            colormap=DirectLabelColormap(color_dict=COLOURS),
            opacity=OPACITY,
            **placement(image, Region.whole(labels.shape)),
        )
        self._sweep: Iterator[int] | None = None
        self._soon = timer(self, 0, self.look)
        self._sweeper = QTimer(self)
        self._sweeper.timeout.connect(self._on_sweep)
        viewer.add_layer(self.layer)
        self._z = self.current
        self._choose_brush()
        events = self.layer.events
        follow(self, events.paint, self._on_painted)
        follow(self, events.set_data, self._on_drawn)
        follow(self, events.data, self._on_painted)
        follow(self, events.selected_label, self._on_label)
        follow(self, events.mode, self._on_mode)

    @property
    def n_slices(self) -> int:
        """Slices in the stack."""
        return len(self.labels)

    @property
    def labels(self) -> NDArray[np.uint8]:
        """The annotation as it is now, shape (Z, Y, X)."""
        data: NDArray[np.uint8] = self.layer.data
        return data

    @property
    def current(self) -> int:
        """The slice on screen, the nearest one there is."""
        z = displayed_slice(self._viewer, self.layer)
        return min(max(z, 0), self.n_slices - 1)

    @property
    def labelled(self) -> set[int]:
        """Slices with any labelled pixel."""
        return self.recorder.labelled

    @property
    def complete(self) -> set[int]:
        """Slices without an unlabelled pixel."""
        return self.recorder.complete

    @property
    def brush(self) -> int | None:
        """The value that is painted; 0 while erasing, None while not painting."""
        mode = str(self.layer.mode)
        if mode == "erase":
            return UNLABELLED
        return self.layer.selected_label if mode in PAINTING else None

    def paint_with(self, value: int) -> None:
        """Take the brush for a value; 0 erases.

        Parameters
        ----------
        value : int
            0, 1 or 2, see `annotation.encoding`.
        """
        self._viewer.layers.selection.active = self.layer
        if value != UNLABELLED:
            self.layer.selected_label = value
        self.layer.mode = "paint" if value != UNLABELLED else "erase"

    def mark_complete(self, z: int) -> None:
        """Turn the unlabelled pixels of a slice into background; can be undone."""
        self._set(z, self.labels[z] == UNLABELLED, BACKGROUND)

    def reopen(self, z: int) -> None:
        """Turn the background of a slice into unlabelled pixels; can be undone."""
        self._set(z, self.labels[z] == BACKGROUND, UNLABELLED)

    def start_from(self, z: int, found: Mask) -> int:
        """Paint mitochondria where a slice is unlabelled; can be undone.

        Parameters
        ----------
        z : int
            Slice number.
        found : ndarray of bool, shape (Y, X)
            Where they are thought to be.

        Returns
        -------
        int
            How many pixels were painted.
        """
        new = found & (self.labels[z] == UNLABELLED)
        self._set(z, new, MITOCHONDRION)
        return int(new.sum())

    def neighbour(self, z: int) -> Mask:
        """Return the mitochondria of the nearest labelled slice, of two the lower.

        Parameters
        ----------
        z : int
            Slice number.

        Returns
        -------
        ndarray of bool, shape (Y, X)
            What is painted as mitochondrion there.

        Raises
        ------
        AnnotationError
            If no other slice is labelled.
        """
        others = sorted(self.labelled - {z}, key=lambda other: (abs(other - z), other))
        if not others:
            msg = "No other slice is labelled yet. Label one by hand first."
            raise AnnotationError(msg)
        return self._mitochondria(others[0])

    def between(self, z: int) -> Mask:
        """Return the shapes between the labelled slices below and above.

        Parameters
        ----------
        z : int
            Slice number.

        Returns
        -------
        ndarray of bool, shape (Y, X)
            See `interpolate_masks`.

        Raises
        ------
        AnnotationError
            Unless a slice is labelled on both sides.
        """
        below = max((other for other in self.labelled if other < z), default=None)
        above = min((other for other in self.labelled if other > z), default=None)
        if below is None or above is None:
            side = "below" if below is None else "above"
            msg = (
                f"No slice {side} slice {z} is labelled, so there is nothing to "
                "interpolate with. Start from the neighbour instead."
            )
            raise AnnotationError(msg)
        fraction = (z - below) / (above - below)
        first, second = (self._mitochondria(other) for other in (below, above))
        return interpolate_masks(first, second, fraction)

    def align(self) -> None:
        """Follow the image: its spacing may have been corrected."""
        there = placement(self.image, Region.whole(self.labels.shape))
        if not np.array_equal(there["scale"], self.layer.scale):
            for name, value in there.items():
                setattr(self.layer, name, value)

    def look(self) -> None:
        """Journal now what has changed in the slice on screen."""
        self._record(self.current)

    def settle(self) -> None:
        """Journal now whatever has changed anywhere."""
        self._sweeper.stop()
        self._sweep = None
        for z in range(self.n_slices):
            self._record(z)

    def close(self) -> None:
        """Journal the rest and let go of the file; the layer may stay."""
        if self._is_open:
            self.settle()
            self._is_open = False
            self.recorder.journal.close()

    def _mitochondria(self, z: int) -> Mask:
        mask: Mask = self.labels[z] == MITOCHONDRION
        return mask

    def _choose_brush(self) -> None:
        self.layer.brush_size = max(4, round(min(self.labels.shape[1:]) / 50))
        self.paint_with(MITOCHONDRION)

    def _set(self, z: int, where: Mask, value: int) -> None:
        """Change pixels in a way that napari's undo knows."""
        y, x = np.nonzero(where)
        if not y.size:
            return
        # napari keeps the indices for undo: as small numbers they take a quarter.
        small = np.min_scalar_type(max(self.labels.shape))
        index = np.full(y.size, z, small), y.astype(small), x.astype(small)
        with self.layer.block_history():
            self.layer.data_setitem(index, value)
        self._record(z)

    def _on_painted(self, _event: Any = None) -> None:
        """Record a stroke, and look again: napari tells of a fill before it fills."""
        self.look()
        self._soon.start()
        self._rest()

    def _on_drawn(self, _event: Any = None) -> None:
        """Look for changes, unless only another slice is shown: an undo, perhaps."""
        z = self.current
        if z == self._z:
            self._soon.start()
            self._rest()
        self._z = z

    def _on_label(self, _event: Any = None) -> None:
        """Keep to the legend: there is no label 3."""
        self.layer.selected_label = min(self.layer.selected_label, MITOCHONDRION)
        self.brush_changed.emit(self.brush)

    def _on_mode(self, _event: Any = None) -> None:
        self.brush_changed.emit(self.brush)

    def _rest(self) -> None:
        self._sweep = None
        self._sweeper.start(REST_MS)

    def _on_sweep(self) -> None:
        """Compare slices for a moment, and let the window work before the next."""
        if self._sweep is None:
            self._sweep = iter(range(self.n_slices))
            self._sweeper.start(0)
        end = perf_counter() + AT_ONCE_S
        for z in self._sweep:
            self._record(z)
            if perf_counter() > end:
                return
        self._sweeper.stop()

    def _record(self, z: int) -> None:
        if not self._is_open:
            return
        try:
            changed = self.recorder.record(self.labels, z)
        except WriteError as error:
            self._warn(error)
            changed = True
        else:
            self.is_safe = self.is_safe or changed
        if changed:
            self.changed.emit()

    def _warn(self, error: WriteError) -> None:
        """Tell once that the journal cannot be written."""
        if self.is_safe:
            self.is_safe = False
            self.failed.emit(error)
