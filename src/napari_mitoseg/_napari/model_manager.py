"""The models there are: look at them, install, remove and export them."""

from functools import partial
from html import escape
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt, QUrl, Signal
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QMessageBox,
    QPushButton,
    QSplitter,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_mitoseg._napari import model_tasks
from napari_mitoseg._napari.model_tasks import ListedModel, listed_models
from napari_mitoseg._napari.model_words import describe
from napari_mitoseg._napari.panel import ProgressRow
from napari_mitoseg._napari.section import labelled_rows
from napari_mitoseg._napari.worker import JobRunner
from napari_mitoseg.errors import InvalidParameterError, MitoSegError, TrustError
from napari_mitoseg.models.zoo import ModelCard, models_folder

PATTERNS = "Models (*.zip *.yaml *.yml *.json *.onnx *.pt);;All files (*)"
EXPORTS = {
    "As BioImage.IO package…": ("bioimageio", ("torchscript",), ".zip"),
    "As BioImage.IO package with ONNX too…": (
        "bioimageio",
        ("torchscript", "onnx"),
        ".zip",
    ),
    "As TorchScript…": ("torchscript", (), ".pt"),
    "As ONNX…": ("onnx", (), ".onnx"),
    "For napari-mitoseg on another computer…": ("mitoseg", (), ".zip"),
}

MOST_LETTERS = 600


