"""What to measure, and on what else."""

from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QGridLayout,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_mitoseg._napari.editable import is_offered
from napari_mitoseg._napari.form import ignore_wheel
from napari_mitoseg._napari.layer_choice import LayerChoice
from napari_mitoseg._napari.layers import GREY_DIMENSIONS, data_of, layers_of
from napari_mitoseg._napari.lifetime import follow
from napari_mitoseg._napari.result_layers import CALIBRATION
from napari_mitoseg._napari.section import row_label
from napari_mitoseg.morphology import (
    ALL_FAMILIES,
    Context,
    MeasurementSettings,
    families,
)
from napari_mitoseg.volume import LazyArray

ALWAYS = "size"
"""Says where each object is: without it, no row could lead to its object."""

NONE = "None"

COSTS = {
    "shape": "fast",
    "surface": "slower",
    "convexity": "slower",
    "skeleton": "slow",
    "calibre": "slow",
    "neighbours": "slow",
}
"""Of families that look at objects one by one, as measured on mitochondria of 60 000
voxels: a millisecond for each, ten, or more."""

COST_TIP = "Fast: about 1 ms an object; slower: 10 ms; slow: 20 ms and more"


class FamilyBox(QWidget):
    """One check box for each family of descriptors, with what it costs."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.checks = {name: self._check(name) for name in ALL_FAMILIES}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for check in self.checks.values():
            layout.addWidget(check)

    @property
    def value(self) -> MeasurementSettings:
        """The families that are ticked."""
        ticked = [name for name, check in self.checks.items() if check.isChecked()]
        return MeasurementSettings(families=tuple(ticked))

    def set_families(self, names: tuple[str, ...]) -> None:
        """Tick some families, and no others."""
        for name, check in self.checks.items():
            check.setChecked(name in names or name == ALWAYS)

    def _check(self, name: str) -> QCheckBox:
        family = families[name]
        check = QCheckBox(f"{family.title} · {cost_of(name)}")
        columns = (*family.columns, *family.flat_columns)
        titles = dict.fromkeys(column.title for column in columns)
        check.setToolTip(f"{', '.join(titles)}. {COST_TIP}")
        check.setChecked(name in MeasurementSettings().families)
        check.setEnabled(name != ALWAYS)
        check.toggled.connect(self.changed)
        return check


class ContextBox(QWidget):
    """Image, probability, tissue and other structures.

    Parameters
    ----------
    viewer : ViewerModel
        Its layers are offered.
    """

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.image = LayerChoice(
            viewer, Image, "Its mean in each object", _is_grey, NONE
        )
        self.probability = LayerChoice(
            viewer, Image, "Mean probability of each object", _is_grey, NONE
        )
        self.tissue = LayerChoice(
            viewer,
            Labels,
            "Where there is tissue: density and volume fraction refer to it",
            _is_any,
            "Whole volume",
        )
        self.contacts = LayerChecks(viewer, "Area of contact with each of these layers")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        grid.setColumnStretch(1, 1)
        rows = {
            "Image": self.image,
            "Probability": self.probability,
            "Tissue": self.tissue,
            "Contacts": self.contacts,
        }
        for n, (title, box) in enumerate(rows.items()):
            label = row_label(title, box.toolTip())
            grid.addWidget(label, n, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(box, n, 1)

    def context(self) -> Context:
        """Return what labels are measured against."""
        contacts = {one.name: data_of(one) for one in self.contacts.layers()}
        layer = self.probability.layer
        calibration = () if layer is None else layer.metadata.get(CALIBRATION, ())
        return Context(
            _data(self.image), _data(self.probability), contacts, calibration
        )

    def labels(self) -> list[Layer]:
        """Return the labels layers among them."""
        return [*self.contacts.layers(), self.tissue.layer]

    def tissue_mask(self) -> LazyArray | None:
        """Return the mask of the tissue; None for the whole volume."""
        return _data(self.tissue)


class LayerChecks(QListWidget):
    """The label layers of a viewer, each with a check box.

    Parameters
    ----------
    viewer : ViewerModel
        Its layers are offered.
    tip : str
        What they are for.
    """

    def __init__(
        self, viewer: ViewerModel, tip: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._left_out: Layer | None = None
        self.setToolTip(tip)
        self.setFixedHeight(62)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        ignore_wheel(self)
        for name in ("inserted", "removed", "renamed"):
            follow(self, getattr(viewer.layers.events, name), self._refresh)
        self._refresh()

    def layers(self) -> list[Layer]:
        """Return the layers that are ticked."""
        items = [self.item(n) for n in range(self.count())]
        return [
            item.data(Qt.ItemDataRole.UserRole)
            for item in items
            if item is not None and item.checkState() == Qt.CheckState.Checked
        ]

    def leave_out(self, layer: Layer | None) -> None:
        """Do not offer the layer that is measured itself."""
        if layer is not self._left_out:
            self._left_out = layer
            self._refresh()

    def tick(self, layer: Layer) -> None:
        """Tick a layer."""
        for n in range(self.count()):
            item = self.item(n)
            if item is not None and item.data(Qt.ItemDataRole.UserRole) is layer:
                item.setCheckState(Qt.CheckState.Checked)

    def _refresh(self, _event: object = None) -> None:
        ticked = self.layers()
        self.clear()
        for layer in layers_of(self._viewer, Labels):
            if layer is self._left_out or not is_offered(layer):
                continue
            item = QListWidgetItem(layer.name)
            item.setToolTip(layer.name)
            item.setData(Qt.ItemDataRole.UserRole, layer)
            is_ticked = any(layer is one for one in ticked)
            state = Qt.CheckState.Checked if is_ticked else Qt.CheckState.Unchecked
            item.setCheckState(state)
            self.addItem(item)


def cost_of(name: str) -> str:
    """Say how long a family takes, in a word."""
    return COSTS.get(name, "slow" if families[name].by_object else "fast")


def _data(choice: LayerChoice) -> LazyArray | None:
    return None if choice.layer is None else data_of(choice.layer)


def _is_grey(layer: Layer) -> bool:
    return layer.ndim in GREY_DIMENSIONS and not getattr(layer, "rgb", False)


def _is_any(layer: Layer) -> bool:
    return layer.ndim in GREY_DIMENSIONS and is_offered(layer)
