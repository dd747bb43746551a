"""How to train on dense labels: network, start, time, what is kept back."""

from collections.abc import Sequence
from typing import cast

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QWidget

from napari_mitoseg._napari.chain_editor import ChainEditor, StepsSection
from napari_mitoseg._napari.form import ignore_wheel, shrink
from napari_mitoseg._napari.section import row_label
from napari_mitoseg._napari.train_box import NewModelBox
from napari_mitoseg._napari.train_tasks import NetworkChoice
from napari_mitoseg.preprocessing import Pipeline
from napari_mitoseg.training.dense_settings import SCRATCH, DenseSettings, why_no_move

OTHERWISE_CHOSEN = ("architecture", "start")
DEFAULT_NETWORK = "fast"
TIP = "The network to train; the model to start from brings its own"


class DenseBox(NewModelBox):
    """Settings of a training on dense labels."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(SCRATCH, DenseSettings(), parent)
        self._image = ""
        self._dimensions: dict[str, int] = {}
        for name in OTHERWISE_CHOSEN:
            self.form.show_row(name, shown=False)
        self.network = QComboBox()
        shrink(self.network)
        ignore_wheel(self.network)
        self.network.addItem(DEFAULT_NETWORK)
        self.network.setToolTip(TIP)
        self.rows.addWidget(row_label("Network", TIP), 1, 0)
        self.rows.addWidget(self.network, 1, 1)
        self.preprocessing = ChainEditor(Pipeline())
        self.layout().addWidget(StepsSection("Preprocessing", self.preprocessing))
        self.network.currentIndexChanged.connect(self._on_changed)
        self.preprocessing.changed.connect(self._on_changed)
        self._on_changed()

    @property
    def settings(self) -> DenseSettings:
        """The settings as they are now."""
        value = self.form.value
        if not isinstance(value, DenseSettings):
            raise TypeError(value)
        start = self.start.name or SCRATCH
        network = self.network.currentText() if start == SCRATCH else ""
        chosen = {"start": start, "architecture": network}
        steps = tuple(self.preprocessing.value.model_dump(mode="json"))
        return value.model_copy(update={**chosen, "preprocessing": steps})

    @property
    def problem(self) -> str:
        """What keeps a training from being started, in words."""
        moving = cast("Pipeline", self.preprocessing.value).moving
        if moving:
            return why_no_move(moving[0])
        return super().problem

    @property
    def dimensions(self) -> int:
        """Axes the chosen network works along, 2 or 3; 2 where a start brings it."""
        is_chosen = self.network.isEnabled()
        return self._dimensions.get(self.network.currentText(), 2) if is_chosen else 2

    def suggest_name(self, image: str) -> None:
        """Call the new model after an image and the network, unless it is named."""
        self._image = image
        network = self.network.currentText() if self.network.isEnabled() else ""
        super().suggest_name(f"{image} {network}".strip() if image else "")

    def set_settings(self, settings: DenseSettings) -> None:
        """Show other settings.

        Parameters
        ----------
        settings : DenseSettings
            Network and start are chosen if they are there.
        """
        self.form.set_value(settings)
        self.preprocessing.set_value(Pipeline.parse(list(settings.preprocessing)))
        self.start.set_name(settings.start)
        self.network.setCurrentText(settings.architecture or DEFAULT_NETWORK)
        self._on_changed()

    def offer_networks(self, networks: Sequence[NetworkChoice]) -> None:
        """Offer the networks there are, keeping the choice.

        Parameters
        ----------
        networks : sequence of NetworkChoice
            In order.
        """
        chosen = self.network.currentText()
        self._dimensions = {one.name: one.dimensions for one in networks}
        self.network.blockSignals(True)
        self.network.clear()
        for number, one in enumerate(networks):
            self.network.addItem(one.name)
            about = f"{one.about} ({one.dimensions}D)"
            role = Qt.ItemDataRole.ToolTipRole
            self.network.setItemData(number, about, role)
        self.network.setCurrentText(chosen)
        self.network.blockSignals(False)

    def _on_changed(self) -> None:
        self.network.setEnabled(self.start.name in {"", SCRATCH})
        if self._image:
            self.suggest_name(self._image)
        super()._on_changed()
