"""Training from dense labels: whole, stopped, resumed, refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_mitoseg.errors import (
    AnnotationError,
    DeviceMemoryError,
    InvalidParameterError,
    MitoSegError,
    ShapeError,
    UnknownNameError,
    WeightsError,
    WriteError,
)
from napari_mitoseg.jobs import drain
from napari_mitoseg.models.architectures import architectures
from napari_mitoseg.models.zoo import load_model
from napari_mitoseg.training import dense, trainers
from napari_mitoseg.training import fit as fitting
from napari_mitoseg.training.assessment import Assessment
from napari_mitoseg.training.dense import train_dense
from napari_mitoseg.training.dense_data import (
    LabelledVolume,
    prepare_volumes,
    read_truth,
    sample_slices,
)
from napari_mitoseg.training.dense_plan import largest_patch, validation_interval
from napari_mitoseg.training.dense_settings import DenseSettings
from napari_mitoseg.training.fit import draw_batch
from napari_mitoseg.training.progress import TrainingProgress
from napari_mitoseg.training.provenance import dense_command
from napari_mitoseg.training.settings import FitSettings
from napari_mitoseg.training.trainers import Trainer, trainer_for
from napari_mitoseg.volume import Volume

SPACING = (40.0, 8.0, 8.0)
DEPTH, SIDE = 6, 48
CPU = torch.device("cpu")
CASCADE = {
    "segmentation": {"architecture": "fast", "config": {"widths": [4, 6]}},
    "refinement": {
        "architecture": "fast",
        "config": {"widths": [4, 6], "context": 1, "extra": 1},
    },
    "masks": "probability",
}
SETTINGS = DenseSettings(
    architecture="fast",
    config={"widths": [4, 6]},
    steps=4,
    batch=2,
    patch=(1, 32, 32),
    device="cpu",
)


def discs(depth: int = DEPTH) -> LabelledVolume:
    """Dark discs on bright noise, two instances."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE]
    truth = np.zeros((depth, SIDE, SIDE), np.uint16)
    for number, (cy, cx) in enumerate(((15, 15), (32, 34)), start=1):
        truth[:, np.hypot(y - cy, x - cx) < 9] = number
    image = rng.normal(150, 12, truth.shape) - 70 * (truth > 0)
    grey = Volume(image.clip(0, 255).astype(np.uint8), SPACING, "discs")
    return LabelledVolume(grey, Volume(truth, SPACING, "truth"))


PAIR = discs()


def changed(**values: object) -> DenseSettings:
    return SETTINGS.model_copy(update=values)


