"""The Export dock widget: labels in the files of other programs."""

from functools import partial
from pathlib import Path
from typing import Any

from napari.layers import Image, Labels, Layer
from napari.viewer import Viewer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QGridLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_mitoseg._napari.comparison import why_incomparable
from napari_mitoseg._napari.editable import is_offered
from napari_mitoseg._napari.export_kinds import Choice, Kind, kinds
from napari_mitoseg._napari.form import ParamsForm, ignore_wheel, shrink
from napari_mitoseg._napari.image_box import MADE_BY_US
from napari_mitoseg._napari.layer_choice import LayerChoice
from napari_mitoseg._napari.layer_reading import Reading
from napari_mitoseg._napari.layers import (
    GREY_DIMENSIONS,
    calibrate,
    spacing_of,
    volume_of,
)
from napari_mitoseg._napari.panel import RUN_STYLE, Panel
from napari_mitoseg._napari.section import labelled_rows, line_up, row_label
from napari_mitoseg._napari.spacing_box import SpacingBox
from napari_mitoseg.exporting import ExportSettings, export_labels, export_objects
from napari_mitoseg.volume import Spacing, Volume

NO_IMAGE = "No image"
UNKNOWN = "The spacing is not known: the file will not say it."


class ExportWidget(Panel):
    """Write a label layer for other programs.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Where the layers are.
    """

    def __init__(self, napari_viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, parent)
        self.labels: LayerChoice = LayerChoice(
            self.viewer, Labels, "Labels to export", is_offered
        )
        self.image = LayerChoice(
            self.viewer,
            Image,
            "Image that is cropped beside the labels",
            _is_image,
            NO_IMAGE,
        )
        self.spacing = SpacingBox()
        self.kind = _combo("What is written")
        self.format = _combo("Which file format")
        self.opened_by = _small_label()
        self.settings = ParamsForm(ExportSettings())
        self.each = QCheckBox("One file for each object")
        self.picked = QPushButton("Add the selected label")
        self.picked.setToolTip(
            "Add the label that napari paints with: pick one with its colour picker"
        )
        for kind in kinds():
            self.kind.addItem(kind.title, kind)
        self._fill_body()
        self._fill_footer()
        self._connect()
        self._on_kind()
        self._on_labels()

    @property
    def problem(self) -> str:
        """What is missing before anything can be exported, in words."""
        layer = self.labels.layer
        if layer is None:
            return "Open or make labels: there is no Labels layer."
        if wrong := why_incomparable(layer):
            return wrong
        if self._kind.is_length and spacing_of(layer) is None:
            return "These labels have no spacing. Enter their voxel size in nanometres."
        image = self._image
        if image is not None and volume_of(image).shape != volume_of(layer).shape:
            return "The image has another size than the labels. Choose theirs, or none."
        return ""

    @property
    def is_one_file(self) -> bool:
        """Whether all objects go into one file."""
        return not (self._kind.is_crop or self.each.isChecked())

    def export(self, out: Path) -> None:
        """Write what is chosen.

        Parameters
        ----------
        out : Path
            File, or folder for one file an object.
        """
        layer = self.labels.layer
        if self.problem or self.is_busy or layer is None:
            return
        volume, settings = _named(volume_of(layer)), self._value()
        self.say("")
        done = partial(self._on_written, out)
        if self.is_one_file:
            reads = Reading("exported", layer)
            self.run(done, export_labels, volume, out, settings, reads=reads)
            return
        image, kind = self._image, self._format.name
        beside = None if image is None else volume_of(image)
        self.run(
            done,
            export_objects,
            volume,
            out,
            kind,
            settings,
            beside,
            reads=Reading("exported", layer),
        )

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
        rows: dict[str, QWidget] = {
            "Labels": self.labels,
            "Spacing": self.spacing,
            "Export": self.kind,
            "Format": self.format,
            "": self.opened_by,
        }
        layout.addLayout(labelled_rows(rows))
        self.settings.editor("objects").setProperty("placeholderText", "all")
        self.settings.findChild(QFormLayout).insertRow(1, "", self.picked)
        layout.addWidget(self.settings)
        layout.addWidget(self.each)
        self.image_row = QWidget()
        image = QGridLayout(self.image_row)
        image.setContentsMargins(0, 0, 0, 0)
        image.setSpacing(4)
        image.setColumnStretch(1, 1)
        image.addWidget(row_label("Image", "Cropped beside the labels, as TIFF"), 0, 0)
        image.addWidget(self.image, 0, 1)
        layout.addWidget(self.image_row)
        layout.addStretch(1)

    def _fill_footer(self) -> None:
        self.run_button = QPushButton("Export…")
        self.run_button.setStyleSheet(RUN_STYLE)
        self.footer.addWidget(self.run_button)

    def _connect(self) -> None:
        self.labels.changed.connect(self._on_labels)
        self.labels.altered.connect(self._on_labels)
        self.image.changed.connect(self._refresh)
        self.spacing.edited.connect(self._on_spacing)
        self.kind.currentIndexChanged.connect(self._on_kind)
        self.format.currentIndexChanged.connect(self._refresh)
        self.each.toggled.connect(self._refresh)
        self.picked.clicked.connect(self._add_picked)
        self.run_button.clicked.connect(self._ask)

    # ------------------------------------------------------------ reactions

    @property
    def _kind(self) -> Kind:
        kind: Kind = self.kind.currentData()
        return kind

    @property
    def _format(self) -> Choice:
        choice: Choice = self.format.currentData()
        return choice

    @property
    def _image(self) -> Any:
        return self.image.layer if self._kind.is_crop else None

    def _value(self) -> ExportSettings:
        value = self.settings.value
        return value if isinstance(value, ExportSettings) else ExportSettings()

    def _on_labels(self) -> None:
        layer = self.labels.layer
        usable = layer is not None and not why_incomparable(layer)
        spacing = spacing_of(layer) if usable and layer is not None else None
        self.spacing.show_spacing(spacing, enabled=usable)
        self._refresh()

    def _on_spacing(self, spacing: Spacing) -> None:
        layer = self.labels.layer
        if layer is not None:
            calibrate(self.viewer, layer, spacing)

    def _on_kind(self) -> None:
        """Offer the formats of another kind, keeping the format if it has it."""
        kind, chosen = self._kind, self.format.currentData()
        self.kind.setToolTip(kind.tip)
        self.format.blockSignals(True)
        self.format.clear()
        for choice in kind.formats:
            self.format.addItem(choice.text, choice)
        if chosen in kind.formats:
            self.format.setCurrentIndex(kind.formats.index(chosen))
        self.format.blockSignals(False)
        for name in ExportSettings.model_fields:
            self.settings.show_row(name, shown=name in kind.fields)
        self.each.setVisible(kind.is_length)
        self.image_row.setVisible(kind.is_crop)
        self._refresh()

    def _add_picked(self) -> None:
        layer = self.labels.layer
        value = self._value()
        if layer is None or layer.selected_label < 1:
            self.say("Label 0 is the background. Pick an object first.")
            return
        objects = (*value.objects, int(layer.selected_label))
        self.settings.set_value(ExportSettings(**{**dict(value), "objects": objects}))

    def _refresh(self) -> None:
        problem, layer = self.problem, self.labels.layer
        self.opened_by.setText(f"For {self._format.opened_by}")
        self.run_button.setEnabled(not problem and not self.is_busy)
        self.run_button.setText(
            "Export…" if self.is_one_file else "Export to a folder…"
        )
        self.picked.setEnabled(layer is not None)
        unknown = layer is not None and not problem and spacing_of(layer) is None
        self.hint(problem or (UNKNOWN if unknown else ""))

    def _ask(self) -> None:
        layer, choice = self.labels.layer, self._format
        if not self.is_one_file:
            path = QFileDialog.getExistingDirectory(self, "Folder for the objects")
        else:
            start = f"{_named(volume_of(layer)).name}{choice.ending}"
            kind = f"{choice.title} (*{choice.ending})"
            path, _ = QFileDialog.getSaveFileName(self, "Export labels", start, kind)
        if path:
            is_short = self.is_one_file and not path.lower().endswith(choice.ending)
            self.export(Path(f"{path}{choice.ending}" if is_short else path))

    def _on_written(self, out: Path, written: tuple[Path, ...]) -> None:
        many = f"{len(written)} files to" if len(written) > 1 else ""
        self.say(f"Exported {many} {out}.".replace("  ", " "))


def _combo(tip: str) -> QComboBox:
    box = QComboBox()
    box.setToolTip(tip)
    shrink(box)
    ignore_wheel(box)
    return box


def _small_label() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setStyleSheet("color: #9aa0a8;")
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label


def _is_image(layer: Layer) -> bool:
    is_grey = layer.ndim in GREY_DIMENSIONS and not getattr(layer, "rgb", False)
    return is_grey and MADE_BY_US not in layer.metadata


def _named(volume: Volume) -> Volume:
    """Return the volume under a name that is fit for a file."""
    name = "".join("-" if sign in '\\/:*?"<>|' else sign for sign in volume.name)
    return Volume(volume.data, volume.spacing, name.strip() or "labels")
