"""Choose the model, and see what is known about it."""

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QGridLayout,
    QPushButton,
    QWidget,
)
from superqt import QElidingLabel

from napari_mitoseg._napari.form import shrink
from napari_mitoseg._napari.model_manager import ModelManager
from napari_mitoseg._napari.section import row_label
from napari_mitoseg.errors import UnknownNameError, WeightsError
from napari_mitoseg.models.zoo import ModelCard, list_models, read_card


class ModelBox(QWidget):
    """The models there are, and the card of the chosen one.

    Parameters
    ----------
    default : str
        Name of the model chosen first.
    title : str
        Label of the row.
    nothing : str
        Offered in front of the models, for a training that starts from none of them.
    manages : bool
        Whether models can be installed and removed from here.

    Notes
    -----
    The list is read again whenever it is opened, so that a model that has just been
    trained is in it.

    Attributes
    ----------
    changed : Signal()
        Another model.
    failed : Signal(object)
        The `WeightsError` of a folder that holds no model.
    """

    changed = Signal()
    failed = Signal(object)

    def __init__(
        self,
        default: str,
        parent: QWidget | None = None,
        *,
        title: str = "Model",
        nothing: str = "",
        manages: bool = False,
    ) -> None:
        super().__init__(parent)
        self._title, self._nothing, self._default = title, nothing, default
        self.choice = _ListBox()
        self.choice.opening.connect(self.refresh)
        shrink(self.choice)
        self.browse = QPushButton("Folder…")
        self.browse.setToolTip("Use a model that a training wrote into a folder")
        self.browse.clicked.connect(self._on_browse)
        self.manage = QPushButton("Models…")
        self.manage.setToolTip("Look at models, install, remove and export them")
        if not manages:
            self.manage.hide()
        self.manage.clicked.connect(self._on_manage)
        self._manager: ModelManager | None = None
        self.card_line = QElidingLabel()
        self.licence_line = QElidingLabel()
        for line in (self.card_line, self.licence_line):
            shrink(line)
        if nothing:
            self.choice.addItem(nothing, (nothing, None))
        self.refresh()
        self.choice.currentIndexChanged.connect(self._on_chosen)
        self._arrange()
        self.set_name(default)
        self._on_chosen()

    @property
    def card(self) -> ModelCard | None:
        """What is known about the chosen model; None where none is chosen."""
        data = self.choice.currentData()
        return None if data is None else data[1]

    @property
    def name(self) -> str:
        """Name or folder of the chosen model; empty where none is chosen."""
        data = self.choice.currentData()
        return "" if data is None else str(data[0])

    @property
    def problem(self) -> str:
        """What keeps the model from being used, in words."""
        if self.card is not None or (self._nothing and self.name == self._nothing):
            return ""
        return "There is no model yet. Choose the folder of one with Folder…"

    def refresh(self) -> None:
        """Offer models that have come since, and show what is new about others."""
        cards = list_models()
        self._forget({card.name for card in cards})
        for card in cards:
            index = self._index_of(card.name)
            if index < 0:
                self.choice.addItem(card.name, (card.name, card))
            elif self.choice.itemData(index)[1] != card:
                self.choice.setItemData(index, (card.name, card))
                if index == self.choice.currentIndex():
                    self._on_chosen()

    def set_name(self, name: str) -> bool:
        """Choose a model by name or folder.

        Parameters
        ----------
        name : str
            As in a recipe.

        Returns
        -------
        bool
            Whether there is such a model.
        """
        index = self._index_of(name)
        if index >= 0:
            self.choice.setCurrentIndex(index)
            return True
        return Path(name).is_dir() and self.add_folder(Path(name))

    def add_folder(self, folder: Path) -> bool:
        """Offer and choose the model in a folder.

        Parameters
        ----------
        folder : Path
            As a training wrote it.

        Returns
        -------
        bool
            Whether it holds a model; if not, `failed` says why.
        """
        try:
            card = read_card(folder)
        except WeightsError as error:
            self.failed.emit(error)
            return False
        self.choice.addItem(card.name, (str(folder), card))
        self.choice.setCurrentIndex(self.choice.count() - 1)
        return True

    def _index_of(self, name: str) -> int:
        offered = [self.choice.itemData(n)[0] for n in range(self.choice.count())]
        return offered.index(name) if name in offered else -1

    def _forget(self, names: set[str]) -> None:
        """Take models away that have been removed; folders stay."""
        before = self.name
        for index in reversed(range(self.choice.count())):
            name, card = self.choice.itemData(index)
            if card is not None and card.name == name and name not in names:
                self.choice.removeItem(index)
        if self.name != before:
            self.set_name(self._default)
            msg = f"The model {before!r} is no longer here; {self.name!r} is chosen."
            self.failed.emit(UnknownNameError(msg))

    def _on_manage(self) -> None:
        """Show the manager; it stays open beside the viewer."""
        if self._manager is None:
            self._manager = ModelManager(self)
            self._manager.changed.connect(self.refresh)
        self._manager.refresh(self.name)
        self._manager.show()
        self._manager.raise_()

    def _on_browse(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Folder of a model")
        if path:
            self.add_folder(Path(path))

    def _on_chosen(self) -> None:
        card = self.card
        self.card_line.setText(describe_card(card) if card is not None else "")
        self.licence_line.setText(card.licence if card is not None else "")
        tip = explain_card(card) if card is not None else ""
        for widget in (self.card_line, self.licence_line, self.choice):
            widget.setToolTip(tip)
        self.changed.emit()

    def _arrange(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        grid.setColumnStretch(1, 1)
        grid.addWidget(row_label(self._title), 0, 0)
        grid.addWidget(self.choice, 0, 1)
        grid.addWidget(self.browse, 0, 2)
        grid.addWidget(self.card_line, 1, 1)
        grid.addWidget(self.manage, 1, 2)
        grid.addWidget(self.licence_line, 2, 1, 1, 2)


class _ListBox(QComboBox):
    """Tells before its list is opened, so that the list can be brought up to date."""

    opening = Signal()

    def showPopup(self) -> None:  # noqa: N802 - named by Qt
        self.opening.emit()
        super().showPopup()


def describe_card(card: ModelCard) -> str:
    """Return spacing and first score of a model in one line."""
    parts = [" × ".join(f"{v:g}" for v in card.spacing) + " nm"]
    if card.scores:
        score = card.scores[0]
        parts.append(f"{score.measure} {score.value:.2f}")
    return " · ".join(parts)


def explain_card(card: ModelCard) -> str:
    """Return everything a user should know about a model, as a tooltip."""
    spacing = ", ".join(f"{v:g}" for v in card.spacing)
    lines = [
        f"<b>{card.name}</b> ({card.architecture})",
        card.description,
        f"Trained at {spacing} nm (z, y, x).",
        *map(str, card.scores),
        f"Licence: {card.licence}" if card.licence else "",
        *(f"Data: {data}" for data in card.data),
        *(f"Limit: {limit}" for limit in card.limits),
    ]
    return "<br>".join(line for line in lines if line)
