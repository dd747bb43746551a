"""The job that trains any network on completely labelled volumes."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.inference.device import choose_device
from napari_mitoseg.inference.footprint import measure_time
from napari_mitoseg.inference.predict import predict_maps
from napari_mitoseg.inference.settings import InferenceSettings
from napari_mitoseg.jobs import Job, Progress, relayed
from napari_mitoseg.maps import cutoff
from napari_mitoseg.models.architectures import architectures
from napari_mitoseg.models.base import Network
from napari_mitoseg.models.cascade import Cascade
from napari_mitoseg.models.detector import Detector
from napari_mitoseg.models.stage import Stage
from napari_mitoseg.models.zoo import (
    ModelCard,
    Score,
    TrainedModel,
    load_trainable,
    save_model,
)
from napari_mitoseg.preprocessing import Pipeline
from napari_mitoseg.training.assessment import Assessment
from napari_mitoseg.training.checkpoint import CHECKPOINT_FILE
from napari_mitoseg.training.dense_data import (
    LabelledVolume,
    check_volumes,
    prepare_volumes,
)
from napari_mitoseg.training.dense_plan import (
    PACE,
    chosen_augmentations,
    plan_fit,
    plan_published,
)
from napari_mitoseg.training.dense_report import DenseResult
from napari_mitoseg.training.dense_settings import SCRATCH, DenseSettings, why_no_move
from napari_mitoseg.training.detector import measure_box_precision
from napari_mitoseg.training.fit import FitProgress, FitResult, never
from napari_mitoseg.training.precision import faster_precision
from napari_mitoseg.training.progress import TOTAL, TrainingProgress
from napari_mitoseg.training.provenance import describe_dense
from napari_mitoseg.training.schedule import Schedule
from napari_mitoseg.training.settings import FitSettings
from napari_mitoseg.training.spacing import useful_spacing
from napari_mitoseg.training.stages import fit_stages
from napari_mitoseg.training.trainers import trainer_for
from napari_mitoseg.training.work_folder import WorkFolder
from napari_mitoseg.volume import Spacing

TRAINING, SCORING = "training", "scoring"
PHASES = {TRAINING: "Training", SCORING: "Scoring the slices kept back"}
MAY_CHANGE = {"device", "minutes", "steps", "patience"}
"""Settings that may be others when a training is resumed."""

SCORING_SHARE, SCORING_SECONDS = 0.25, 60.0
"""Time for scoring over that for training, and how much there always is; of slices that
would take longer those in the middle are scored."""

HOW = (
    "slices kept back from training, which chose the best weights by some of them; "
    "semantic map > 0.5, no augmentation"
)
HOW_BOXES = (
    "boxes of the detector against those around the labelled pieces of a slice; some "
    "slices kept back from training, of a 3D network parts of them"
)


def train_dense(
    volumes: Sequence[LabelledVolume],
    settings: DenseSettings,
    *,
    folder: Path,
    resume: bool = False,
    stop: Callable[[], bool] = never,
) -> Job[DenseResult]:
    """Train a network on completely labelled volumes.

    Parameters
    ----------
    volumes : sequence of LabelledVolume
        Images with spacing and their labels; whether an image is one is for
        `io.check_image` to say.
    settings : DenseSettings
        Network, start, time, validation, augmentation, seed, device.
    folder : Path
        Becomes a model folder when training is finished.
    resume : bool
        Go on with an interrupted training in `folder`, if there is one; time, steps,
        patience and device may be others.
    stop : callable
        Asked after each step; once it says true, the best weights so far are kept.

    Yields
    ------
    TrainingProgress
        After each step, and each tile that is scored.

    Returns
    -------
    DenseResult
        Model and scores.

    Raises
    ------
    AnnotationError
        If no mitochondrion is labelled where one is needed, no background, or nothing.
    InvalidParameterError
        If spacing, network or device are missing, or what is to be resumed was started
        with other settings or labels.
    ShapeError
        If labels have another shape than their image, a network of three dimensions is
        to learn from a single slice, or a patch does not suit the network.
    UnknownNameError, WeightsError
        If there is no such network, augmentation or model to start from, or the latter
        is damaged.
    WriteError
        If the disk refuses; an earlier model in `folder` stays.
    DeviceMemoryError
        If the device has too little memory; a checkpoint is kept.

    Notes
    -----
    Closing the generator keeps a checkpoint in the hidden folder ``.training``, unless
    no step was made, and leaves an earlier model in `folder` as it is.
    """
    yield TrainingProgress(0, TOTAL, "Checking the volumes", phase="Preparing")
    start = None if settings.start == SCRATCH else load_trainable(settings.start)
    chosen = _named(settings, start)
    chosen_augmentations(chosen)
    check_volumes(volumes, chosen)
    run = _DenseRun(preprocessed(volumes, chosen), chosen, start, folder)
    return (yield from run.job(resume=resume, stop=stop))


def preprocessed(
    volumes: Sequence[LabelledVolume], settings: DenseSettings
) -> list[LabelledVolume]:
    """Put the preprocessing that was chosen in front of images.

    Parameters
    ----------
    volumes : sequence of LabelledVolume
        Images and their labels.
    settings : DenseSettings
        Which steps.

    Returns
    -------
    list of LabelledVolume
        Images changed when they are read; labels as they were.

    Raises
    ------
    UnknownNameError, InvalidParameterError
        If there is no such step, a setting of it is wrong, or it moves sections.
    """
    pipeline = Pipeline.parse(list(settings.preprocessing))
    if pipeline.moving:
        raise InvalidParameterError(why_no_move(pipeline.moving[0]))
    return [replace(pair, image=pipeline(pair.image)) for pair in volumes]


class _DenseRun:
    """One training on labelled volumes."""

    def __init__(
        self,
        volumes: Sequence[LabelledVolume],
        settings: DenseSettings,
        start: TrainedModel | None,
        folder: Path,
    ) -> None:
        self._volumes, self._settings, self._folder = volumes, settings, folder
        self._parent = None if start is None else start.card
        self._device = choose_device(settings.device)
        self._network = _build(settings, start)
        self._spacing = _working_spacing(volumes, settings, start)
        self._work = WorkFolder(folder)
        self._iou: float | None = None

    def job(self, *, resume: bool, stop: Callable[[], bool]) -> Job[DenseResult]:
        """Run all parts; see `train_dense`."""
        yield TrainingProgress(0, TOTAL, "Preparing the volumes", phase="Preparing")
        self._data = prepare_volumes(
            self._volumes, self._settings, self._spacing, self._network.dimensions
        )
        self._plan()
        with _left_clean(self._folder, self._work):
            self._work.open(self._fingerprint(), resume=resume)
            result = yield from self._fit(stop)
            card = self._card()
            model = TrainedModel(card, result.network)
            assessment = Assessment()
            scores = yield from self._score(model, assessment)
            card = self._card(scores).model_copy(update=assessment.findings())
            card = save_model(result.network, card, self._folder)
            self._work.remove()
        model = TrainedModel(card, result.network)
        return DenseResult(model, self._folder, scores, result.steps, result.seconds)

    def _plan(self) -> None:
        """Work out how to fit, and how long what will take."""
        network = self._network.to(self._device).eval()
        seconds = measure_time(network, self._device)
        trainer = trainer_for(self._settings.architecture)
        if self._settings.preset == "paper":
            stages = plan_published(self._settings, trainer.published, self._data)
        else:
            usual = plan_fit(self._settings, network, self._data, self._device, seconds)
            stages = (trainer.adapt(usual),)
        if self._device.type == "cpu" and network.dimensions == 2:
            precision = {"precision": faster_precision(network, self._device)}
            stages = tuple(stage.model_copy(update=precision) for stage in stages)
        scoring, training = self._data.n_held * seconds, _guess(stages, seconds)
        allowed = max(SCORING_SHARE * training, SCORING_SECONDS)
        self._scored = min(1.0, allowed / scoring) if scoring else 1.0
        self._schedule = Schedule({TRAINING: training, SCORING: self._scored * scoring})
        self._stages, self._trainer = stages, trainer

    def _fingerprint(self) -> dict[str, Any]:
        """Return what a training must agree in to be resumed."""
        same = self._settings.model_dump(mode="json", exclude=MAY_CHANGE)
        shapes = [list(pair.image.shape) for pair in self._volumes]
        return {
            "setting": same,
            "set of labels": self._data.digest,
            "image shape": shapes,
        }

    def _fit(self, stop: Callable[[], bool]) -> Job[FitResult]:
        self._schedule.begin(TRAINING)
        job = fit_stages(
            self._network,
            self._data.training,
            self._stages,
            card=self._card(),
            folder=self._work.path / TRAINING,
            validation=self._data.watched,
            device=self._device,
            resume=True,
            stop=stop,
            draw=self._trainer.draw,
            fit_one=self._trainer.fit,
        )
        return (yield from self._reported(job, TRAINING))

    def _score(
        self, model: TrainedModel, assessment: Assessment
    ) -> Job[tuple[Score, ...]]:
        """Measure the IoU on what was kept back, predicted as users will."""
        self._schedule.begin(SCORING)
        settings = InferenceSettings(device=self._settings.device)
        scores = []
        for pair, region in self._data.held_regions(self._scored):
            job = predict_maps(pair.image, model, settings, region)
            maps = yield from self._reported(job, SCORING)
            truth = np.asarray(pair.labels.read(region))
            value = _iou(maps.semantic > cutoff(0.5), truth)
            assessment.add(maps.semantic, truth)
            slices = f"{region.start[0]}–{region.stop[0] - 1}"
            data = f"{pair.image.name}, slices {slices}"
            scores.append(Score(data=data, value=value, seen="same stack", how=HOW))
        return (*scores, *self._box_scores(model.network))

    def _box_scores(self, network: Network) -> tuple[Score, ...]:
        """Measure how well boxes are found in what was watched, if boxes are."""
        detector = network.detector if isinstance(network, Cascade) else network
        watched = self._data.watched
        if not isinstance(detector, Detector) or not watched:
            return ()
        value = round(measure_box_precision(detector, watched), 3)
        names = ", ".join(dict.fromkeys(stack.name for stack in watched))
        data = f"{names}, slices kept back"
        score = Score(
            data=data, measure="AP-50", value=value, seen="same stack", how=HOW_BOXES
        )
        return (score,)

    def _reported(self, job: Job[Any], part: str) -> Job[Any]:
        """Run a job as a part of the whole."""

        def report(progress: Progress) -> TrainingProgress:
            share = progress.fraction
            told = TrainingProgress.of(
                self._schedule,
                share,
                progress.message,
                phase=PHASES[part],
                iou=self._iou,
            )
            if not isinstance(progress, FitProgress):
                return told
            if progress.scores:
                self._iou = sum(progress.scores) / len(progress.scores)
            return replace(told, loss=progress.loss, iou=self._iou)

        return relayed(job, report)

    def _card(self, scores: tuple[Score, ...] = ()) -> ModelCard:
        config = self._network.config.model_dump(mode="json")
        stage = Stage(architecture=self._settings.architecture, config=config)
        card = describe_dense(
            self._folder.resolve().name,
            stage,
            self._data,
            self._settings,
            spacing=self._spacing,
            parent=self._parent,
            scores=scores,
        )
        return card.model_copy(update={"patch": self._stages[-1].patch})


def _named(settings: DenseSettings, start: TrainedModel | None) -> DenseSettings:
    """Fill in the network: that of the start where there is one."""
    name = settings.architecture
    if start is None:
        if not name:
            msg = (
                "No network was chosen. Choose one of: "
                f"{', '.join(architectures)}; or a model to start from."
            )
            raise InvalidParameterError(msg)
        architectures[name]
        return settings
    own = start.card.architecture
    if name not in {"", own} or settings.config:
        msg = (
            f"{start.card.name!r} is a model of the network {own!r}, with settings of "
            f"its own; {name or own!r} was asked for. Leave the network out, or train "
            "from scratch."
        )
        raise InvalidParameterError(msg)
    return settings.model_copy(update={"architecture": own})


def _build(settings: DenseSettings, start: TrainedModel | None) -> Network:
    """Return the network to train: that of the start, or a new one."""
    if start is not None:
        return start.network
    torch.manual_seed(settings.seed)
    return architectures[settings.architecture].from_config(settings.config)


def _working_spacing(
    volumes: Sequence[LabelledVolume],
    settings: DenseSettings,
    start: TrainedModel | None,
) -> Spacing:
    """Return the spacing a model works at."""
    if start is not None:
        return start.card.spacing
    if settings.spacing is not None:
        return settings.spacing
    return useful_spacing(volumes[0].image)


def _iou(mask: NDArray[np.bool_], truth: NDArray[Any]) -> float:
    """Return the IoU of a mask with labels, where there are any; 1 of nothing."""
    found, there = mask & (truth >= 0), truth > 0
    either = int(np.count_nonzero(found | there))
    return round(int(np.count_nonzero(found & there)) / either, 3) if either else 1.0


def _guess(stages: Sequence[FitSettings], voxel_seconds: float) -> float:
    """Guess the seconds of a training."""
    return sum(
        60 * stage.minutes
        if stage.limit == "minutes"
        else stage.steps * stage.batch * prod(stage.patch) * voxel_seconds * PACE
        for stage in stages
    )


@contextmanager
def _left_clean(folder: Path, work: WorkFolder) -> Iterator[None]:
    """Delete what a training has begun that ends without a checkpoint."""
    was_there = folder.exists()
    try:
        yield
    finally:
        if work.path.exists() and not any(work.path.rglob(CHECKPOINT_FILE)):
            work.remove()
            if not was_there:
                folder.rmdir()
