"""The Measure dock widget: a table of objects that is linked with their layer."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.viewer import Viewer
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_mitoseg._napari import measure_tasks
from napari_mitoseg._napari.colour_box import ColourBox
from napari_mitoseg._napari.comparison import why_incomparable
from napari_mitoseg._napari.editable import is_offered
from napari_mitoseg._napari.file_patterns import file_patterns
from napari_mitoseg._napari.filter_box import FilterBox
from napari_mitoseg._napari.form import problem_label, shrink
from napari_mitoseg._napari.group_box import GroupBox
from napari_mitoseg._napari.layer_choice import LayerChoice
from napari_mitoseg._napari.layer_reading import Reading
from napari_mitoseg._napari.layers import (
    calibrate,
    data_of,
    layers_of,
    look_at,
    placement,
    spacing_of,
    volume_of,
)
from napari_mitoseg._napari.lifetime import follow, is_taken_out
from napari_mitoseg._napari.measure_box import ContextBox, FamilyBox
from napari_mitoseg._napari.measure_tasks import Measured, MeasureOrder
from napari_mitoseg._napari.measured_layer import MeasuredLayer
from napari_mitoseg._napari.measured_layers import MeasuredLayers
from napari_mitoseg._napari.object_filter import ObjectFilter
from napari_mitoseg._napari.object_picking import ObjectPicker
from napari_mitoseg._napari.object_selection import ObjectSelection
from napari_mitoseg._napari.object_table import ObjectTable
from napari_mitoseg._napari.panel import RUN_STYLE, Panel
from napari_mitoseg._napari.plot_box import PlotBox
from napari_mitoseg._napari.plot_canvas import PlotCanvas
from napari_mitoseg._napari.section import Section, line_up, row_label
from napari_mitoseg._napari.spacing_box import SpacingBox
from napari_mitoseg._napari.summary_words import TIP, in_lines
from napari_mitoseg.errors import MitoSegError
from napari_mitoseg.io.tables import table_formats
from napari_mitoseg.morphology import may_be_mask
from napari_mitoseg.volume import Region, Spacing

STALE = "Measured before the last edit of these labels. Measure again."
ONE_OBJECT = (
    "Everything has one label. If this is a mask, give each object a label of its own "
    "first: Segment mitochondria, or connected components."
)
SETTINGS = ("What to measure", "Other layers")
"""Parts that are folded away when the first table is there."""

PAGES = "HTML (*.html)"
FIGURES = "PNG (*.png);;SVG (*.svg);;PDF (*.pdf)"


class MeasureWidget(Panel):
    """Measure the objects of a label layer, and look at them by their values.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Where the layers are.
    """

    def __init__(self, napari_viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, parent)
        self.layers = MeasuredLayers(self.viewer, self)
        self._current: MeasuredLayer | None = None
        self.selection = ObjectSelection(self)
        self.picker = ObjectPicker(self.viewer, self)
        self.labels: LayerChoice = LayerChoice(
            self.viewer, Labels, "Labels to be measured", is_offered
        )
        self.spacing = SpacingBox()
        self.families = FamilyBox()
        self.context = ContextBox(self.viewer)
        self.filter, self.colour = FilterBox(), ColourBox()
        self.table = ObjectTable(self.selection)
        self.plot = PlotBox(self.viewer, self.selection)
        self.groups = GroupBox(self.viewer)
        self._fill_body()
        self._fill_footer()
        self._connect()
        self._on_layer()

    @property
    def current(self) -> MeasuredLayer | None:
        """What is known of the chosen layer; None if it was not measured."""
        return self._current

    @property
    def problem(self) -> str:
        """What is missing before anything can be measured, in words."""
        layer = self.labels.layer
        if layer is None:
            return _without_labels(bool(layers_of(self.viewer, Image)))
        if wrong := why_incomparable(layer):
            return wrong
        if spacing_of(layer) is None:
            return "These labels have no spacing. Enter their voxel size in nanometres."
        return ""

    def start_run(self) -> None:
        """Measure the chosen layer."""
        if self.problem or self.is_busy:
            return
        layer = self.labels.layer
        spacing = spacing_of(layer)
        if spacing is None:
            return
        order = MeasureOrder(
            data_of(layer),
            spacing,
            self.families.value,
            self.context.context(),
            self.context.tissue_mask(),
        )
        n_edits = self.layers.watch(layer).n_edits
        self.say("")
        done = partial(self._on_measured, layer, n_edits)
        reads = Reading("measured", layer, *self.context.labels())
        self.run(done, measure_tasks.measure, order, reads=reads)

    def jump(self, row: int) -> None:
        """Show an object in the middle of the canvas, in a slice it occurs in.

        Parameters
        ----------
        row : int
            Its row in the table as it was measured.
        """
        known = self._current
        if known is None:
            return
        place = None
        if known.layer in self.viewer.layers:
            place = known.place_of(row)
        if place is None:
            label = known.columns["index"][row]
            self.say(f"Label {label} is no longer there. Measure again.")
            return
        look_at(self.viewer, known.layer, place)

    def save_table(self, path: Path) -> None:
        """Write the table of the chosen layer: all columns, hidden objects too.

        Parameters
        ----------
        path : Path
            Its extension says how. While some objects are hidden, the column ``shown``
            tells which.
        """
        if self._current is not None and not self.is_busy:
            columns, shown = self._current.columns, self._current.shown
            if not shown.all():
                columns["shown"] = shown
            self.run(self._on_saved, measure_tasks.save_table, columns, path)

    def save_report(self, path: Path) -> None:
        """Write a page with pictures, figures and definitions."""
        from napari_mitoseg.report import ReportContent  # noqa: PLC0415 - matplotlib

        known = self._current
        if known is None or self.is_busy:
            return
        if known.is_stale:
            self.say(STALE)
            return
        image, tissue = self.context.image.layer, self.context.tissue.layer
        content = ReportContent(
            volume_of(known.layer),
            known.measured.table,
            None if image is None else volume_of(image),
            None if tissue is None else volume_of(tissue).data,
        )
        job, reads = measure_tasks.save_report, Reading("drawn", known.layer)
        self.run(self._on_saved, job, content, path, reads=reads)

    def save_figure(self, canvas: PlotCanvas, path: Path) -> None:
        """Write a plot as it is printed."""
        try:
            canvas.save(path)
        except MitoSegError as error:
            self.fail(error)
            return
        self._on_saved(path)

    def keep_shown(self) -> None:
        """Copy the objects that are shown into a layer of their own."""
        known = self._current
        if known is not None and not self.is_busy:
            kept = known.columns["index"][known.shown]
            data = data_of(known.layer)
            done = partial(self._on_kept, known.layer)
            reads = Reading("copied", known.layer)
            self.run(done, measure_tasks.keep_labels, data, kept, reads=reads)

    def on_busy(self, busy: bool) -> None:
        """Enable what may be used now."""
        super().on_busy(busy or self.is_busy)
        self._refresh()

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - named by Qt
        """Line the rows up, now that the theme has decided how wide text is."""
        super().showEvent(event)
        line_up(self.body)

    def event(self, event: QEvent | None) -> bool:
        """Give the layers their colours back when napari closes the dock."""
        if is_taken_out(self, event):
            self.layers.restore()
        return super().event(event)

    # ------------------------------------------------------------ construction

    def _fill_body(self) -> None:
        layout = QVBoxLayout(self.body)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        grid = QGridLayout()
        grid.setSpacing(4)
        grid.setColumnStretch(1, 1)
        grid.addWidget(row_label("Labels", "Labels to be measured"), 0, 0)
        grid.addWidget(self.labels, 0, 1)
        grid.addWidget(row_label("Spacing", "Distance between voxel centres"), 1, 0)
        grid.addWidget(self.spacing, 1, 1)
        layout.addLayout(grid)
        contents = (self.families, self.context)
        self.sections = {
            title: Section(title, content)
            for title, content in zip(SETTINGS, contents, strict=True)
        }
        for section in self.sections.values():
            section.button.set_expanded(True)
            layout.addWidget(section)
        self.results = QWidget()
        found = QVBoxLayout(self.results)
        found.setContentsMargins(0, 0, 0, 0)
        found.setSpacing(4)
        self.summary, self.stale = _lines(), problem_label()
        self.summary.setToolTip(TIP)
        self.stale.setText(STALE)
        found.addWidget(self.summary)
        found.addWidget(self.stale)
        self.tabs = QTabWidget()
        self.tabs.addTab(self._table_page(), "Table")
        self.tabs.addTab(self.plot, "Plot")
        self.tabs.addTab(self.groups, "Groups")
        found.addWidget(self.tabs, 1)
        layout.addWidget(self.results, 1)
        layout.addStretch(0)

    def _table_page(self) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 2, 0, 0)
        layout.setSpacing(2)
        self.sections |= {
            "Colour": Section("Colour", self.colour),
            "Filter": Section("Filter", self.filter),
        }
        layout.addWidget(self.sections["Colour"])
        layout.addWidget(self.sections["Filter"])
        self.count = _lines()
        self.keep_button = QPushButton("To new layer")
        self.keep_button.setToolTip("Copy the objects that are shown into a new layer")
        row = QHBoxLayout()
        row.addWidget(self.count, 1)
        row.addWidget(self.keep_button)
        layout.addLayout(row)
        layout.addWidget(self.table, 1)
        return page

    def _fill_footer(self) -> None:
        self.save_button = QPushButton("Save table…")
        self.save_button.setToolTip("Write all objects and columns into a file")
        self.report_button = QPushButton("Report…")
        self.report_button.setToolTip(
            "Write a page with pictures, distributions and definitions"
        )
        self.run_button = QPushButton("Measure")
        self.run_button.setToolTip("Measure every object of the labels")
        self.run_button.setStyleSheet(RUN_STYLE)
        row = QHBoxLayout()
        for button in (self.save_button, self.report_button, self.run_button):
            shrink(button)
            row.addWidget(button, 1)
        self.footer.addLayout(row)

    def _connect(self) -> None:
        self.labels.changed.connect(self._on_layer)
        self.layers.edited.connect(self._refresh)
        self.spacing.edited.connect(self._on_spacing)
        self.run_button.clicked.connect(self.start_run)
        self.save_button.clicked.connect(self._ask_save)
        self.report_button.clicked.connect(self._ask_report)
        self.keep_button.clicked.connect(self.keep_shown)
        self.table.reached.connect(self.jump)
        self.picker.picked.connect(self._on_picked)
        self.picker.is_shown = self._is_shown
        self.selection.changed.connect(self._on_selection)
        self.filter.changed.connect(self._on_filter)
        self.filter.wants_selected.connect(self._pick_selected)
        self.colour.changed.connect(self._on_colour)
        for box in (self.plot, self.groups):
            box.saving.connect(partial(self._ask_figure, box.canvas))
        follow(self, self.viewer.layers.events.removed, self._on_removed)

    # ------------------------------------------------------------ reactions

    def _on_layer(self) -> None:
        """Show what is known of another layer."""
        layer = self.labels.layer
        self.picker.layer = layer
        self.context.contacts.leave_out(layer)
        if layer is not None:
            self.layers.watch(layer)
        wanted = None if layer is None else self.layers.known.get(layer)
        if wanted is not self._current:
            self._show(wanted)
        self._refresh()

    def _on_spacing(self, spacing: Spacing) -> None:
        """Calibrate the layer."""
        layer = self.labels.layer
        if layer is not None:
            calibrate(self.viewer, layer, spacing)
        self._refresh()

    def _on_measured(self, layer: Labels, n_edits: int, measured: Measured) -> None:
        if not self.layers.known:
            for title in SETTINGS:
                self.sections[title].button.set_expanded(False)
        known = self.layers.add(layer, measured, n_edits)
        self._show(known if layer is self.labels.layer else self._current)
        self._show_groups()
        self.say(_advice(measured))
        self._refresh()

    def _show(self, known: MeasuredLayer | None) -> None:
        """Fill table, plots and filters with another layer."""
        self._leave_current()
        columns = {} if known is None else known.columns
        self.filter.set_columns(
            columns, ObjectFilter() if known is None else known.filter
        )
        self.colour.set_columns(columns, None if known is None else known.colouring)
        self.table.set_columns(columns)
        self.plot.set_columns(columns)
        if known is not None:
            self.summary.setText("\n".join(in_lines(known.measured)))
            self._show_objects(known)
            self._current = known
            follow(self, known.shared.changed, self._on_shared)
            self._on_shared()

    def _leave_current(self) -> None:
        """Forget the layer that was shown; what is selected of it stays selected."""
        before, self._current = self._current, None
        self.selection.clear(by=self)
        if before is not None:
            before.shared.changed.disconnect(self._on_shared)
            if self.layers.holds(before):
                before.highlight(self.selection.rows)

    def _show_objects(self, known: MeasuredLayer) -> None:
        """Show in table and plot what the layer shows."""
        shown = known.shown
        self.table.objects.show_objects(shown)
        self.plot.show_objects(shown, known.appearance.colours)
        n = int(np.count_nonzero(shown))
        hidden = f", {shown.size - n:,} hidden" if n < shown.size else ""
        self.count.setText(f"{n:,} shown{hidden}")
        self.keep_button.setVisible(n < shown.size)

    def _show_groups(self) -> None:
        """Compare what is shown of each layer."""
        self.groups.set_entries(self.layers.entries())

    def _on_selection(self, by: Any) -> None:
        known = self._current
        if known is not None:
            known.highlight(self.selection.rows)
            if by is not known.shared:
                index = known.columns["index"]
                known.shared.select(index[self.selection.rows].tolist())

    def _on_shared(self, _event: Any = None) -> None:
        """Select what is selected of the layer in another panel."""
        known = self._current
        if known is not None:
            self.selection.select(known.rows_of(known.shared.labels), by=known.shared)
            known.highlight(self.selection.rows)

    def _on_filter(self, wanted: ObjectFilter) -> None:
        if self._current is not None:
            self._current.set_filter(wanted)
            self._show_objects(self._current)
            self._show_groups()

    def _on_colour(self) -> None:
        if self._current is not None:
            self._current.set_colouring(self.colour.value)
            shown, colours = self._current.shown, self._current.appearance.colours
            self.plot.show_objects(shown, colours)

    def _pick_selected(self) -> None:
        if self._current is None or not self.selection.rows.size:
            self.say("Select objects first: in the table, the canvas or a plot.")
            return
        labels = self._current.columns["index"][self.selection.rows]
        self.filter.pick(frozenset(labels.tolist()))

    def _on_picked(self, label: int, add: bool) -> None:
        """Select the object that was clicked in the canvas."""
        known = self._current
        if known is None:
            return
        row = known.row_of(label) if label else None
        if label and row is None:
            self.say(f"Label {label} was not there when the labels were measured.")
        elif row is None:
            if not add:
                self.selection.clear()
        elif known.shown[row] and add:
            self.selection.toggle(row)
        elif known.shown[row]:
            self.selection.select([row])

    def _is_shown(self, label: int) -> bool:
        """Say whether an object can be seen; one that is new can."""
        row = None if self._current is None else self._current.row_of(label)
        return row is None or self._current is None or bool(self._current.shown[row])

    def _on_saved(self, path: Path) -> None:
        self.say(f"Saved {path}.")

    def _on_kept(self, layer: Labels, data: Any) -> None:
        whole = Region.whole(volume_of(layer).shape)
        kept = Labels(data, name=f"{layer.name} shown", **placement(layer, whole))
        self.viewer.add_layer(kept)
        self.say(f"Made the layer {kept.name}.")

    def _on_removed(self, _event: Any = None) -> None:
        """Let go of layers that are gone."""
        self.layers.leave_removed()
        self._on_layer()

    def _refresh(self) -> None:
        layer, problem, known = self.labels.layer, self.problem, self._current
        usable = layer is not None and not why_incomparable(layer)
        spacing = spacing_of(layer) if usable else None
        self.spacing.show_spacing(spacing, enabled=usable)
        self.run_button.setEnabled(not problem and not self.is_busy)
        has_rows = known is not None and len(known.measured.table) > 0
        for button in (self.save_button, self.report_button):
            button.setEnabled(has_rows and not self.is_busy)
        self.results.setVisible(known is not None)
        self.tabs.setVisible(has_rows)
        self.stale.setVisible(known is not None and known.is_stale)
        self.hint(problem)

    def _ask_save(self) -> None:
        name = self._suggested("measurements", ".csv")
        kinds = file_patterns(table_formats)
        path, _ = QFileDialog.getSaveFileName(self, "Save table", name, kinds)
        if path:
            self.save_table(Path(path))

    def _ask_report(self) -> None:
        name = self._suggested("report", ".html")
        path, _ = QFileDialog.getSaveFileName(self, "Save report", name, PAGES)
        if path:
            self.save_report(Path(path))

    def _ask_figure(self, canvas: PlotCanvas) -> None:
        name = self._suggested("figure", ".png")
        path, _ = QFileDialog.getSaveFileName(self, "Save figure", name, FIGURES)
        if path:
            self.save_figure(canvas, Path(path))

    def _suggested(self, what: str, extension: str) -> str:
        name = "" if self._current is None else f"{self._current.name} "
        return f"{name}{what}{extension}".replace("/", "-")


def _advice(measured: Measured) -> str:
    if len(measured.table) == 0:
        return "There are no labelled objects in this layer."
    if may_be_mask(measured.table):
        return ONE_OBJECT
    return "Measured. Click a row, or an object in the canvas."


def _without_labels(has_image: bool) -> str:
    if has_image:
        return (
            "An image has no objects to measure. Segment it, or open labels; a mask "
            "becomes labels with Convert to Labels in the menu of its layer."
        )
    return "Open or make labels, one number for each object."


def _lines() -> QLabel:
    label = QLabel()
    label.setAlignment(Qt.AlignmentFlag.AlignTop)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label
