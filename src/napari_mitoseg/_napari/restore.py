"""The Restore dock widget: find noisy slices, mark them, give them back from others."""

from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from napari.layers import Image
from napari.viewer import Viewer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_mitoseg._napari import restore_tasks, tasks
from napari_mitoseg._napari.form import ParamsForm, shrink
from napari_mitoseg._napari.layers import displayed_slice, placement
from napari_mitoseg._napari.marks import Marks, whole_slice
from napari_mitoseg._napari.noisy_table import NoisyTable
from napari_mitoseg._napari.panel import RUN_STYLE
from napari_mitoseg._napari.reader import LayerData
from napari_mitoseg._napari.restore_tasks import InterpolationOrder, network_folder
from napari_mitoseg._napari.section import heading, line_up, row_label
from napari_mitoseg._napari.stack_panel import StackPanel
from napari_mitoseg.errors import WeightsError
from napari_mitoseg.inference.noisy_slices import DetectorSettings, NoisySlice
from napari_mitoseg.models.interpolation_file import read_interpolation_card
from napari_mitoseg.preprocessing import Pipeline, Restore
from napari_mitoseg.recipe import Recipe
from napari_mitoseg.training.interpolation_settings import InterpolationSettings
from napari_mitoseg.volume import Region

if TYPE_CHECKING:
    from napari_mitoseg.models.interpolation_file import InterpolationCard

TRAIN, STOP = "Train on this stack", "Stop and keep"
LONGEST_NAME = 40
RESTORED = "restore"
"""Key in the metadata of a restored layer, of the step that made it."""


