"""The parts of training from a sparse annotation, in order."""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from napari_mitoseg.annotation.encoding import Annotation
from napari_mitoseg.inference.device import choose_device
from napari_mitoseg.inference.footprint import measure_time
from napari_mitoseg.inference.predict import predict_planes
from napari_mitoseg.inference.settings import InferenceSettings
from napari_mitoseg.jobs import Job, Progress, relayed
from napari_mitoseg.maps import FULL
from napari_mitoseg.models.base import Network
from napari_mitoseg.models.spatial_continuity import (
    SpatialContinuity,
    SpatialContinuityConfig,
    as_masks,
)
from napari_mitoseg.models.stage import Stage
from napari_mitoseg.models.zoo import ModelCard, TrainedModel, save_model
from napari_mitoseg.slice_continuity import propose_erosions
from napari_mitoseg.training.fit import FitProgress, FitResult, fit
from napari_mitoseg.training.patches import context_slices
from napari_mitoseg.training.precision import faster_precision
from napari_mitoseg.training.preview import Previewer
from napari_mitoseg.training.progress import TOTAL
from napari_mitoseg.training.provenance import (
    HeldOut,
    command_of,
    describe_training,
)
from napari_mitoseg.training.refinement import RefinementBatches
from napari_mitoseg.training.schedule import Schedule
from napari_mitoseg.training.settings import FitSettings
from napari_mitoseg.training.soft_labels import SoftLabels, make_soft_labels
from napari_mitoseg.training.spacing import spacing_of, useful_spacing
from napari_mitoseg.training.sparse_data import (
    SparseData,
    planar_grid,
    prepare_data,
    replace_labels,
)
from napari_mitoseg.training.sparse_plan import make_plan
from napari_mitoseg.training.sparse_report import (
    SparseProgress,
    SparseResult,
    measure_disagreement,
)
from napari_mitoseg.training.sparse_settings import SparsePlan, SparseSettings
from napari_mitoseg.training.warm_start import (
    first_network,
    only_semantic,
    warm_start,
)
from napari_mitoseg.training.work_folder import WorkFolder, fingerprint
from napari_mitoseg.volume import Spacing, Volume

HELD, FIRST, COARSE, SECOND, FINAL = "held-out", "N_se", "S_c", "N_sp", "final"
PHASES = {
    HELD: "Training N_se without a slice",
    FIRST: "Training N_se",
    COARSE: "Coarse masks of all slices",
    SECOND: "Training N_sp",
    FINAL: "Predicting the stack",
}
LEAST_TRAINING = 0.5
"""Share of the time that training gets, however large the stack is."""
ENOUGH_TO_KEEP = 0.5
"""Share of its time after which an N_sp that started from nothing is kept."""
PACE = 3.0
"""Time of a training step over that of a prediction."""

Answer = TypeVar("Answer")


