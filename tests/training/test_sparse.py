"""Training from sparse annotations: whole, stopped, interrupted, resumed, refused."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_mitoseg.annotation.encoding import Annotation
from napari_mitoseg.errors import (
    AnnotationError,
    DeviceMemoryError,
    InvalidParameterError,
    MitoSegError,
    UnknownNameError,
    WeightsError,
    WriteError,
)
from napari_mitoseg.inference.predict import predict_maps
from napari_mitoseg.inference.settings import InferenceSettings
from napari_mitoseg.jobs import drain
from napari_mitoseg.models.architectures import architectures
from napari_mitoseg.models.zoo import ModelCard, load_model, save_model
from napari_mitoseg.training import fit as fitting
from napari_mitoseg.training import sparse_plan, sparse_run
from napari_mitoseg.training.preview import Previewer
from napari_mitoseg.training.sparse import fine_tune, train_sparse
from napari_mitoseg.training.sparse_report import SparseProgress
from napari_mitoseg.training.sparse_settings import SparsePlan, SparseSettings
from napari_mitoseg.volume import Volume

SPACING = (40.0, 8.0, 8.0)
DEPTH, SIDE = 7, 64
LABELLED = (0, 3, 6)


def discs() -> tuple[Volume, np.ndarray]:
    """Dark discs on bright noise, that drift slowly from slice to slice."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE]
    truth = np.zeros((DEPTH, SIDE, SIDE), bool)
    for cy, cx in ((15, 15), (20, 45), (48, 25)):
        for z in range(DEPTH):
            truth[z] |= np.hypot(y - cy - z, x - cx) < 9
    image = rng.normal(150, 12, truth.shape) - 70 * truth
    return Volume(image.clip(0, 255).astype(np.uint8), SPACING, "discs"), truth


VOLUME, TRUTH = discs()


def painted(*slices: int) -> Annotation:
    labels = np.zeros(TRUTH.shape, np.uint8)
    for z in slices:
        labels[z] = 1 + TRUTH[z]
    return Annotation(labels)


ANNOTATION = painted(*LABELLED)


@pytest.fixture
def steps() -> int:
    """Steps of each fit of the preset fast."""
    return 6