class RestoreWidget(StackPanel):
    """Replace noisy slices and regions by what their neighbours say they are.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Where the image is and the restored one goes.
    """

    def __init__(self, napari_viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, parent)
        self._enough = Event()
        self._is_training = False
        self._suggested = ""
        self.marks = Marks(napari_viewer, self)
        self.name = QLineEdit()
        self.name.setToolTip("Name under which the network of this stack is kept")
        shrink(self.name)
        self.training = ParamsForm(InterpolationSettings())
        self.trained = _about_label()
        self.train_button = QPushButton(TRAIN)
        self.detector = ParamsForm(DetectorSettings())
        self.find_button = QPushButton("Find noisy slices")
        self.table = NoisyTable()
        self.mark_found = QPushButton("Mark proposals")
        self.mark_slice = QPushButton("Mark this slice")
        self.draw_button = QPushButton("Draw regions")
        self.marked = _about_label()
        self.recipe_button = QPushButton("Save recipe…")
        self.restore_button = QPushButton("Restore")
        self._fill()
        self._connect()
        self._on_image()

    @property
    def problem(self) -> str:
        """What is missing before anything can be done, in words."""
        layer = self.image.usable
        if layer is None:
            return self.image.problem
        if layer.ndim == 2 or self.image.volume().shape[0] < 3:
            return "Restoring needs a stack: at least three slices along z."
        if not self.name.text().strip():
            return "Give the network a name."
        return ""

    @property
    def restore_problem(self) -> str:
        """What is missing before slices can be restored, in words."""
        if self.problem:
            return self.problem
        if self.card is None:
            return f"Press {TRAIN!r} first: restoring learns from the good slices."
        if not self.step.is_marked:
            return "Mark slices or draw regions that are to be restored."
        return ""

    @property
    def folder(self) -> Path:
        """Where the network of the chosen image is kept."""
        return network_folder(self.name.text().strip() or "stack")

    @property
    def card(self) -> "InterpolationCard | None":
        """What is known about the network; None where there is none yet."""
        try:
            return read_interpolation_card(self.folder)
        except WeightsError:
            return None

    @property
    def step(self) -> Restore:
        """The step that does what is marked."""
        layer = self.image.usable
        if layer is None or layer.ndim == 2:
            return Restore(model=str(self.folder))
        return self.marks.step(layer, str(self.folder))

    def start_training(self) -> None:
        """Train on the chosen stack, slices that are marked left out."""
        if self.problem or self.is_busy:
            return
        self._enough = Event()
        order = InterpolationOrder(
            volume=self.image.volume(),
            settings=InterpolationSettings.parse(self.training.value),
            folder=self.folder,
            skipped=self.step.slices,
            stop=self._enough.is_set,
        )
        self._is_training = True
        self.say("Training on the stack itself; no labels are needed.")
        self.run(self._on_trained, restore_tasks.train, order)

    def stop_training(self) -> None:
        """End the training with what there is."""
        self._enough.set()
        self._refresh()

    def find_noisy(self) -> None:
        """Look for noisy slices."""
        if self.problem or self.card is None or self.is_busy:
            return
        settings = DetectorSettings.parse(self.detector.value)
        volume = self.image.volume()
        self.run(self._on_found, restore_tasks.find, volume, self.folder, settings)

    def restore(self) -> None:
        """Restore what is marked, into a new layer."""
        layer = self.image.usable
        if self.restore_problem or self.is_busy or layer is None:
            return
        step = self.step
        done = partial(self._on_restored, layer, step)
        self.run(done, restore_tasks.restore, self.image.volume(), step)

    def save_recipe(self, path: Path) -> None:
        """Write the default recipe with this restoration in front."""
        recipe = Recipe(preprocessing=Pipeline().inserted(0, self.step))
        self.run(self._on_saved, tasks.save_recipe, recipe, path)

    def go_to(self, found: NoisySlice) -> None:
        """Show a slice."""
        layer = self.image.usable
        if layer is not None and layer.ndim == 3:
            axis = self.viewer.dims.ndim - layer.ndim
            self.viewer.dims.set_point(axis, layer.data_to_world((found.z, 0, 0))[0])

    def on_busy(self, busy: bool) -> None:
        """Enable what may be used now."""
        busy = busy or self.is_busy
        self._is_training = self._is_training and busy
        for box in (self.image, self.name, self.training, self.detector):
            box.setEnabled(not busy)
        self._refresh()

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - named by Qt
        """Line the rows up, now that the theme has decided how wide text is."""
        super().showEvent(event)
        line_up(self.image, self.body)

    # ------------------------------------------------------------ construction

    def _fill(self) -> None:
        layout = QVBoxLayout(self.body)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        row = QGridLayout()
        row.setColumnStretch(1, 1)
        row.addWidget(row_label("Network", self.name.toolTip()), 0, 0)
        row.addWidget(self.name, 0, 1)
        layout.addWidget(self.image)
        layout.addWidget(heading("1  Learn from the stack itself"))
        layout.addLayout(row)
        learning = (self.training, self.train_button, self.trained)
        for widget in learning:
            layout.addWidget(widget)
        layout.addWidget(heading("2  Find what is noisy"))
        for part in (self.detector, self.find_button, self.table):
            layout.addWidget(part)
        layout.addWidget(heading("3  Mark it"))
        buttons = QHBoxLayout()
        for button in (self.mark_found, self.mark_slice, self.draw_button):
            buttons.addWidget(button, 1)
        layout.addLayout(buttons)
        layout.addWidget(self.marked)
        layout.addStretch(1)
        last = QHBoxLayout()
        last.addWidget(self.restore_button, 2)
        last.addWidget(self.recipe_button, 1)
        self.restore_button.setStyleSheet(RUN_STYLE)
        self.recipe_button.setToolTip(
            "A recipe that restores these marks, then segments"
        )
        self.footer.addLayout(last)
        self.table.hide()

    def _connect(self) -> None:
        self.image.changed.connect(self._on_image)
        self.name.textChanged.connect(self._refresh)
        self.marks.changed.connect(self._refresh)
        self.table.chosen.connect(self.go_to)
        self.train_button.clicked.connect(self._on_train_button)
        self.find_button.clicked.connect(self.find_noisy)
        self.mark_found.clicked.connect(self._on_mark_found)
        self.mark_slice.clicked.connect(self._on_mark_slice)
        self.draw_button.clicked.connect(self._on_draw)
        self.restore_button.clicked.connect(self.restore)
        self.recipe_button.clicked.connect(self._on_save)

    # ------------------------------------------------------------ reactions

    def _on_image(self) -> None:
        layer = self.image.usable
        if layer is not None and self.name.text() == self._suggested:
            self._suggested = _network_of(layer)
            self.name.setText(self._suggested)
            self.name.setCursorPosition(0)
        self.table.show_found([])
        self._refresh()

    def _on_train_button(self) -> None:
        if self._is_training:
            self.stop_training()
        else:
            self.start_training()

    def _on_trained(self, card: "InterpolationCard") -> None:
        self._is_training = False
        self._refresh()
        self.say(f"Trained in {card.steps} steps. Now find noisy slices, or mark them.")

    def _on_found(self, found: tuple[NoisySlice, ...]) -> None:
        self.table.show_found(found)
        self._refresh()
        many = f"Slices proposed: {len(found)}." if found else "No slice stands out."
        self.say(f"{many} A lower threshold proposes more.")

    def _on_mark_found(self) -> None:
        layer = self.image.usable
        if layer is not None:
            self.marks.add(layer, self.table.selected())

    def _on_mark_slice(self) -> None:
        layer = self.image.usable
        if layer is None:
            return
        z = displayed_slice(self.viewer, layer)
        if 0 <= z < self.image.volume().shape[0]:
            self.marks.add(layer, [whole_slice(z)])

    def _on_draw(self) -> None:
        layer = self.image.usable
        if layer is not None:
            self.marks.draw(layer)
            self.say("Draw rectangles around what is noisy, slice by slice.")

    def _on_restored(self, image: Image, step: Restore, data: LayerData) -> None:
        array, keywords, _ = data
        whole = Region.whole(array.shape)
        limits = {"contrast_limits": image.contrast_limits, "name": keywords["name"]}
        layer = Image(
            array,
            multiscale=False,
            colormap="gray",
            metadata={RESTORED: step.model_dump(mode="json")},
            **limits,
            **placement(image, whole),
        )
        self.viewer.add_layer(layer)
        self._raise_marks(image)
        self.say(f"Restored into {layer.name!r}; the original is as it was.")

    def _raise_marks(self, image: Image) -> None:
        """Keep the marks above the image that was added."""
        marks = self.marks.layer_of(image)
        if marks is not None:
            layers = self.viewer.layers
            layers.move(layers.index(marks), len(layers))

    def _on_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Save recipe", "recipe.json", "Recipes (*.json)"
        )
        if path:
            self.save_recipe(Path(path))

    def _on_saved(self, path: Path) -> None:
        self.say(f"Saved {path}.")

    # ------------------------------------------------------------ what is shown

    def _refresh(self) -> None:
        """Bring buttons, lines and hint up to date."""
        busy, problem, card = self.is_busy, self.problem, self.card
        step = self.step
        ready = not (problem or busy)
        self.trained.setText(_about_network(card))
        self.marked.setText(_about_marks(step))
        self.table.setVisible(bool(self.table.found))
        self.find_button.setEnabled(ready and card is not None)
        self.mark_found.setEnabled(ready and bool(self.table.found))
        for button in (self.mark_slice, self.draw_button):
            button.setEnabled(ready)
        can_restore = not (self.restore_problem or busy)
        self.restore_button.setEnabled(can_restore)
        self.recipe_button.setEnabled(can_restore)
        stopping = self._is_training and self._enough.is_set()
        self.train_button.setText(STOP if self._is_training else TRAIN)
        self.train_button.setEnabled((self._is_training and not stopping) or ready)
        self.hint("" if busy else self.restore_problem)


def _network_of(layer: Image) -> str:
    """Return the name of the network of an image; a restored one has its original's."""
    step = layer.metadata.get(RESTORED)
    known = Path(step["model"]).name if isinstance(step, dict) else ""
    return known or network_folder(layer.name).name[:LONGEST_NAME]


def _about_label() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    shrink(label)
    return label


def _about_network(card: "InterpolationCard | None") -> str:
    if card is None:
        return "Not trained yet."
    return (
        f"Trained: {card.psnr:.1f} dB where the mean of the neighbours has "
        f"{card.psnr_of_mean:.1f} dB."
    )


def _about_marks(step: Restore) -> str:
    if not step.is_marked:
        return "Nothing is marked."
    return f"Marked whole slices: {len(step.slices)}, regions: {len(step.boxes)}."
