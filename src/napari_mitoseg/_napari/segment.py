"""The Segment dock widget: from an image layer to mitochondria."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from napari.viewer import Viewer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_mitoseg._napari import tasks
from napari_mitoseg._napari.background_box import BackgroundBox, Wanted
from napari_mitoseg._napari.chain_editor import ChainEditor, StepsSection
from napari_mitoseg._napari.form import ParamsForm, shrink
from napari_mitoseg._napari.layers import displayed_slice, path_of
from napari_mitoseg._napari.model_box import ModelBox
from napari_mitoseg._napari.panel import RUN_STYLE, in_words, timer
from napari_mitoseg._napari.region_box import (
    RegionBox,
    region_on_screen,
    slice_region,
)
from napari_mitoseg._napari.result_layers import ResultLayers
from napari_mitoseg._napari.section import Section, line_up
from napari_mitoseg._napari.stack_panel import StackPanel
from napari_mitoseg._napari.worker import JobRunner
from napari_mitoseg._napari.zoom_dialog import ZoomDialog
from napari_mitoseg.errors import InvalidParameterError, MitoSegError, UnknownNameError
from napari_mitoseg.jobs import Progress
from napari_mitoseg.postprocessing import ChainCache
from napari_mitoseg.recipe import Recipe
from napari_mitoseg.steps import StepSequence
from napari_mitoseg.volume import Region

if TYPE_CHECKING:
    from napari_mitoseg.inference.layout import Plan
    from napari_mitoseg.pipeline import Result

ESTIMATE_AFTER_MS = 300
RECHAIN_AFTER_MS = 40
RUN, PREVIEW = "run", "preview"
MOST_TRIED = 768
"""Voxels along y and x of what is segmented at several sizes."""


@dataclass(eq=False)
class Shown:
    """A result, its layers, and what repeats its post-processing fast."""

    result: "Result"
    layers: ResultLayers
    cache: ChainCache


class SegmentWidget(StackPanel):
    """Segment mitochondria in an image layer.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Where the image is and the results go.
    """

    def __init__(self, napari_viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, parent)
        self._models = tasks.ModelCache()
        self._prepared = tasks.PreparedCache()
        self.shown: dict[str, Shown] = {}
        self._filling: ResultLayers | None = None
        self._borrowed: tuple[Region, str] | None = None
        self._default = Recipe()
        self.model = ModelBox(self._default.model, manages=True)
        self.region = RegionBox(self.viewer)
        self.inference = ParamsForm(self._default.inference)
        self.preprocessing = ChainEditor(self._default.preprocessing)
        self.postprocessing = ChainEditor(self._default.postprocessing)
        self.background = BackgroundBox(self.viewer, self._for_background)
        self.estimate = _line("What a run will take")
        self.estimator = JobRunner(self)
        self.rechainer = JobRunner(self)
        self._estimate_soon = timer(self, ESTIMATE_AFTER_MS, self._start_estimate)
        self._rechain_soon = timer(self, RECHAIN_AFTER_MS, self._start_rechain)
        self._fill_body()
        self._fill_footer()
        self._connect()
        self._on_image()
        self.estimator.start(tasks.warm_up)

    @property
    def recipe(self) -> Recipe:
        """The recipe as the widget shows it."""
        return Recipe(
            preprocessing=self.preprocessing.value,
            model=self.model.name or self._default.model,
            inference=self.inference.value,
            postprocessing=self.postprocessing.value,
        )

    @property
    def problem(self) -> str:
        """What is missing before anything can be run, in words."""
        return self.image.problem or self.model.problem or self.region.problem

    def set_recipe(self, recipe: Recipe) -> None:
        """Show a recipe, and bring results up to it.

        Parameters
        ----------
        recipe : Recipe
            Loaded from a file, for example.

        Raises
        ------
        UnknownNameError
            If its model is not here; nothing is changed then.
        """
        if not self.model.set_name(recipe.model):
            msg = (
                f"The recipe asks for the model {recipe.model!r}, which is not here. "
                "Choose its folder with Folder…, then load the recipe again."
            )
            raise UnknownNameError(msg)
        self.inference.set_value(recipe.inference)
        self.preprocessing.set_value(recipe.preprocessing)
        self.postprocessing.set_value(recipe.postprocessing)
        self._on_settings()
        self._on_chain(recipe.postprocessing)

    def start_run(self) -> None:
        """Segment the chosen region."""
        image, card = self.image.usable, self.model.card
        if self.problem or self.is_busy or image is None or card is None:
            return
        volume, recipe = self.image.volume(), self.recipe
        try:
            region = tasks.region_or_whole(self.region.region(), volume)
        except MitoSegError as error:
            self.fail(error)
            return
        maps = tasks.blank_maps(region, volume.spacing or card.spacing, card)
        self._filling = self._layers_to_fill(image, region)
        self._filling.show_filling(maps)
        cache = ChainCache()
        done = partial(self._on_segmented, RUN, image, region, cache)
        job = (tasks.segment, volume, recipe, region, self._models, maps, cache)
        self._take_over(done, *job, self._prepared)

    def start_preview(self) -> None:
        """Segment only the slice on screen."""
        image = self.image.usable
        if self.problem or self.is_busy or image is None:
            return
        region = slice_region(image, displayed_slice(self.viewer, image))
        volume, cache = self.image.volume(), ChainCache()
        done = partial(self._on_segmented, PREVIEW, image, region, cache)
        job = (tasks.segment, volume, self.recipe, region, self._models, None, cache)
        self._take_over(done, *job, self._prepared)

    def start_trials(self) -> None:
        """Segment what is on screen at three sizes, and let the user choose."""
        image = self.image.usable
        if self.problem or self.is_busy or image is None:
            return
        region = region_on_screen(self.viewer, image, MOST_TRIED)
        done = partial(self._on_tried, image)
        job = (tasks.try_zooms, self.image.volume(), self.recipe, region, self._models)
        self._take_over(done, *job, self._prepared)

    def load_recipe(self, path: Path) -> None:
        """Read a recipe and show it; an error is shown instead if there is one."""
        try:
            self.set_recipe(Recipe.load(path))
        except MitoSegError as error:
            self.fail(error)
            return
        self.say(f"Loaded {path.name}.")

    def save_recipe(self, path: Path) -> None:
        """Write the recipe."""
        self.run(self._on_saved, tasks.save_recipe, self.recipe, path)

    def save_results(self, folder: Path, kind: str) -> None:
        """Write the files of the last run."""
        result = self.shown[RUN].result
        self.run(self._on_saved, tasks.save_result, result, folder, kind)

    def on_busy(self, busy: bool) -> None:
        """Enable what may be used now."""
        super().on_busy(busy or self.is_busy)
        self._refresh_buttons()
        if not self.is_busy:
            self._estimate_soon.start()

    def on_progress(self, progress: Progress) -> None:
        """Show the tiles that have become final."""
        if self._filling is not None and progress.region is not None:
            self._filling.refresh_filling(progress.region)

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - named by Qt
        """Line the rows up, now that the theme has decided how wide text is."""
        super().showEvent(event)
        line_up(self.image, self.model, self.region, self.inference)

    # ------------------------------------------------------------ construction

    def _fill_body(self) -> None:
        layout = QVBoxLayout(self.body)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        for box in (self.image, self.model, self.region, self.inference):
            layout.addWidget(box)
        self.sections = {
            "Preprocessing": StepsSection("Preprocessing", self.preprocessing),
            "Post-processing": StepsSection("Post-processing", self.postprocessing),
            "Large volumes": Section("Large volumes", self.background),
        }
        for section in self.sections.values():
            layout.addWidget(section)
        layout.addStretch(1)

    def _fill_footer(self) -> None:
        self.preview_button = QPushButton("Preview slice")
        self.preview_button.setToolTip("Segment only the slice on screen")
        self.zoom_button = QPushButton("Try scales…")
        self.zoom_button.setToolTip(
            "Segment what is on screen at three sizes, and choose the best"
        )
        self.run_button = QPushButton("Run")
        self.run_button.setToolTip("Segment the region")
        self.run_button.setStyleSheet(RUN_STYLE)
        self.save_button = QPushButton("Save results")
        self.save_button.setMenu(self._save_menu())
        self.recipe_button = QPushButton("Recipe")
        self.recipe_button.setMenu(self._recipe_menu())
        self.footer.addWidget(self.estimate)
        for buttons in (
            (self.preview_button, self.zoom_button, self.run_button),
            (self.recipe_button, self.save_button),
        ):
            row = QHBoxLayout()
            for button in buttons:
                row.addWidget(button, 1)
            self.footer.addLayout(row)

    def _save_menu(self) -> QMenu:
        menu = QMenu(self)
        menu.addAction("As TIFF files…", partial(self._ask_save_results, "tiff"))
        menu.addAction("As OME-Zarr…", partial(self._ask_save_results, "zarr"))
        return menu

    def _recipe_menu(self) -> QMenu:
        menu = QMenu(self)
        menu.addAction("Load recipe…", self._ask_load_recipe)
        menu.addAction("Save recipe…", self._ask_save_recipe)
        return menu

    def _connect(self) -> None:
        self.image.changed.connect(self._on_image)
        self.model.changed.connect(self._on_settings)
        self.model.failed.connect(self.fail)
        self.region.changed.connect(self._on_settings)
        self.inference.changed.connect(self._on_settings)
        self.preprocessing.changed.connect(self._on_settings)
        self.postprocessing.changed.connect(self._on_chain)
        self.preview_button.clicked.connect(self.start_preview)
        self.run_button.clicked.connect(self.start_run)
        self.zoom_button.clicked.connect(self.start_trials)
        self.estimator.returned.connect(self._on_estimated)
        self.estimator.failed.connect(self._on_estimate_failed)
        self.rechainer.returned.connect(self._on_rechained)
        self.rechainer.failed.connect(self.fail)
        self.background.said.connect(self.say)
        self.background.failed.connect(self.fail)

    def _for_background(self) -> Wanted:
        """Return what a run in the background is to segment."""
        layer, spacing = self.image.usable, self.image.spacing
        if self.problem or layer is None or spacing is None:
            raise InvalidParameterError(self.problem)
        path = path_of(layer)
        if path is None:
            msg = (
                f"The layer {layer.name!r} is in memory only. A run in the background "
                "reads a file: save the layer as TIFF or OME-Zarr, and open that."
            )
            raise InvalidParameterError(msg)
        volume = self.image.volume()
        region = tasks.region_or_whole(self.region.region(), volume)
        return Wanted(layer, path, volume.shape, spacing, self.recipe, region)

    # ------------------------------------------------------------ reactions

    def _on_image(self) -> None:
        self.region.set_image(self.image.usable)
        self._on_settings()

    def _on_settings(self) -> None:
        self._refresh_buttons()
        self._estimate_soon.start()

    def _on_chain(self, _chain: StepSequence) -> None:
        if self.shown:
            self._rechain_soon.start()

    def _refresh_buttons(self) -> None:
        problem = self.problem
        ready = not problem and not self.is_busy
        self.run_button.setEnabled(ready)
        self.preview_button.setEnabled(ready)
        self.zoom_button.setEnabled(ready)
        self.save_button.setEnabled(RUN in self.shown and not self.is_busy)
        self.recipe_button.setEnabled(not self.is_busy)
        if problem:
            self.estimate.setText("")
            self.hint(problem)
        else:
            self.hint("")

    def _start_estimate(self) -> None:
        if self.problem or self.is_busy:
            return
        volume = self.image.volume()
        try:
            region = tasks.region_or_whole(self.region.region(), volume)
        except MitoSegError as error:
            self._on_estimate_failed(error)
            return
        self.estimate.setText("Estimating…")
        job = (tasks.estimate, volume, self.recipe, region, self._models)
        self.estimator.start(*job)

    def _on_estimated(self, plan: "Plan | None") -> None:
        if plan is not None:
            self.estimate.setText(describe_plan(plan))

    def _on_estimate_failed(self, error: Exception) -> None:
        if not isinstance(error, MitoSegError):
            raise error
        self.estimate.setText(str(error))

    def _take_over(self, done: Callable[[Any], None], *job: Any) -> None:
        """Run the network; estimates and re-runs of the chain give way to it."""
        self._estimate_soon.stop()
        self._rechain_soon.stop()
        self.estimator.cancel()
        self.rechainer.cancel()
        self.say("")
        self.run(done, *job, stopped=self._drop_filling)

    def _layers_to_fill(self, image: Image, region: Region) -> ResultLayers:
        """Return layers for a run: those of the preview if it needs new ones."""
        known, preview = self.shown.get(RUN), self.shown.get(PREVIEW)
        is_rerun = known is not None and known.layers.covers(image, region)
        if is_rerun or preview is None or not preview.layers.belongs_to(image):
            return ResultLayers(self.viewer, image, region, image.name)
        self._borrowed = preview.layers.region, preview.layers.prefix
        preview.layers.move(region, image.name)
        return preview.layers

    def _drop_filling(self) -> None:
        """Take the map that was being filled away; the preview gets its layers back."""
        filling, self._filling = self._filling, None
        borrowed, self._borrowed = self._borrowed, None
        if filling is None:
            return
        if borrowed is None:
            filling.remove()
            return
        filling.move(*borrowed)
        filling.show_probability(self.shown[PREVIEW].result.maps)

    def _on_segmented(
        self,
        kind: str,
        image: Image,
        region: Region,
        cache: ChainCache,
        result: "Result",
    ) -> None:
        """Show a result in place of the last one of its kind."""
        layers = self._layers_for(kind, image, region)
        preview = self.shown.pop(PREVIEW, None)
        if preview is not None and preview.layers is not layers:
            preview.layers.remove()
        self.shown[kind] = Shown(result, layers, cache)
        self.show_in_turn([*layers.showing(result), partial(self._on_shown, kind)])

    def _on_shown(self, kind: str) -> None:
        self.say(self._summary(kind))
        result = self.shown[kind].result
        if result.recipe.postprocessing != self.postprocessing.value:
            self._rechain_soon.start()

    def _layers_for(self, kind: str, image: Image, region: Region) -> ResultLayers:
        """Return the layers of an earlier result, or those a run has begun."""
        known = self.shown.get(kind)
        if known is not None and known.layers.covers(image, region):
            self._drop_filling()
            return known.layers
        if kind == PREVIEW:
            return self._layers_of_preview(image, region)
        filling, self._filling, self._borrowed = self._filling, None, None
        return filling or ResultLayers(self.viewer, image, region, image.name)

    def _layers_of_preview(self, image: Image, region: Region) -> ResultLayers:
        """Return the layers of the last preview, moved, or new ones."""
        prefix, known = f"{image.name} preview", self.shown.get(PREVIEW)
        if known is None or not known.layers.belongs_to(image):
            return ResultLayers(self.viewer, image, region, prefix)
        known.layers.move(region, prefix)
        return known.layers

    def _start_rechain(self) -> None:
        if self.is_busy:
            return
        shown = [*self.shown.values()]
        chain = self.postprocessing.value
        results, caches = [s.result for s in shown], [s.cache for s in shown]
        self.rechainer.start(tasks.rechain, results, chain, caches)

    def _on_rechained(self, results: "list[Result]") -> None:
        for kind, result in zip([*self.shown], results, strict=True):
            shown = self.shown[kind]
            shown.result = replace(shown.result, **vars(result))
            shown.layers.show_labels(result.segmentation)
            self.say(self._summary(kind))

    def _summary(self, kind: str) -> str:
        result = self.shown[kind].result
        n = int(result.segmentation.labels.max(initial=0))
        found = f"{n} mitochondri{'on' if n == 1 else 'a'}"
        where = "in this slice" if kind == PREVIEW else "found"
        hint = "Post-processing can be changed without a new run."
        return " ".join([f"{found} {where}.", *result.notes, hint])

    def _on_tried(self, image: Image, trials: list[tasks.Trial]) -> None:
        low, high = image.contrast_limits
        zoom = self.recipe.inference.zoom
        self.zooms = ZoomDialog(trials, (low, high), zoom, self)
        self.zooms.chosen.connect(self._set_zoom)
        self.zooms.show()

    def _set_zoom(self, zoom: float) -> None:
        update = {"zoom": zoom}
        self.inference.set_value(self.inference.value.model_copy(update=update))
        self._on_settings()

    def _on_saved(self, path: Path) -> None:
        self.say(f"Saved {path}.")

    # ------------------------------------------------------------ dialogs

    def _ask_save_results(self, kind: str) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for the results")
        if folder:
            self.save_results(Path(folder), kind)

    def _ask_load_recipe(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load recipe", "", "*.json")
        if path:
            self.load_recipe(Path(path))

    def _ask_save_recipe(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Save recipe", "recipe.json", "*.json"
        )
        if path:
            self.save_recipe(Path(path))


def describe_plan(plan: "Plan") -> str:
    """Say what a run will take.

    Parameters
    ----------
    plan : Plan
        The estimate.

    Returns
    -------
    str
        Tiles, memory, time and device in one line.
    """
    tiles = f"{plan.n_tiles} tile{'' if plan.n_tiles == 1 else 's'}"
    memory = f"{plan.memory_bytes / 2**30:.1f} GB"
    if plan.memory_bytes < 2**29:
        memory = f"{plan.memory_bytes / 2**20:.0f} MB"
    time = in_words(plan.seconds)
    return f"{tiles} · {memory} · about {time} on {plan.device}"


def _line(tip: str) -> QElidingLabel:
    label = QElidingLabel()
    label.setToolTip(tip)
    shrink(label)
    return label
