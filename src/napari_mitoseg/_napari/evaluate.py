"""The Evaluate dock widget: a prediction against the truth, error by error."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.utils.colormaps import DirectLabelColormap
from napari.viewer import Viewer
from qtpy.QtCore import Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_mitoseg._napari import tasks
from napari_mitoseg._napari.comparison import (
    Part,
    calibrated,
    confidence_for,
    overlapping,
    why_incomparable,
)
from napari_mitoseg._napari.error_table import COLOURS, ErrorList
from napari_mitoseg._napari.image_box import MADE_BY_US
from napari_mitoseg._napari.layer_choice import LayerChoice
from napari_mitoseg._napari.layer_group import LayerGroup
from napari_mitoseg._napari.layers import GREY_DIMENSIONS, look_at
from napari_mitoseg._napari.panel import RUN_STYLE, Panel
from napari_mitoseg._napari.section import Section, heading, labelled_rows, line_up
from napari_mitoseg.errors import MitoSegError
from napari_mitoseg.evaluation import ErrorClass, Evaluation, Scores, describe_scores

ERRORS = "errors"
BY_SIZE = "Size of the object"
TRUTH_WORD = "truth"
PREDICTION, TRUTH = "prediction", "truth"


@dataclass(frozen=True, eq=False)
class Compared:
    """An evaluation and the layers it is about."""

    evaluation: Evaluation
    parts: dict[str, Part]


class EvaluateWidget(Panel):
    """Score a prediction against the truth, and step through its errors.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Where the layers are.
    """

    def __init__(self, napari_viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, parent)
        self.compared: Compared | None = None
        self._layers: LayerGroup | None = None
        choice = partial(LayerChoice, self.viewer, Labels, offers=_is_compared)
        self.prediction: LayerChoice = choice(tip="Labels to be judged")
        self.truth: LayerChoice = choice(tip="Labels that are right")
        self.confidence = LayerChoice(
            self.viewer,
            Image,
            "Orders objects for the average precision: by the mean of an image of "
            "probabilities, or by their size",
            _is_confidence,
            BY_SIZE,
        )
        self.instances = QCheckBox("Compare instances one by one")
        self.instances.setChecked(True)
        self.instances.setToolTip("Off: only the masks, any label being foreground")
        self.headline = _lines()
        self.scores = _score_table()
        self.errors = ErrorList()
        self._fill_body()
        self._fill_footer()
        self._connect()
        self._suggest_truth()
        self._refresh()

    @property
    def problem(self) -> str:
        """What is missing before anything can be compared, in words."""
        prediction, truth = self.prediction.layer, self.truth.layer
        if prediction is None or truth is None:
            return "Open or make labels: a prediction, and the truth to compare it to."
        if truth is prediction:
            return "Choose two different layers: the prediction, and the truth."
        return why_incomparable(prediction) or why_incomparable(truth)

    def start_run(self) -> None:
        """Compare the chosen layers."""
        if self.problem or self.is_busy:
            return
        try:
            parts = overlapping(self.prediction.layer, self.truth.layer)
            sure = self._confidence(parts[0])
        except MitoSegError as error:
            self.fail(error)
            return
        volumes = [part.volume() for part in parts]
        named = dict(zip((PREDICTION, TRUTH), parts, strict=True))
        job = partial(tasks.evaluate, instances=self.instances.isChecked())
        self.say("")
        self.run(partial(self._on_compared, named), job, *volumes, sure)

    def save(self, folder: Path) -> None:
        """Write scores, errors and their table into a folder."""
        if self.compared is not None and not self.is_busy:
            spacing = calibrated([*self.compared.parts.values()])
            evaluation = self.compared.evaluation
            self.run(self._on_saved, tasks.save_evaluation, evaluation, folder, spacing)

    def jump(self, side: str, label: int) -> None:
        """Show an object in the middle of the canvas, in a slice it occurs in.

        Parameters
        ----------
        side : {"prediction", "truth"}
            Whose object it is.
        label : int
            Its label.
        """
        compared = self.compared
        if compared is None or compared.evaluation.table is None:
            return
        part, columns = compared.parts[side], compared.evaluation.table.columns
        is_row = np.equal(columns["index"], label) & (np.array(columns["side"]) == side)
        row = int(np.flatnonzero(is_row)[0])
        start, stop = (
            [int(columns[f"{axis}_{end}"][row]) for axis in "zyx"]
            for end in ("start", "stop")
        )
        z = float(columns["centroid_z"][row])
        place = part.place_of(label, start, stop, z)
        if part.layer not in self.viewer.layers or place is None:
            self.say(f"Label {label} is no longer there. Evaluate again.")
            return
        look_at(self.viewer, part.layer, place)

    def on_busy(self, busy: bool) -> None:
        """Enable what may be used now."""
        super().on_busy(busy or self.is_busy)
        self._refresh()

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - named by Qt
        """Line the rows up, now that the theme has decided how wide text is."""
        super().showEvent(event)
        line_up(self.body)

    # ------------------------------------------------------------ construction

    def _fill_body(self) -> None:
        layout = QVBoxLayout(self.body)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        rows = {
            "Prediction": self.prediction,
            "Truth": self.truth,
            "Confidence": self.confidence,
        }
        layout.addLayout(labelled_rows(rows))
        layout.addWidget(self.instances)
        self.results = QWidget()
        found = QVBoxLayout(self.results)
        found.setContentsMargins(0, 0, 0, 0)
        found.setSpacing(6)
        found.addWidget(heading("Scores"))
        found.addWidget(self.headline)
        self.all_scores = Section("All scores", self.scores)
        found.addWidget(self.all_scores)
        self.error_part = QWidget()
        errors = QVBoxLayout(self.error_part)
        errors.setContentsMargins(0, 0, 0, 0)
        errors.addWidget(heading("Objects"))
        errors.addWidget(self.errors, 1)
        found.addWidget(self.error_part, 1)
        layout.addWidget(self.results, 1)
        layout.addStretch(0)

    def _fill_footer(self) -> None:
        self.save_button = QPushButton("Save…")
        self.save_button.setToolTip("Write errors.tif, errors.csv and scores.json")
        self.run_button = QPushButton("Evaluate")
        self.run_button.setToolTip("Compare the prediction with the truth")
        self.run_button.setStyleSheet(RUN_STYLE)
        row = QHBoxLayout()
        row.addWidget(self.save_button, 1)
        row.addWidget(self.run_button, 1)
        self.footer.addLayout(row)

    def _connect(self) -> None:
        for choice in (self.prediction, self.truth):
            choice.changed.connect(self._on_layers)
        self.run_button.clicked.connect(self.start_run)
        self.save_button.clicked.connect(self._ask_save)
        self.errors.jumped.connect(self.jump)

    # ------------------------------------------------------------ reactions

    def _on_layers(self) -> None:
        if self.truth.layer is self.prediction.layer:
            self._suggest_truth()
        self._refresh()

    def _suggest_truth(self) -> None:
        """Choose as truth what is called so, or else anything but the prediction."""
        others = [
            one for one in self.truth.layers() if one is not self.prediction.layer
        ]
        called = [layer for layer in others if TRUTH_WORD in layer.name.lower()]
        for layer in (called or others)[:1]:
            self.truth.choose(layer)

    def _refresh(self) -> None:
        problem, compared = self.problem, self.compared
        has_errors = compared is not None and compared.evaluation.table is not None
        self.run_button.setEnabled(not problem and not self.is_busy)
        self.save_button.setEnabled(has_errors and not self.is_busy)
        self.results.setVisible(compared is not None)
        self.error_part.setVisible(has_errors)
        self.hint(problem)

    def _confidence(self, part: Part) -> Any:
        layer = self.confidence.layer
        return None if layer is None else confidence_for(part, layer)

    def _on_compared(self, given: dict[str, Part], judged: tasks.Judged) -> None:
        evaluation = judged.evaluation
        parts = {
            side: replace(part, numbered=numbered)
            for (side, part), numbered in zip(
                given.items(), judged.numbered, strict=True
            )
        }
        self.compared = Compared(evaluation, parts)
        self.headline.setText("\n".join(in_lines(evaluation.scores)))
        _fill_scores(self.scores, evaluation.scores)
        self.errors.set_table(evaluation.table)
        self._show_errors(parts, evaluation)
        advice = " Click a row to see the object." if evaluation.table else ""
        masks = "".join(
            f" {part.layer.name} is a mask: its connected parts count as objects."
            for part in parts.values()
            if part.numbered is not None
        )
        self.say(f"Compared.{masks}{advice}")
        self._refresh()

    def _show_errors(self, parts: dict[str, Part], evaluation: Evaluation) -> None:
        """Show the errors in place of the last ones."""
        known, part = self._layers, parts[PREDICTION]
        painted = evaluation.error_labels
        if known is not None and (
            painted is None or not known.covers(part.layer, part.region)
        ):
            known.remove()
            self._layers = known = None
        if painted is None:
            return
        if known is None:
            known = LayerGroup(self.viewer, part.layer, part.region, part.layer.name)
            for compared in parts.values():
                # Their colours would shine through, and no class be told by its own.
                compared.layer.visible = False
        self._layers = known
        known.put_labels(ERRORS, painted, visible=True)
        layer: Any = known[ERRORS]
        layer.colormap = error_colours()
        layer.features = {
            "index": [kind.value for kind in ErrorClass],
            "error": [kind.word for kind in ErrorClass],
        }

    def _on_saved(self, folder: Path) -> None:
        self.say(f"Saved errors and scores in {folder}.")

    def _ask_save(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for the errors")
        if folder:
            self.save(Path(folder))


def in_lines(scores: Scores) -> list[str]:
    """Say the scores that matter most in a few lines.

    Parameters
    ----------
    scores : Scores
        All scores.

    Returns
    -------
    list of str
        Masks, instances, and numbers of errors.
    """
    mask = scores.overlap
    lines = [
        f"IoU {mask.foreground_iou:.3f} · Dice {mask.dice:.3f} · "
        f"mean IoU {mask.mean_iou:.3f}"
    ]
    average, instances, errors = (
        scores.average_precision,
        scores.instances,
        scores.errors,
    )
    if average is None or instances is None or errors is None:
        return lines
    at = instances.at[0]
    return [
        *lines,
        f"AP-75 {_shown(average.ap75)} · F1 {at.f1:.3f} · PQ {at.panoptic_quality:.3f}",
        f"{instances.n_true} true · {instances.n_predicted} predicted · "
        f"{errors.n_matched} matched",
        f"{errors.n_missed} missed · {errors.n_spurious} spurious · "
        f"{errors.split_errors} splits · {errors.merge_errors} merges",
    ]


def error_colours() -> DirectLabelColormap:
    """Return the colormap of the layer of errors."""
    colours: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    return DirectLabelColormap(
        color_dict=colours | {kind.value: colour for kind, colour in COLOURS.items()}
    )


def _is_compared(layer: Layer) -> bool:
    return layer.metadata.get(MADE_BY_US) != ERRORS


def _is_confidence(layer: Layer) -> bool:
    return layer.ndim in GREY_DIMENSIONS and not getattr(layer, "rgb", False)


def _lines() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label


def _score_table() -> QTableWidget:
    table = QTableWidget(0, 2)
    table.setHorizontalHeaderLabels(["Score", "Value"])
    table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
    table.setMinimumHeight(150)
    if (numbers := table.verticalHeader()) is not None:
        numbers.hide()
        numbers.setDefaultSectionSize(22)
    if (titles := table.horizontalHeader()) is not None:
        titles.setStretchLastSection(True)
        titles.resizeSection(0, 190)
    return table


def _fill_scores(table: QTableWidget, scores: Scores) -> None:
    named, help_of = scores.by_name(), describe_scores()
    table.setRowCount(len(named))
    for row, (name, value) in enumerate(named.items()):
        plain, at, _ = name.partition("@")
        for column, text in enumerate((name, _shown(value))):
            item = QTableWidgetItem(text)
            item.setToolTip(help_of[plain + at])
            table.setItem(row, column, item)


def _shown(value: float | None) -> str:
    if value is None:
        return "none"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