def relabelled(labels: np.ndarray, image: Volume = PAIR.image) -> LabelledVolume:
    return LabelledVolume(image, Volume(labels, SPACING, "other"))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not measure what would decide the length of a real training."""
    monkeypatch.setattr(dense, "measure_time", lambda *_: 1e-7)
    monkeypatch.setattr(dense, "faster_precision", lambda *_: "float32")


def train(
    folder: Path, settings: DenseSettings = SETTINGS, *pairs: LabelledVolume, **how: Any
) -> dense.DenseResult:
    return drain(train_dense(pairs or (PAIR,), settings, folder=folder, **how))


# ------------------------------------------------------------ whole


@pytest.mark.parametrize(
    ("architecture", "config", "patch"),
    [
        ("fast", {"widths": [4, 6]}, (1, 32, 32)),
        ("unet2d", {"width": 2, "levels": 2, "context": 1}, (1, 32, 32)),
        ("resunet-r", {"widths": [2, 4]}, (4, 32, 32)),
        ("fusion-fcn", {"width": 4, "window": 96}, (1, 32, 32)),
        ("patch-cnn", {"width": 4}, (1, 32, 32)),
        ("spatial-continuity", CASCADE, (1, 32, 32)),
    ],
)
def test_any_network_is_trained_and_described(
    architecture: str, config: dict[str, Any], patch: tuple[int, ...], tmp_path: Path
) -> None:
    settings = changed(architecture=architecture, config=config, patch=patch)
    reports: list[Any] = []
    job = train_dense([PAIR], settings, folder=tmp_path / "mine")
    result = drain(job, reports.append)
    model = load_model(tmp_path / "mine")
    card = model.card
    assert {p.name for p in (tmp_path / "mine").iterdir()} == {
        "model.json",
        "weights.safetensors",
    }
    assert (card.name, card.architecture, card.parent) == ("mine", architecture, "")
    assert card.data == ("discs (6×48×48), all slices, but slices 5–5",)
    assert card.spacing == SPACING
    assert card.citation == architectures[architecture].citation
    assert card.patch == patch
    assert [score.data for score in card.scores] == ["discs, slices 5–5"]
    assert card.scores == result.scores
    assert f"--model {architecture}" in card.command
    assert result.steps == 4
    assert all(isinstance(report, TrainingProgress) for report in reports)
    assert reports[-1].fraction == 1
    losses = [report.loss for report in reports if report.loss is not None]
    n_networks = 2 if architecture == "spatial-continuity" else 1
    assert len(losses) == 4 * n_networks


@pytest.mark.parametrize(
    ("architecture", "config", "patch"),
    [
        ("detector", {"widths": [4, 6]}, (1, 32, 32)),
        (
            "cascade",
            {
                "detector": {"widths": [4, 6]},
                "segmentation": {"widths": [3, 4], "z_halvings": 0},
            },
            (2, 32, 32),
        ),
    ],
)
def test_detectors_are_scored_by_their_boxes(
    architecture: str,
    config: dict[str, Any],
    patch: tuple[int, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dense, "measure_box_precision", lambda *_: 0.25)
    values = {"architecture": architecture, "config": config, "patch": patch}
    card = train(tmp_path, changed(steps=1, batch=1, **values)).model.card
    assert [score.measure for score in card.scores] == ["IoU", "AP-50"]
    assert (card.scores[1].data, card.scores[1].value) == (
        "discs, slices kept back",
        0.25,
    )


def test_it_learns(tmp_path: Path) -> None:
    result = train(
        tmp_path, changed(steps=100, augmentation="none", config={"widths": [8, 12]})
    )
    assert result.scores[0].value > 0.5


def test_several_volumes_are_trained_on_and_scored(tmp_path: Path) -> None:
    other = discs(4)
    other = LabelledVolume(
        Volume(other.image.data, (20.0, 8.0, 8.0), "thin"), other.labels
    )
    result = train(tmp_path, SETTINGS, PAIR, other)
    assert [score.data.split(",")[0] for score in result.scores] == ["discs", "thin"]
    assert len(result.model.card.data) == 2
    assert "--more IMAGE LABELS" in result.model.card.command


def test_same_seed_same_weights(tmp_path: Path) -> None:
    first, again = (train(tmp_path / name).model.card.sha256 for name in "ab")
    other = train(tmp_path / "c", changed(seed=1)).model.card.sha256
    assert first == again != other


def test_a_model_is_trained_further(tmp_path: Path) -> None:
    train(tmp_path / "parent")
    settings = changed(architecture="", config={}, start=str(tmp_path / "parent"))
    card = train(tmp_path / "child", settings).model.card
    assert (card.parent, card.architecture) == ("parent", "fast")
    assert card.config["widths"] == [4, 6]
    assert f"--start {tmp_path / 'parent'}" in card.command


def test_another_network_than_that_of_the_start_is_refused(tmp_path: Path) -> None:
    train(tmp_path / "parent")
    settings = changed(architecture="unet2d", config={}, start=str(tmp_path / "parent"))
    with pytest.raises(InvalidParameterError, match="is a model of the network 'fast'"):
        train(tmp_path / "child", settings)


def test_time_is_a_limit(tmp_path: Path) -> None:
    assert train(tmp_path, changed(steps=0, minutes=1e-6)).steps == 1


def test_without_validation_the_last_weights_are_kept(tmp_path: Path) -> None:
    result = train(tmp_path, changed(validation=0))
    assert result.scores == ()
    assert result.model.card.data == ("discs (6×48×48), all slices",)


@pytest.mark.parametrize("name", ["light", "strong", "challenge", "none"])
def test_every_augmentation_can_be_chosen(name: str, tmp_path: Path) -> None:
    assert train(tmp_path, changed(augmentation=name, steps=1)).steps == 1


def test_training_ends_early_where_nothing_gets_better(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "measure_iou", lambda *_: (0.5,))
    monkeypatch.setattr(
        "napari_mitoseg.training.dense_plan.validation_interval", lambda *_: 2
    )
    # Validated at steps 2, 4 and 6: the best, and two that are no better.
    assert train(tmp_path, changed(steps=50, patience=2)).steps == 6


def test_patience_begins_when_anything_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.0, 0.0, 0.0, 0.3, 0.2, 0.3, 0.9])
    monkeypatch.setattr(fitting, "measure_iou", lambda *_: (next(scores),))
    monkeypatch.setattr(
        "napari_mitoseg.training.dense_plan.validation_interval", lambda *_: 1
    )
    assert train(tmp_path, changed(steps=50, patience=2)).steps == 6


# ------------------------------------------------------------ stopped, resumed


def interrupt(folder: Path, settings: DenseSettings = SETTINGS, after: int = 2) -> None:
    """Close a training after some steps."""
    job = train_dense([PAIR], settings, folder=folder)
    steps = (r for r in job if isinstance(r, TrainingProgress) and r.loss is not None)
    for _ in range(after):
        next(steps)
    job.close()


def test_stopping_keeps_a_whole_model(tmp_path: Path) -> None:
    answers: Iterator[bool] = iter([False, True])
    result = train(tmp_path, changed(steps=50), stop=lambda: next(answers, True))
    assert result.steps == 2
    assert len(result.scores) == 1
    assert load_model(tmp_path).card.sha256 == result.model.card.sha256


def test_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    whole = train(tmp_path / "a")
    interrupt(tmp_path / "b")
    assert not (tmp_path / "b" / "model.json").exists()
    resumed = train(tmp_path / "b", resume=True)
    assert resumed.steps == 4
    pairs = zip(
        whole.model.network.parameters(),
        resumed.model.network.parameters(),
        strict=True,
    )
    for one, other in pairs:
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_resumed_with_more_steps_goes_on(tmp_path: Path) -> None:
    interrupt(tmp_path)
    assert train(tmp_path, changed(steps=7), resume=True).steps == 7


def test_a_finished_training_is_not_resumed_by_beginning_anew(tmp_path: Path) -> None:
    before = train(tmp_path).model.card.sha256
    with pytest.raises(InvalidParameterError, match="is finished"):
        train(tmp_path, changed(steps=1), resume=True)
    assert load_model(tmp_path).card.sha256 == before


@pytest.mark.parametrize(
    ("settings", "pair", "words"),
    [
        (changed(seed=5), PAIR, "another setting"),
        (SETTINGS, relabelled(np.asarray(PAIR.labels.data)[:, ::-1]), "set of labels"),
    ],
)
def test_something_else_cannot_be_resumed(
    settings: DenseSettings, pair: LabelledVolume, words: str, tmp_path: Path
) -> None:
    interrupt(tmp_path)
    with pytest.raises(InvalidParameterError, match=words):
        train(tmp_path, settings, pair, resume=True)


def test_an_earlier_model_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    before = train(tmp_path).model.card.sha256
    interrupt(tmp_path, changed(seed=9))
    assert load_model(tmp_path).card.sha256 == before


def test_preprocessing_changes_images_and_leaves_labels() -> None:
    (found,) = dense.preprocessed([PAIR], changed(preprocessing=({"step": "invert"},)))
    before, after = PAIR.image.read_slice(2), found.image.read_slice(2)
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] == pytest.approx(-1)
    assert found.labels is PAIR.labels
    assert (found.image.spacing, found.image.name) == (SPACING, "discs")


# ------------------------------------------------------------ refused

LABELS = np.asarray(PAIR.labels.data)
LAST_EMPTY = np.where(np.arange(DEPTH)[:, None, None] < 5, LABELS, 0)
ONE_SLICE = discs(1)


@pytest.mark.parametrize(
    ("pairs", "settings", "error", "words"),
    [
        ([], SETTINGS, InvalidParameterError, "No volume"),
        ([relabelled(0 * LABELS)], SETTINGS, AnnotationError, "no mitochondrion"),
        ([relabelled(0 * LABELS + 1)], SETTINGS, AnnotationError, "no background"),
        ([relabelled(LAST_EMPTY)], SETTINGS, AnnotationError, r"kept back.*\(5–5\)"),
        ([relabelled(LABELS[:, :40])], SETTINGS, ShapeError, r"\(6, 40, 48\), the im"),
        (
            [relabelled(np.full(LABELS.shape, -1))],
            SETTINGS,
            AnnotationError,
            "no labelled voxel",
        ),
        (
            [ONE_SLICE],
            changed(architecture="resunet-r", config={}),
            ShapeError,
            "single slice.*choose one of: detector, efficient-unet",
        ),
        (
            [LabelledVolume(Volume(PAIR.image.data, None, "bare"), PAIR.labels)],
            SETTINGS,
            InvalidParameterError,
            "bare states no spacing",
        ),
        (
            [PAIR],
            changed(architecture=""),
            InvalidParameterError,
            "one of: cascade, detector, efficient-unet",
        ),
        ([PAIR], changed(architecture="fats"), UnknownNameError, "mean 'fast'"),
        ([PAIR], changed(start="nowhere"), UnknownNameError, "no model called"),
        ([PAIR], changed(config={"width": 3}), InvalidParameterError, "width"),
        ([PAIR], changed(patch=(1, 30, 30)), ShapeError, "multiple of"),
        (
            [PAIR],
            changed(validation_slices=tuple(range(9))),
            InvalidParameterError,
            "0 to 5, all would",
        ),
        (
            [PAIR],
            changed(validation_slices=(6, 7)),
            InvalidParameterError,
            "0 to 5, none would",
        ),
    ],
)
def test_what_cannot_be_trained_on_is_said_and_leaves_nothing(
    pairs: list[LabelledVolume],
    settings: DenseSettings,
    error: type[MitoSegError],
    words: str,
    tmp_path: Path,
) -> None:
    with pytest.raises(error, match=words):
        drain(train_dense(pairs, settings, folder=tmp_path / "model"))
    assert not (tmp_path / "model").exists()


def test_a_single_slice_trains_a_network_of_two_dimensions(tmp_path: Path) -> None:
    result = train(tmp_path, SETTINGS, ONE_SLICE)
    assert result.scores == ()


def fail_in(
    monkeypatch: pytest.MonkeyPatch, name: str, error: Exception, *, after: int = 0
) -> None:
    """Let a function of the fit fail from some call on."""
    original, calls = getattr(fitting, name), [0]

    def failing(*given: Any, **named: Any) -> Any:
        calls[0] += 1
        if calls[0] > after:
            raise error
        return original(*given, **named)

    monkeypatch.setattr(fitting, name, failing)


def test_too_little_memory_at_once_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_in(monkeypatch, "make_targets", RuntimeError("can't allocate memory"))
    with pytest.raises(DeviceMemoryError, match="smaller patches"):
        train(tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_too_little_memory_later_keeps_what_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        error = RuntimeError("can't allocate memory")
        fail_in(patch, "make_targets", error, after=2)
        with pytest.raises(DeviceMemoryError, match="2 steps are kept"):
            train(tmp_path)
    assert train(tmp_path, resume=True).steps == 4


def test_too_little_memory_to_validate_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_in(monkeypatch, "measure_iou", RuntimeError("can't allocate memory"))
    with pytest.raises(DeviceMemoryError, match="ran out of memory"):
        train(tmp_path)


def test_too_large_volumes_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("napari_mitoseg.training.dense_data._prepare", refuse)
    with pytest.raises(DeviceMemoryError, match="discs do not fit"):
        train(tmp_path)


def test_a_full_disk_is_said_and_the_earlier_model_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = train(tmp_path).model.card.sha256
    fail_in(monkeypatch, "write_checkpoint", WriteError("No space left on device"))
    with pytest.raises(WriteError, match="No space"):
        train(tmp_path, changed(seed=3))
    assert load_model(tmp_path).card.sha256 == before
    assert not (tmp_path / ".training").exists()


def test_a_damaged_state_is_said(tmp_path: Path) -> None:
    interrupt(tmp_path)
    (tmp_path / ".training" / "state.json").write_text("{", encoding="utf-8")
    with pytest.raises(WeightsError, match=r"state\.json is damaged"):
        train(tmp_path, resume=True)


# ------------------------------------------------------------ data


def volume(labels: list[list[int]], kind: str = "int32") -> Volume:
    return Volume(np.array([labels], kind), SPACING, "labels")


@pytest.mark.parametrize(
    ("labels", "kind", "expected"),
    [
        ([[1, 0, 0, 1]], "auto", [[1, 0, 0, 2]]),
        ([[255, 0, 0, 255]], "auto", [[1, 0, 0, 2]]),
        ([[1, 2, 0, 1]], "auto", [[1, 2, 0, 1]]),
        ([[1, 2, 0, 1]], "semantic", [[1, 1, 0, 2]]),
        ([[1, 0, 0, 1]], "instances", [[1, 0, 0, 1]]),
        ([[-3, 0, 7, -1]], "auto", [[-1, 0, 1, -1]]),
        ([[2**30, 0, 2**30 + 1, 5]], "instances", [[2, 0, 3, 1]]),
    ],
)
def test_labels_are_read_as_training_takes_them(
    labels: list[list[int]], kind: Any, expected: list[list[int]]
) -> None:
    assert read_truth(volume(labels), kind)[0].tolist() == expected


def test_labels_kept_back_are_not_trained_on() -> None:
    settings = changed(validation_slices=(1, 3))
    data = prepare_volumes([PAIR], settings, SPACING, 2)
    assert data.training[0].slices.tolist() == [0, 2, 4, 5]
    assert data.watched[0].slices.tolist() == [1, 3]
    assert [(r.start[0], r.stop[0]) for _, r in data.held_regions()] == [(1, 2), (3, 4)]


def test_only_what_a_network_may_see_is_kept_to_validate_on() -> None:
    image = np.random.default_rng(0).integers(0, 255, (60, 16, 16)).astype(np.uint8)
    labels = np.ones((60, 16, 16), np.uint8)
    labels[:, 0] = 0
    pair = LabelledVolume(Volume(image, SPACING), Volume(labels, SPACING))
    settings = changed(validation_slices=(40, 42))
    (watched,) = prepare_volumes([pair], settings, SPACING, 2).watched
    assert len(watched.image) == 16 + 3 + 16
    assert watched.slices.tolist() == [16, 18]


def test_a_share_of_what_is_kept_back_is_its_middle() -> None:
    data = prepare_volumes([PAIR], changed(validation=0.7), SPACING, 2)
    ((_, region),) = data.held_regions(0.5)
    assert (region.start, region.stop) == ((3, 0, 0), (5, SIDE, SIDE))
    assert data.n_held == 4 * SIDE * SIDE
    ((_, region),) = data.held_regions(0.01)
    assert region.shape == (1, SIDE, SIDE)


def test_iou_by_hand_counts_labelled_voxels_only() -> None:
    """Truth two voxels, found two, one in common, one found where unlabelled."""
    mask, truth = np.array([0, 1, 1, 1], bool), np.array([1, 1, 0, -1])
    assert dense._iou(mask, truth) == 0.333
    assert dense._iou(mask, np.full(4, -1)) == 1


def test_scoring_takes_no_longer_than_it_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dense, "SCORING_SECONDS", 0.0)
    monkeypatch.setattr(dense, "SCORING_SHARE", 0.1)
    # Four steps of 2 × 32² voxels, each three times as long as predicting them,
    # against four slices of 48².
    card = train(tmp_path, changed(validation=0.7)).model.card
    assert [score.data for score in card.scores] == ["discs, slices 3–3"]


def test_networks_of_three_dimensions_are_validated_on_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("napari_mitoseg.training.dense_data.WATCHED_CROP", (3, 24, 24))
    data = prepare_volumes([PAIR], changed(validation=0.5), SPACING, 3)
    assert len(data.watched) == 3
    for block in data.watched:
        assert block.image.shape == block.labels.shape == (3, 24, 24)
        assert (block.labels > 0).any()


def test_slices_are_sampled_where_a_network_of_three_dimensions_needs_them() -> None:
    thin = LabelledVolume(Volume(PAIR.image.data, (20.0, 8.0, 8.0)), PAIR.labels)
    data = prepare_volumes([PAIR, thin], SETTINGS, SPACING, 3)
    assert [len(stack.image) for stack in data.training] == [6, 3]
    assert data.training[1].z_step == 1
    assert sample_slices(3, 0.5).tolist() == [0, 0, 1, 2, 2]
    flat = prepare_volumes([PAIR, thin], SETTINGS, SPACING, 2)
    assert (len(flat.training[1].image), flat.training[1].z_step) == (6, 2)


def test_larger_volumes_are_drawn_from_more_often() -> None:
    data = prepare_volumes([PAIR, discs(3)], SETTINGS, SPACING, 2)
    assert data.training[0].weight == pytest.approx(2.5 * data.training[1].weight)


# ------------------------------------------------------------ plan


@pytest.mark.parametrize(
    ("name", "device", "expected"),
    [("fast", "cpu", (1, 32, 32)), ("resunet-r", "cpu", (6, 48, 48))],
)
def test_patches_are_as_large_as_the_smallest_stack(
    name: str, device: str, expected: tuple[int, ...]
) -> None:
    data = prepare_volumes([PAIR], SETTINGS, SPACING, 2)
    config = {"widths": [4, 8, 8, 8, 8]}
    network = architectures[name].from_config(config)
    assert largest_patch(network, data.training, torch.device(device)) == expected


def test_validation_takes_no_more_than_its_share() -> None:
    data = prepare_volumes([PAIR], SETTINGS, SPACING, 2)
    settings = FitSettings(steps=40, patch=(1, 16, 16), batch=1)
    # One slice of 48×48 is nine patches; a step counts three: 9 / 3 / 0.1.
    assert validation_interval(settings, data.watched, 1e-6) == 30
    settings = settings.model_copy(update={"steps": 1000})
    assert validation_interval(settings, data.watched, 1e-6) == 50


# ------------------------------------------------------------ trainers


def test_an_architecture_may_have_a_trainer_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, adapted = [], []

    def draw(*given: Any) -> Any:
        drawn.append(given[3])
        return draw_batch(*given)

    def adapt(settings: FitSettings) -> FitSettings:
        adapted.append(settings)
        return settings.model_copy(update={"batch": 3})

    special = trainers.Registry("trainer")
    special.register("fast")(Trainer(draw=draw, adapt=adapt))
    monkeypatch.setattr(trainers, "trainers", special)
    train(tmp_path)
    assert drawn == [0, 1, 2, 3]
    assert adapted[0].batch == 2
    assert trainer_for("unet2d") is trainers.GENERAL


def test_every_trainer_belongs_to_an_architecture() -> None:
    assert set(trainers.trainers) <= set(architectures)


# ------------------------------------------------------------ command


def test_the_command_says_all_that_was_chosen() -> None:
    settings = DenseSettings(
        architecture="fast",
        config={"widths": [4, 6]},
        minutes=30,
        validation=0.1,
        validation_slices=(1, 2, 5),
        augmentation="challenge",
        labels="instances",
    )
    assert dense_command(settings, 2) == (
        "napari-mitoseg train IMAGE LABELS --more IMAGE LABELS --model fast "
        "--config '{\"widths\": [4, 6]}' --minutes 30 --validation 0.1 "
        "--validation-slices 1-2,5-5 --augmentation challenge --labels instances "
        "--seed 0"
    )


def test_what_is_found_out_at_the_end_stands_on_the_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {"doubt": 0.25, "calibration": ((0.6, 0.3), (0.9, 0.8))}
    monkeypatch.setattr(Assessment, "findings", lambda _: found)
    drain(train_dense([PAIR], changed(), folder=tmp_path / "mine"))
    card = load_model(tmp_path / "mine").card
    assert (card.doubt, card.calibration) == (0.25, found["calibration"])