class ModelManager(QDialog):
    """List, details, install, remove, export.

    Parameters
    ----------
    parent : QWidget, optional
        Deleting it ends what is running.

    Attributes
    ----------
    changed : Signal()
        A model was installed or removed.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Models")
        self._job = ""
        self._again: dict[str, Any] = {}
        self.list = QListWidget()
        self.details = QTextBrowser()
        self.details.setOpenExternalLinks(True)
        self._fill_fields()
        self._fill_buttons()
        self.status = QLabel()
        self.status.setWordWrap(True)
        self.status.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
        )
        self.progress = ProgressRow()
        self.runner = JobRunner(self)
        self._arrange()
        self._connect()
        self.refresh()

    @property
    def chosen(self) -> ListedModel | None:
        """The model that is selected."""
        item = self.list.currentItem()
        return None if item is None else item.data(Qt.ItemDataRole.UserRole)

    def refresh(self, name: str = "") -> None:
        """List the models anew, and select one.

        Parameters
        ----------
        name : str
            Which; the same as before where empty.
        """
        wanted = name or (self.chosen.card.name if self.chosen else "")
        self.list.clear()
        for one in listed_models():
            hint = "" if one.folder else "  (can be downloaded)"
            item = QListWidgetItem(f"{one.card.name}{hint}")
            item.setData(Qt.ItemDataRole.UserRole, one)
            self.list.addItem(item)
            if one.card.name == wanted:
                self.list.setCurrentItem(item)
        if self.list.currentItem() is None:
            self.list.setCurrentRow(0)
        self._on_chosen()

    def install(self, source: str, *, trust: bool = False) -> None:
        """Install a model from a file, folder or address, or a public one by name."""
        try:
            settings = self._settings()
        except InvalidParameterError as error:
            self.say(str(error))
            return
        self._again = {"source": source}
        self._start("install", model_tasks.install, source, settings | {"trust": trust})

    def remove(self) -> None:
        """Remove the selected model."""
        if self.chosen is not None:
            self._start("remove", model_tasks.remove, self.chosen.card.name)

    def export(self, kind: str, weights: tuple[str, ...], path: Path) -> None:
        """Write the selected model for other programs."""
        if self.chosen is not None:
            name, author = self.chosen.card.name, self.author.text()
            job = (model_tasks.export, name, path, kind, weights, author)
            self._start("export", *job)

    def say(self, text: str) -> None:
        """Show a status; what a package says of itself may be long."""
        is_long = len(text) > MOST_LETTERS
        self.status.setText(f"{text[:MOST_LETTERS]}…" if is_long else text)
        self.status.setToolTip(escape(text) if is_long else "")

    # ------------------------------------------------------------ construction

    def _fill_fields(self) -> None:
        self.name = _field("as in the package", "Name to choose the model by")
        self.spacing = _field(
            "as in the package",
            "Spacing of the training images in nm as z, y, x; for packages that do not "
            "say it",
        )
        self.outputs = _field(
            "as described",
            "What the channels are, for packages that do not say it: semantic, "
            "boundary, and - for others",
        )
        self.sha256 = _field(
            "not compared", "Checksum that the file, downloaded or not, must have"
        )
        self.author = _field("as on its card", "Who made the model; for exports")
        self.fields = {
            "Name": self.name,
            "Spacing (nm)": self.spacing,
            "Channels": self.outputs,
            "sha256": self.sha256,
            "Author": self.author,
        }

    def _fill_buttons(self) -> None:
        self.download = QPushButton("Download")
        self.download.setToolTip("Download and install the selected public model")
        self.from_file = QPushButton("Install file…")
        self.address = QLineEdit()
        self.address.setPlaceholderText("https://…")
        self.from_address = QPushButton("Install")
        self.from_address.setToolTip("Download a package from this address")
        self.remove_button = QPushButton("Remove")
        self.export_button = QPushButton("Export")
        menu = QMenu(self)
        for title, (kind, weights, ending) in EXPORTS.items():
            menu.addAction(title, partial(self._ask_export, kind, weights, ending))
        self.export_button.setMenu(menu)
        self.open_folder = QPushButton("Open folder")
        self.open_folder.setToolTip("Open the folder that models are installed into")
        self.folder_line = QElidingLabel(str(models_folder()))
        self.folder_line.setToolTip(f"Models are installed into {models_folder()}")

    def _arrange(self) -> None:
        self.resize(760, 560)
        split = QSplitter()
        split.addWidget(self.list)
        split.addWidget(self.details)
        split.setStretchFactor(1, 2)
        layout = QVBoxLayout(self)
        layout.addWidget(split, 1)
        layout.addLayout(
            _row(self.download, self.remove_button, self.export_button, self.from_file)
        )
        layout.addLayout(_row(QLabel("Address"), self.address, self.from_address))
        rows: dict[str, QWidget] = {**self.fields}
        layout.addLayout(labelled_rows(rows))
        layout.addLayout(_row(self.folder_line, self.open_folder))
        layout.addWidget(self.progress)
        layout.addWidget(self.status)

    def _connect(self) -> None:
        self.list.currentItemChanged.connect(self._on_chosen)
        self.download.clicked.connect(self._on_download)
        self.from_file.clicked.connect(self._ask_file)
        self.from_address.clicked.connect(self._on_address)
        self.address.returnPressed.connect(self._on_address)
        self.remove_button.clicked.connect(self._ask_remove)
        self.open_folder.clicked.connect(self._on_open_folder)
        self.progress.cancel.clicked.connect(self._on_cancel)
        self.runner.progressed.connect(self.progress.show_progress)
        self.runner.returned.connect(self._on_returned)
        self.runner.failed.connect(self._on_failed)
        self.runner.cancelled.connect(self._on_cancelled)
        self.runner.busy_changed.connect(self._on_busy)

    def _settings(self) -> dict[str, Any]:
        """Return what the fields say about a model to be installed."""
        return {
            "name": self.name.text().strip(),
            "spacing": _spacing(self.spacing.text()),
            "outputs": self.outputs.text().strip(),
            "sha256": self.sha256.text().strip(),
        }

    # ------------------------------------------------------------ reactions

    def _on_chosen(self) -> None:
        chosen = self.chosen
        self.details.setHtml("" if chosen is None else describe(chosen))
        self._refresh_buttons()

    def _refresh_buttons(self) -> None:
        chosen, idle = self.chosen, not self.runner.is_busy
        is_here = chosen is not None and chosen.folder is not None
        self.download.setEnabled(idle and chosen is not None and not is_here)
        self.export_button.setEnabled(idle and is_here)
        removable = chosen is not None and chosen.can_remove
        self.remove_button.setEnabled(idle and removable)
        self.from_file.setEnabled(idle)
        self.from_address.setEnabled(idle)

    def _start(self, what: str, *job: Any) -> None:
        if self.runner.is_busy:
            return
        self._job = what
        self.say("")
        self.progress.begin()
        self.runner.start(*job)

    def _on_busy(self, busy: bool) -> None:
        if not busy:
            self.progress.end()
        self._refresh_buttons()

    def _on_returned(self, result: Any) -> None:
        if self._job == "export":
            self.say(f"Written: {', '.join(map(str, result))}")
            return
        if self._job == "install":
            card: ModelCard = result
            for field in (self.name, self.spacing, self.outputs, self.sha256):
                field.clear()
            notes = " ".join([f"{card.name} is installed.", *card.limits])
            self.say(f"{notes} sha256 {card.sha256}")
            self.refresh(card.name)
        else:
            self.say("Removed.")
            self.refresh()
        self.changed.emit()

    def _on_failed(self, error: Exception) -> None:
        if isinstance(error, TrustError):
            self._ask_trust(error)
            return
        if not isinstance(error, MitoSegError):
            self.say("This should not have happened; see the notification.")
            raise error
        self.say(str(error))

    def _on_cancel(self) -> None:
        self.progress.show_cancelling()
        self.runner.cancel()

    def _on_cancelled(self) -> None:
        self.say("Cancelled. What was downloaded is kept, and continued next time.")

    def _on_download(self) -> None:
        if self.chosen is not None and self.chosen.public is not None:
            self.install(self.chosen.card.name)

    def _on_address(self) -> None:
        if self.address.text().strip():
            self.install(self.address.text().strip())

    def _on_open_folder(self) -> None:
        folder = models_folder()
        folder.mkdir(parents=True, exist_ok=True)
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    # ------------------------------------------------------------ dialogs

    def _ask_trust(self, error: TrustError) -> None:
        """Ask before a program from elsewhere is run for the first time."""
        self.say(str(error))
        answer = QMessageBox.question(
            self,
            "Run this program?",
            "The model is TorchScript: a program, written by its author, that this "
            "computer would run. It has been looked through for what reads or writes "
            "files, but only you can say whether you trust its source.\n\n"
            "Do you trust it?",
        )
        if answer != QMessageBox.StandardButton.Yes:
            return
        if self.runner.is_busy:
            # The job that failed has to end before the next can begin.
            self.runner.busy_changed.connect(self._install_again)
        else:
            self.install(self._again["source"], trust=True)

    def _install_again(self, busy: bool) -> None:
        if not busy:
            self.runner.busy_changed.disconnect(self._install_again)
            self.install(self._again["source"], trust=True)

    def _ask_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Install a model", "", PATTERNS)
        if path:
            self.install(path)

    def _ask_remove(self) -> None:
        if self.chosen is None:
            return
        answer = QMessageBox.question(
            self,
            "Remove the model?",
            f"{self.chosen.card.name} is deleted from {self.chosen.folder}.",
        )
        if answer == QMessageBox.StandardButton.Yes:
            self.remove()

    def _ask_export(self, kind: str, weights: tuple[str, ...], ending: str) -> None:
        if self.chosen is None:
            return
        start = f"{self.chosen.card.name}{ending}".replace("/", "-")
        path, _ = QFileDialog.getSaveFileName(self, "Export", start, f"*{ending}")
        if path:
            self.export(kind, weights, Path(path))


def _field(placeholder: str, tip: str) -> QLineEdit:
    field = QLineEdit()
    field.setPlaceholderText(placeholder)
    field.setToolTip(tip)
    return field


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget, int(isinstance(widget, QLineEdit | QElidingLabel)))
    return row


def _spacing(text: str) -> list[float] | None:
    if not text.strip():
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        msg = f"The spacing is {text!r}. Give z, y, x in nm, for example 30, 8, 8."
        raise InvalidParameterError(msg) from error