@pytest.fixture(autouse=True)
def _same_on_any_machine(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Do not let the speed of the machine decide what is computed: count steps."""

    def plan(*given: Any) -> SparsePlan:
        made = sparse_plan.make_plan(*given)
        if made.first.limit == "steps":
            return made
        counted = {"limit": "steps", "steps": steps}
        first, second = (
            f.model_copy(update=counted) for f in (made.first, made.second)
        )
        return made.model_copy(update={"minutes": 0, "first": first, "second": second})

    monkeypatch.setattr(sparse_run, "make_plan", plan)
    monkeypatch.setattr(sparse_run, "faster_precision", lambda *_: "float32")


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a small untrained model to start from."""
    folder = tmp_path_factory.mktemp("start")
    torch.manual_seed(0)
    network = architectures["fast"].from_config({"widths": [8, 16], "context": 1})
    card = ModelCard(
        name="parent", architecture="fast", spacing=SPACING, licence="Free."
    )
    save_model(network, card, folder)
    return str(folder)


@pytest.fixture
def settings(start: str) -> SparseSettings:
    return SparseSettings(start=start, minutes=0.06, device="cpu", seed=3)


def reports(job: Any) -> Iterator[SparseProgress]:
    for progress in job:
        assert isinstance(progress, SparseProgress)
        yield progress


def overlap(found: np.ndarray) -> float:
    rest = [z for z in range(DEPTH) if z not in LABELLED]
    mask = found[rest] > 127
    return float((mask & TRUTH[rest]).sum() / (mask | TRUTH[rest]).sum())


@pytest.mark.parametrize("steps", [60])
def test_the_whole_stack_from_three_slices(
    settings: SparseSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_mitoseg.training.preview.FIRST", 0.0)
    seen: list[SparseProgress] = []
    result = drain(
        train_sparse(VOLUME, ANNOTATION, settings, folder=tmp_path, watch=lambda: 99),
        seen.append,
    )
    phases = list(dict.fromkeys(one.phase for one in seen))
    assert phases == ["Preparing", *sparse_run.PHASES.values()]
    assert [one.done for one in seen] == sorted(one.done for one in seen)
    losses = [one.loss for one in seen if one.loss is not None]
    assert losses[-1] < losses[0]
    assert seen[-1].seconds_left is not None
    number, plane = next(one.preview for one in seen if one.preview is not None)
    assert (number, plane.shape, plane.dtype) == (DEPTH - 1, (SIDE, SIDE), np.uint8)
    assert overlap(result.final) > 0.6
    assert result.final[3].tolist() == (TRUTH[3] * 255).tolist()
    assert set(np.unique(result.filtered)) == {0, 255}
    assert result.disagreement.shape == (DEPTH,)
    assert result.disagreement[list(LABELLED)].tolist() == [0, 0, 0]
    assert result.iou is not None
    assert not (tmp_path / ".training").exists()


def test_the_model_says_where_it_comes_from(
    settings: SparseSettings, tmp_path: Path
) -> None:
    result = drain(train_sparse(VOLUME, ANNOTATION, settings, folder=tmp_path / "new"))
    card = load_model(tmp_path / "new").card
    assert card == result.model.card
    assert card.name == "new"
    assert card.architecture == "spatial-continuity"
    assert card.parent == "parent"
    assert card.licence == "Free."
    assert "seed 3" in card.description
    assert card.data == ("discs (7×64×64), slices 0, 3, 6",)
    assert f"--start {settings.start} --seed 3 --minutes 0.06" in card.command
    assert [(score.seen, score.data) for score in card.scores] == [
        ("same stack", "discs, slice 3")
    ]
    maps = drain(
        predict_maps(VOLUME, load_model(tmp_path / "new"), InferenceSettings())
    )
    assert overlap(maps.semantic) > 0.45


def test_two_slices_are_too_few_to_keep_one_back(
    settings: SparseSettings, tmp_path: Path
) -> None:
    seen: list[SparseProgress] = []
    job = train_sparse(VOLUME, painted(0, 6), settings, folder=tmp_path)
    result = drain(job, seen.append)
    assert result.iou is None
    assert sparse_run.PHASES[sparse_run.HELD] not in {one.phase for one in seen}
    assert load_model(tmp_path).card.scores == ()


@pytest.mark.parametrize("steps", [40])
@pytest.mark.parametrize(
    ("phase", "architecture"),
    [(sparse_run.FIRST, "fast"), (sparse_run.SECOND, "spatial-continuity")],
)
def test_stopping_early_makes_a_complete_model(
    settings: SparseSettings, tmp_path: Path, phase: str, architecture: str
) -> None:
    reached: list[str] = []

    def stop() -> bool:
        return sparse_run.PHASES[phase] in reached

    brief = settings.model_copy(update={"held_out": False})
    job = train_sparse(VOLUME, ANNOTATION, brief, folder=tmp_path, stop=stop)
    result = drain(job, lambda report: reached.append(report.phase))
    assert reached.count(sparse_run.PHASES[phase]) < 40
    assert load_model(tmp_path).card.architecture == architecture
    assert result.final.shape == VOLUME.shape
    assert result.disagreement[1] >= 0


def until(job: Any, phase: str, count: int = 3) -> None:
    """Step a job until some reports of a phase have come."""
    for progress in job:
        count -= progress.phase == sparse_run.PHASES[phase]
        if not count:
            return


def test_interrupted_training_goes_on_and_keeps_the_earlier_model(
    settings: SparseSettings, tmp_path: Path, start: str
) -> None:
    earlier = load_model(start)
    save_model(earlier.network, earlier.card, tmp_path)
    job = train_sparse(VOLUME, ANNOTATION, settings, folder=tmp_path)
    until(job, sparse_run.SECOND)
    job.close()
    assert load_model(tmp_path).card.name == "parent"
    assert (tmp_path / ".training" / sparse_run.SECOND / "checkpoint.pt").is_file()
    phases: list[str] = []
    again = train_sparse(VOLUME, ANNOTATION, settings, folder=tmp_path, resume=True)
    drain(again, lambda report: phases.append(report.phase))
    assert sparse_run.PHASES[sparse_run.FIRST] not in phases
    assert sparse_run.PHASES[sparse_run.SECOND] in phases
    assert load_model(tmp_path).card.architecture == "spatial-continuity"


@pytest.mark.parametrize(
    ("change", "word"), [({"seed": 4}, "settings"), (None, "annotation")]
)
def test_resuming_something_else_is_refused(
    settings: SparseSettings,
    tmp_path: Path,
    change: dict[str, int] | None,
    word: str,
) -> None:
    job = train_sparse(VOLUME, ANNOTATION, settings, folder=tmp_path)
    until(job, sparse_run.HELD)
    job.close()
    changed = settings.model_copy(update=change or {})
    annotation = ANNOTATION if change else painted(0, 2, 6)
    with pytest.raises(InvalidParameterError, match=f"another {word}"):
        drain(train_sparse(VOLUME, annotation, changed, folder=tmp_path, resume=True))


def test_the_published_method_on_a_crop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sparse_plan, "PAPER_EPOCHS", 2)
    crop = Volume(VOLUME.read()[:3, :32, :32], SPACING, "crop")
    labels = np.zeros(crop.shape, np.uint8)
    labels[1] = 1 + TRUTH[1, :32, :32]
    seen: list[SparseProgress] = []
    job = train_sparse(
        crop, Annotation(labels), SparseSettings(preset="paper"), folder=tmp_path
    )
    result = drain(job, seen.append)
    steps = [one.phase for one in seen if one.loss is not None]
    assert [steps.count(sparse_run.PHASES[p]) for p in ("N_se", "N_sp")] == [2, 2]
    config = result.model.card.config
    assert config["refinement"]["config"]["context"] == 7
    assert (config["masks"], config["views"], config["middle"]) == ("binary", 8, True)
    assert result.model.card.parent == ""


def test_what_the_paper_says() -> None:
    settings = SparseSettings(preset="paper", seed=5)
    plan = sparse_plan.make_plan(settings, (165, 768, 1024), 32)
    first, second = plan.first, plan.second
    assert (first.optimizer, first.learning_rate, first.batch) == ("rmsprop", 5e-4, 16)
    assert (first.loss, first.schedule, first.averaging) == ("dice", "constant", 0)
    assert first.geometry.piecewise > 0
    # 12 patches of 256×256 cover a slice: 32 · 12 / 16 and 165 · 12 / 16 an epoch.
    assert (first.steps, second.steps) == (100 * 24, 100 * 124)
    networks = [
        architectures[stage.architecture].from_config(stage.config)
        for stage in (plan.segmentation, plan.refinement)
    ]
    assert [n.in_channels for n in networks] == [1, 15]
    assert networks[0].count_parameters() == pytest.approx(7.7e6, rel=0.02)
    plain = settings.model_copy(update={"affine": False})
    without = sparse_plan.make_plan(plain, (165, 768, 1024), 32)
    assert without.first.geometry.piecewise == 0


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"annotation": painted(*range(DEPTH))}, AnnotationError, "All 7 slices"),
        ({"annotation": Annotation(np.zeros((1, 2, 3), np.uint8))}, AnnotationError,
         r"shape \(1, 2, 3\)"),
        ({"annotation": Annotation((painted(0).labels > 1) * np.uint8(2))},
         AnnotationError, "Only mitochondrion"),
        ({"annotation": Annotation(painted(0).labels * np.uint8(3))}, AnnotationError,
         "values 3, 6"),
        ({"volume": Volume(VOLUME.data, None, "bare")}, InvalidParameterError,
         "bare states no spacing"),
        ({"settings": SparseSettings(start="fats")}, UnknownNameError, "'fast'"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_before_anything_is_written(
    change: dict[str, Any],
    error: type[MitoSegError],
    message: str,
    settings: SparseSettings,
    tmp_path: Path,
) -> None:
    given = {"volume": VOLUME, "annotation": ANNOTATION, "settings": settings} | change
    with pytest.raises(error, match=message):
        drain(train_sparse(**given, folder=tmp_path / "model"))
    assert not (tmp_path / "model").exists()


def test_partly_labelled_slices_are_not_enough(
    settings: SparseSettings, tmp_path: Path
) -> None:
    labels = ANNOTATION.labels.copy()
    labels[:, 0, 0] = 0
    with pytest.raises(AnnotationError, match="none is complete"):
        drain(train_sparse(VOLUME, Annotation(labels), settings, folder=tmp_path))


def fail_in(monkeypatch: pytest.MonkeyPatch, name: str, error: Exception) -> None:
    """Let a function of `fit` fail from its third call on."""
    original: Callable[..., Any] = getattr(fitting, name)
    calls = [0]

    def failing(*arguments: Any, **named: Any) -> Any:
        calls[0] += 1
        if calls[0] > 2:
            raise error
        return original(*arguments, **named)

    monkeypatch.setattr(fitting, name, failing)


def test_a_full_disk_is_said_and_the_earlier_model_stays(
    settings: SparseSettings,
    tmp_path: Path,
    start: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    earlier = load_model(start)
    save_model(earlier.network, earlier.card, tmp_path)
    fail_in(monkeypatch, "write_checkpoint", WriteError("No space left on device"))
    with pytest.raises(WriteError, match="No space"):
        drain(train_sparse(VOLUME, ANNOTATION, settings, folder=tmp_path))
    assert load_model(tmp_path).card.name == "parent"


def test_too_little_memory_is_said_and_can_be_resumed_from(
    settings: SparseSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = RuntimeError("[enforce fail] can't allocate memory")
    with monkeypatch.context() as patch:
        fail_in(patch, "draw_batch", error)
        with pytest.raises(DeviceMemoryError, match=r"smaller patches.*steps are kept"):
            drain(train_sparse(VOLUME, ANNOTATION, settings, folder=tmp_path))
    drain(train_sparse(VOLUME, ANNOTATION, settings, folder=tmp_path, resume=True))
    assert load_model(tmp_path).card.architecture == "spatial-continuity"


def test_fine_tuning_takes_slices_labelled_in_part(
    settings: SparseSettings, tmp_path: Path
) -> None:
    labels = ANNOTATION.labels.copy()
    labels[:, :, SIDE // 2 :] = 0
    result = drain(
        fine_tune(
            VOLUME,
            Annotation(labels),
            settings,
            model=settings.start,
            folder=tmp_path / "tuned",
        )
    )
    card = load_model(tmp_path / "tuned").card
    assert (card.architecture, card.parent) == ("fast", "parent")
    assert card.outputs == ("semantic", "boundary")
    assert card.command.startswith("napari-mitoseg fine-tune IMAGE ANNOTATION --model")
    assert np.array_equal(
        result.final[3, :, : SIDE // 2] > 127, TRUTH[3, :, : SIDE // 2]
    )
    assert (result.disagreement > 0).all()


def test_fine_tuning_keeps_the_second_network(
    settings: SparseSettings, tmp_path: Path
) -> None:
    drain(train_sparse(VOLUME, ANNOTATION, settings, folder=tmp_path / "one"))
    before = load_model(tmp_path / "one").network
    tuned = drain(
        fine_tune(
            VOLUME,
            ANNOTATION,
            settings,
            model=str(tmp_path / "one"),
            folder=tmp_path / "two",
        )
    ).model.network
    pairs = zip(
        before.refinement.parameters(), tuned.refinement.parameters(), strict=True
    )
    assert all(torch.equal(a, b) for a, b in pairs)
    pairs = zip(
        before.segmentation.parameters(), tuned.segmentation.parameters(), strict=True
    )
    assert not all(torch.equal(a, b) for a, b in pairs)


def test_unlabelled_pixels_never_count(start: str) -> None:
    network = load_model(start).network.train()
    stack = sparse_run.prepare_data(VOLUME, painted(3), SPACING).stack
    settings = fitting.FitSettings(patch=(1, 32, 32), batch=2, foreground=0, dark=0)
    _, target, known = fitting.draw_batch(
        network, [stack], settings, 0, torch.device("cpu")
    )
    loss = fitting.losses["bce-dice"]
    logits = torch.zeros_like(target, requires_grad=True)
    known = known * (torch.rand(known.shape) > 0.5)
    loss(logits, target, known).backward()
    assert logits.grad is not None
    assert (logits.grad[known == 0] == 0).all()
    assert (logits.grad[known == 1] != 0).any()


def test_a_damaged_state_is_said(settings: SparseSettings, tmp_path: Path) -> None:
    (tmp_path / ".training").mkdir()
    (tmp_path / ".training" / "state.json").write_text("{", encoding="utf-8")
    with pytest.raises(WeightsError, match=r"state\.json is damaged"):
        drain(train_sparse(VOLUME, ANNOTATION, settings, folder=tmp_path, resume=True))


def test_previews_come_now_and_then() -> None:
    now = [0.0]
    data = sparse_run.prepare_data(VOLUME, painted(3), SPACING)
    previewer = Previewer(lambda: 2, data, clock=lambda: now[0])
    previewer.planes = lambda _network, z: data.stack.image[[z, z, z]]
    network = architectures["fast"].from_config({"widths": [4, 4]})
    taken = []
    for second in range(30):
        now[0] = float(second)
        if previewer.take(network) is not None:
            taken.append(second)
    assert taken == [5, 15, 25]
