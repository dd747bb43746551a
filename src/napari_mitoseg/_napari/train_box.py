"""How to train: start, settings, and what to call the result."""

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from napari_mitoseg._napari.annotation_tasks import (
    FINE_TUNE,
    TrainingChoices,
    is_interrupted,
    model_folder,
)
from napari_mitoseg._napari.form import ParamsForm, shrink
from napari_mitoseg._napari.model_box import ModelBox
from napari_mitoseg._napari.section import heading, labelled_rows
from napari_mitoseg.models.zoo import CARD_FILE, EMBEDDED
from napari_mitoseg.params import Params
from napari_mitoseg.training.dense_settings import SCRATCH

LONGEST_NAME = 40


class NewModelBox(QWidget):
    """What a new model starts from, how it is trained, and its name.

    Parameters
    ----------
    default : str
        Name of the model training starts from if the user does not say otherwise.
    settings : Params
        Shown in the form at first.

    Attributes
    ----------
    changed : Signal()
        Any setting is another one.
    """

    changed = Signal()

    def __init__(
        self, default: str, settings: Params, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._suggested = ""
        self.form = ParamsForm(settings)
        self.start = ModelBox(default, title="Start from", nothing=SCRATCH)
        self.start.licence_line.hide()  # it is in the tooltip; the panel is full
        self.name = QLineEdit()
        self.name.setToolTip("Name of the new model in the lists of models")
        self.name.setPlaceholderText("Name of the new model")
        shrink(self.name)
        self._arrange()
        self.form.changed.connect(self._on_changed)
        self.start.changed.connect(self._on_changed)
        self.name.textChanged.connect(self.changed)

    def suggest_name(self, image: str) -> None:
        """Call the new model after an image, unless the user has named it."""
        if self.name.text() == self._suggested:
            self._suggested = model_folder(image).name[:LONGEST_NAME]
            self.name.setText(self._suggested)
            self.name.setCursorPosition(0)

    @property
    def problem(self) -> str:
        """What keeps a training from being started, in words."""
        if not self.name.text().strip():
            return "Give the new model a name."
        if (EMBEDDED / model_folder(self.name.text()).name).exists():
            return "A model that comes with the package has this name. Give another."
        taken = self._taken_by()
        if taken:
            return f"{taken!r} is the model to start from. Give the new one its own."
        return self.start.problem

    @property
    def replaces(self) -> bool:
        """Whether there is a model of this name, which a training will replace."""
        name = self.name.text().strip()
        return bool(name) and (model_folder(name) / CARD_FILE).is_file()

    @property
    def is_interrupted(self) -> bool:
        """Whether a training of this name was interrupted and can be continued."""
        return is_interrupted(model_folder(self.name.text()))

    def _taken_by(self) -> str:
        """Return the name of the start if the new model would replace it."""
        card, folder = self.start.card, model_folder(self.name.text())
        if card is None:
            return ""
        same = folder == model_folder(card.name) or str(folder) == self.start.name
        return card.name if same else ""

    def _on_changed(self) -> None:
        self.changed.emit()

    def _arrange(self) -> None:
        self.rows = labelled_rows({"Save as": self.name})
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(heading("Training"))
        layout.addWidget(self.start)
        layout.addLayout(self.rows)
        layout.addWidget(self.form)


class TrainBox(NewModelBox):
    """Settings of a training from a sparse annotation.

    Parameters
    ----------
    default : str
        Name of the model training starts from if the user does not say otherwise.
    """

    def __init__(self, default: str, parent: QWidget | None = None) -> None:
        super().__init__(default, TrainingChoices(), parent)
        self._show_minutes()

    @property
    def choices(self) -> TrainingChoices:
        """The settings as they are now."""
        value = self.form.value
        if not isinstance(value, TrainingChoices):
            raise TypeError(value)
        return value

    def set_choices(self, choices: TrainingChoices) -> None:
        """Show other settings."""
        self.form.set_value(choices)
        self._on_changed()

    @property
    def problem(self) -> str:
        """What keeps a training from being started, in words."""
        if self.choices.method == FINE_TUNE and self.start.name == SCRATCH:
            return "Fine-tuning goes on from a model: choose one to start from."
        return super().problem

    def _on_changed(self) -> None:
        self._show_minutes()
        super()._on_changed()

    def _show_minutes(self) -> None:
        self.form.show_row("minutes", shown=self.choices.time == "limited")