class SparseRun:
    """One training from a sparse annotation.

    Parameters
    ----------
    volume : Volume
        The image.
    annotation : Annotation
        Checked already.
    settings : SparseSettings
        What was chosen.
    start : TrainedModel or None
        What N_se starts from.
    folder : Path
        Becomes the model folder.
    tunes : bool
        Whether `start` is tuned: its output maps and its N_sp, if it has one, are kept.
    """

    def __init__(
        self,
        volume: Volume,
        annotation: Annotation,
        settings: SparseSettings,
        start: TrainedModel | None,
        folder: Path,
        *,
        tunes: bool = False,
    ) -> None:
        self._parent = start if tunes else None
        self._command = command_of(settings, "fine-tune" if tunes else "train-sparse")
        self._volume, self._annotation = volume, annotation
        self._settings, self._folder = settings, folder
        self._start = None if start is None else first_network(start)
        if self._start and not tunes:
            self._start = only_semantic(self._start)
        self._device = choose_device(settings.device)
        self._spacing = _working_spacing(volume, settings, self._start)
        self._work = WorkFolder(folder)
        self._plan = self._make_plan()
        self._iou: float | None = None

    def job(
        self, *, resume: bool, stop: Callable[[], bool], watch: Callable[[], int]
    ) -> Job[SparseResult]:
        """Run all parts; see `sparse.train_sparse`.

        Parameters
        ----------
        resume : bool
            Go on with an interrupted training.
        stop : callable
            Tells when to end early.
        watch : callable
            Tells which slice to show.

        Yields
        ------
        SparseProgress
            After each step and each tile.

        Returns
        -------
        SparseResult
            Model and predictions.
        """
        yield SparseProgress(0, TOTAL, "Preparing the stack", phase="Preparing")
        shape = self._volume.shape
        same = fingerprint(self._settings, self._annotation.labels, shape)
        self._work.open(same, resume=resume)
        self._data = prepare_data(self._volume, self._annotation, self._spacing)
        self._previewer = Previewer(watch, self._data)
        self._budget()
        segmentation = yield from self._fit_first(stop)
        coarse = yield from self._predict_coarse(segmentation)
        soft = self._filter(coarse)
        refinement: Network | None = None
        if self._settings.refine and not stop():
            refinement = yield from self._fit_second(segmentation, coarse, soft, stop)
        return (yield from self._finish(segmentation, refinement, coarse, soft))

    def _make_plan(self) -> SparsePlan:
        grid = planar_grid(self._volume, self._spacing)
        start = self._start
        stage = None if start is None else _as_stage(start)
        n_labelled = len(self._annotation.labelled)
        plan = make_plan(self._settings, grid.model, n_labelled, stage)
        torch.manual_seed(self._settings.seed)
        self._segmentation = plan.segmentation.build()
        if start is not None:
            self._segmentation.load_state_dict(start.network.state_dict())
        if self._device.type == "cpu":
            precision = {
                "precision": faster_precision(self._segmentation, self._device)
            }
            first, second = (
                one.model_copy(update=precision) for one in (plan.first, plan.second)
            )
            plan = plan.model_copy(update={"first": first, "second": second})
        return plan

    def _budget(self) -> None:
        """Share the time out, less what predicting the stack will take."""
        plan, shape = self._plan, self._data.stack.image.shape
        probe = copy.deepcopy(self._segmentation).eval().to(self._device)
        voxel_seconds = measure_time(probe, self._device)
        predicting = voxel_seconds * float(np.prod(shape)) * plan.views
        total = 60 * plan.minutes
        refines = self._settings.refine
        training = max(
            total - (1 + refines * plan.rounds) * predicting, LEAST_TRAINING * total
        )
        training = self._work.recall("training seconds", training)
        held = plan.held_share if self._data.held_out is not None else 0.0
        first = plan.share * training
        if not plan.minutes:
            first = _guess(plan.first, voxel_seconds)
            training = first + _guess(plan.second, voxel_seconds)
        self._schedule = Schedule(
            {
                HELD: held * first,
                FIRST: (1 - held) * first,
                COARSE: predicting,
                SECOND: (training - first) * refines,
                FINAL: predicting * (plan.rounds if refines else 1 / plan.views),
            }
        )

    def _timed(self, settings: FitSettings, part: str) -> FitSettings:
        """Give a fit its share of the time."""
        if settings.limit == "steps":
            return settings
        minutes = max(self._schedule.expected[part] / 60, 1e-3)
        return settings.model_copy(update={"minutes": minutes})

    def _fit_first(self, stop: Callable[[], bool]) -> Job[Network]:
        """Train N_se, in its first part without the slice that is held out."""
        data, card = self._data, self._card(self._plan.segmentation)
        self._previewer.planes = lambda n, z: _image_planes(n, data, z)
        network, held = self._segmentation, data.held_out
        if self._schedule.expected[HELD] > 0 and held is not None:
            result = yield from self._fit(
                HELD,
                network,
                self._plan.first,
                card,
                stop,
                stack=data.without(held),
                validation=(data.only(held),),
            )
            network = result.network
            self._iou = result.scores[0] if result.scores else None
        result = yield from self._fit(
            FIRST, network, self._plan.first, card, stop, stack=data.stack
        )
        return result.network

    def _fit(
        self,
        part: str,
        network: Network,
        settings: FitSettings,
        card: ModelCard,
        stop: Callable[[], bool],
        **how: Any,
    ) -> Job[FitResult]:
        """Fit one network, reporting as the whole job does."""
        stack = how.pop("stack")
        self._schedule.begin(part)
        job = fit(
            network,
            [stack],
            self._timed(settings, part),
            card=card,
            folder=self._work.path / part,
            device=self._device,
            resume=True,
            stop=stop,
            **how,
        )
        return (yield from self._reported(job, part))

    def _reported(
        self, job: Job[Answer], part: str, start: float = 0.0, stop: float = 1.0
    ) -> Job[Answer]:
        """Run a job as one part of the whole, or as a share of that part."""

        def report(progress: Progress) -> SparseProgress:
            share = start + (stop - start) * progress.fraction
            return self._report(progress, part, share)

        return relayed(job, report)

    def _report(self, progress: Progress, part: str, share: float) -> SparseProgress:
        report = SparseProgress.of(
            self._schedule,
            share,
            progress.message,
            phase=PHASES[part],
            iou=self._iou,
        )
        if not isinstance(progress, FitProgress):
            return report
        if part == HELD and progress.scores:
            self._iou = progress.scores[0]
        preview = self._previewer.take(progress.network)
        return replace(report, loss=progress.loss, iou=self._iou, preview=preview)

    def _predict_coarse(self, network: Network) -> Job[NDArray[np.uint8]]:
        """Make S_c, on the model's grid, truth kept out."""
        self._schedule.begin(COARSE)
        known = self._work.read_array("coarse")
        if known is not None:
            return known
        settings = InferenceSettings(
            device=self._settings.device, augmentation=self._plan.views
        )
        model = TrainedModel(self._card(self._plan.segmentation), network)
        job = predict_planes(self._volume, model, settings)
        coarse = yield from self._reported(job, COARSE)
        self._work.write_array("coarse", coarse)
        return coarse

    def _filter(self, coarse: NDArray[np.uint8]) -> SoftLabels:
        """Make S_f."""
        _, y, x = self._data.stack.image.shape
        given = spacing_of(self._volume)
        pixel = (
            given[0],
            given[1] * self._volume.shape[1] / y,
            given[2] * self._volume.shape[2] / x,
        )
        erosions = self._settings.erosions or propose_erosions(pixel)
        return make_soft_labels(
            coarse,
            self._data.truth,
            self._data.is_truth,
            erosions=erosions,
            drift=erosions if self._plan.drifts else 0,
            postprocess=self._settings.postprocess,
            sure=self._plan.sure,
        )

    def _fit_second(
        self,
        segmentation: Network,
        coarse: NDArray[np.uint8],
        soft: SoftLabels,
        stop: Callable[[], bool],
    ) -> Job[Network | None]:
        """Train N_sp; None if it was stopped before it was worth keeping."""
        plan = self._plan
        torch.manual_seed(self._settings.seed + 1)
        network = plan.refinement.build()
        if plan.warm:
            warm_start(network, segmentation)
        batches = RefinementBatches(
            coarse=torch.from_numpy(as_masks(coarse, plan.masks)),
            truth=torch.from_numpy(self._data.truth.astype(np.float32)),
            is_truth=torch.from_numpy(self._data.is_truth),
            middle=plan.middle,
            uses_truth=plan.uses_truth,
            truth_share=plan.truth_share,
        )
        stack = replace_labels(self._data.stack, torch.from_numpy(soft.labels))
        self._previewer.planes = lambda n, z: batches.planes(n, stack, z)
        result = yield from self._fit(
            SECOND,
            network,
            plan.second,
            self._card(plan.refinement),
            stop,
            stack=stack,
            draw=batches.to(self._device),
        )
        return result.network if self._is_worth_keeping(result) else None

    def _is_worth_keeping(self, result: FitResult) -> bool:
        settings = self._timed(self._plan.second, SECOND)
        if settings.limit == "steps":
            done = result.steps / settings.steps
        else:
            done = result.seconds / (60 * settings.minutes)
        return self._plan.warm or done >= ENOUGH_TO_KEEP

    def _finish(
        self,
        segmentation: Network,
        refinement: Network | None,
        coarse: NDArray[np.uint8],
        soft: SoftLabels,
    ) -> Job[SparseResult]:
        """Put the model together, predict with it, and save it."""
        self._schedule.begin(FINAL)
        data = self._data
        stage, network = self._assemble(segmentation, refinement)
        model = TrainedModel(self._card(stage), network)
        final, other = yield from self._predict_final(model, coarse)
        coarse_map = data.to_volume(coarse)
        found = data.keep_painted(data.to_volume(final))
        apart = measure_disagreement(other, final)
        apart[data.is_truth] = 0
        card = save_model(network, self._card(stage), self._folder)
        self._work.remove()
        filtered = data.to_volume(soft.mask.astype(np.uint8) * FULL)
        return SparseResult(
            model=TrainedModel(card, network),
            folder=self._folder,
            coarse=coarse_map,
            filtered=(filtered > FULL // 2).astype(np.uint8) * FULL,
            final=found,
            disagreement=apart,
            iou=self._iou,
        )

    def _assemble(
        self, first: Network, second: Network | None
    ) -> tuple[Stage, Network]:
        """Put the model together: both networks in a row, or one alone."""
        plan = self._plan
        config = SpatialContinuityConfig(
            segmentation=plan.segmentation,
            refinement=plan.refinement,
            masks=plan.masks,
            middle=plan.middle,
            views=plan.views,
        )
        tuned = (
            self._parent.network if self._parent and not self._settings.refine else None
        )
        if second is None and isinstance(tuned, SpatialContinuity):
            config, second = tuned.config, tuned.refinement
        if second is None:
            return plan.segmentation, first
        network = SpatialContinuity(config)
        network.segmentation.load_state_dict(first.state_dict())
        network.refinement.load_state_dict(second.state_dict())
        stage = Stage(architecture="spatial-continuity", config=config.model_dump())
        return stage, network.eval()

    def _predict_final(
        self, model: TrainedModel, coarse: NDArray[np.uint8]
    ) -> Job[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
        """Return the final prediction, and another to compare it with.

        N_sp is run over S_c, with the truth in it where the plan says so, and compared
        with S_c; a single network is compared with one view of itself.
        """
        settings = InferenceSettings(device=self._settings.device)
        if not isinstance(model.network, SpatialContinuity):
            job = predict_planes(self._volume, model, settings)
            return coarse, (yield from self._reported(job, FINAL))
        truth = {
            int(z): self._data.truth[z].astype(np.uint8) * FULL
            for z in np.flatnonzero(self._data.is_truth)
        }
        final = coarse
        rounds = self._plan.rounds
        for number in range(rounds):
            known = dict(enumerate(final)) | (truth if self._plan.uses_truth else {})
            job = predict_planes(self._volume, model, settings, known)
            limits = number / rounds, (number + 1) / rounds
            final = yield from self._reported(job, FINAL, *limits)
        return final, coarse

    def _card(self, stage: Stage) -> ModelCard:
        card = describe_training(
            self._folder.name,
            stage,
            self._volume,
            self._annotation,
            self._settings,
            spacing=self._spacing,
            parent=self._start.card if self._start else None,
            held_out=HeldOut(self._data.held_out, self._iou),
        )
        known = {"patch": self._plan.first.patch, "command": self._command}
        return card.model_copy(update=known)


def _as_stage(model: TrainedModel) -> Stage:
    config = model.network.config.model_dump(mode="json")
    return Stage(architecture=model.card.architecture, config=config)


def _working_spacing(
    volume: Volume, settings: SparseSettings, start: TrainedModel | None
) -> Spacing:
    """Return the spacing a model works at: its start's, or as fine as is useful."""
    own = spacing_of(volume)
    if start is not None:
        return start.card.spacing
    return own if settings.preset == "paper" else useful_spacing(volume)


def _image_planes(network: Network, data: SparseData, z: int) -> torch.Tensor:
    stack = data.stack
    seen = context_slices(z, network.context, stack.stride, len(stack.image))
    return stack.image[seen]


def _guess(settings: FitSettings, voxel_seconds: float) -> float:
    """Guess the seconds of a fit that counts steps."""
    depth, height, width = settings.patch
    voxels = settings.batch * depth * height * width
    return settings.steps * voxels * voxel_seconds * PACE
