"""Training of the detector and of the cascade on a tiny stack."""

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_mitoseg.errors import AnnotationError, InvalidParameterError
from napari_mitoseg.inference.predict import predict_maps
from napari_mitoseg.inference.settings import InferenceSettings
from napari_mitoseg.jobs import drain
from napari_mitoseg.models.architectures import Cascade, Detector, architectures
from napari_mitoseg.models.zoo import ModelCard, load_model
from napari_mitoseg.training.appearance import NO_APPEARANCE
from napari_mitoseg.training.augmentations import CHALLENGE
from napari_mitoseg.training.cascade import (
    fit_cascade,
    predict_in_tiles,
    train_cascade,
)
from napari_mitoseg.training.cascade_settings import (
    CascadeSettings,
    for_segmentation,
)
from napari_mitoseg.training.dense import train_dense
from napari_mitoseg.training.dense_data import LabelledVolume
from napari_mitoseg.training.dense_plan import LIGHT
from napari_mitoseg.training.dense_settings import DenseSettings
from napari_mitoseg.training.detector import (
    for_detector,
    measure_box_precision,
    train_detector,
)
from napari_mitoseg.training.geometry import NO_GEOMETRY
from napari_mitoseg.training.patches import TrainingStack, prepare_stack
from napari_mitoseg.training.settings import FitSettings
from napari_mitoseg.training.trainers import trainer_for
from napari_mitoseg.volume import Volume

SPACING = (40.0, 8.0, 8.0)
SMALL = {
    "detector": {"widths": [8, 12, 16]},
    "segmentation": {"widths": [4, 8], "z_halvings": 1},
}
CARD = ModelCard(name="t", architecture="cascade", spacing=SPACING, config=SMALL)
PLAIN = FitSettings(
    patch=(4, 32, 32),
    batch=2,
    steps=30,
    learning_rate=0.01,
    averaging=0.8,
    loss="bce",
    geometry=NO_GEOMETRY,
    appearance=NO_APPEARANCE,
    validate_every=1000,
)
DETECTING = for_detector(PLAIN).model_copy(
    update={
        "steps": 120,
        "patch": (1, 64, 64),
        "batch": 4,
        "learning_rate": 0.01,
        "averaging": 0.9,
        "geometry": NO_GEOMETRY,
    }
)
UNTILED = InferenceSettings(device="cpu", automatic_tiles=False, tile=1024, overlap=0)


def grey_and_labels() -> tuple[np.ndarray, np.ndarray]:
    """Dark discs on bright noise."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:64, :64]
    labels = np.zeros((4, 64, 64), np.int32)
    for number, (cy, cx) in enumerate([(14, 14), (40, 22), (22, 46), (50, 50)], 1):
        labels[:, np.hypot(y - cy, x - cx) < 8] = number
    return rng.normal(150, 15, labels.shape) - 60 * (labels > 0), labels


@pytest.fixture(scope="module")
def stack() -> TrainingStack:
    return prepare_stack(*grey_and_labels(), SPACING, SPACING)


@pytest.fixture(scope="module")
def empty_stack(stack: TrainingStack) -> TrainingStack:
    return TrainingStack(stack.image, torch.zeros_like(stack.labels), name="empty")


def test_a_detector_learns_the_boxes_of_a_tiny_stack(
    stack: TrainingStack, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    detector = Detector.from_config(SMALL["detector"])
    assert measure_box_precision(detector, [stack]) < 0.1
    job = train_detector(detector, [stack], DETECTING, card=CARD, folder=tmp_path)
    result = drain(job)
    assert isinstance(result.network, Detector)
    assert measure_box_precision(result.network, [stack]) > 0.9
    assert load_model(tmp_path).card.architecture == "detector"


@pytest.mark.parametrize(
    "strategy", ["multi-slice-fusion", "median-filter", "multi-cue"]
)
def test_a_cascade_is_trained_saved_and_segments(
    strategy: str, stack: TrainingStack, tmp_path: Path
) -> None:
    few = DETECTING.model_copy(update={"steps": 60})
    settings = CascadeSettings(limit="steps", detector=few, segmentation=PLAIN)
    card = CARD.model_copy(update={"config": SMALL | {"strategy": strategy}})
    job = train_cascade(
        [stack], settings, card=card, folder=tmp_path, validation=[stack]
    )
    reports = []
    result = drain(job, reports.append)
    fractions = [report.fraction for report in reports]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert any(r.message.startswith("Detector: AP-50") for r in reports)
    n_stages = 3 if strategy == "multi-cue" else 2
    assert reports[-1].message.startswith(f"Stage {n_stages} of {n_stages}")
    assert result.scores[0] > 0.6
    model = load_model(tmp_path)
    assert isinstance(model.network, Cascade)
    assert model.network.config.strategy == strategy
    detector = load_model(tmp_path / "detector").network
    for one, other in zip(
        detector.parameters(), model.network.detector.parameters(), strict=True
    ):
        assert torch.equal(one, other)
    grey, labels = grey_and_labels()
    found = drain(predict_maps(Volume(grey, SPACING), model, UNTILED)).semantic > 127
    iou = (found & (labels > 0)).sum() / (found | (labels > 0)).sum()
    assert iou == pytest.approx(result.scores[0], abs=0.02)


def test_fit_cascade_takes_the_arguments_of_fit(
    stack: TrainingStack, tmp_path: Path
) -> None:
    network = architectures["cascade"].from_config(SMALL)
    settings = PLAIN.model_copy(update={"steps": 2})
    job = fit_cascade(network, [stack], settings, card=CARD, folder=tmp_path)
    assert drain(job).steps == 2
    assert isinstance(load_model(tmp_path).network, Cascade)


@pytest.mark.parametrize(
    ("name", "config", "patch"),
    [
        ("cascade", SMALL, (4, 32, 32)),
        ("detector", SMALL["detector"], (1, 64, 64)),
        ("resunet2d", {"widths": [4, 6]}, (1, 32, 32)),
        ("resunet3d", SMALL["segmentation"], (4, 32, 32)),
    ],
)
def test_labelled_volumes_train_each_network_of_the_cascade(
    name: str, config: dict[str, object], patch: tuple[int, int, int], tmp_path: Path
) -> None:
    grey, labels = grey_and_labels()
    pair = LabelledVolume(Volume(grey, SPACING), Volume(labels, SPACING))
    settings = DenseSettings(
        architecture=name, config=config, steps=2, batch=2, patch=patch, device="cpu"
    )
    result = drain(train_dense([pair], settings, folder=tmp_path / "model"))
    model = load_model(tmp_path / "model")
    assert model.card.architecture == name
    assert model.card.scores
    assert result.steps == 2
    loss = trainer_for(name).adapt(FitSettings()).loss
    assert loss == ("detection" if name == "detector" else "bce")


def test_only_a_cascade_is_fitted_as_one(stack: TrainingStack, tmp_path: Path) -> None:
    detector = Detector.from_config(SMALL["detector"])
    with pytest.raises(InvalidParameterError, match="Detector is no cascade"):
        drain(fit_cascade(detector, [stack], PLAIN, card=CARD, folder=tmp_path))


def test_stopping_at_once_leaves_a_model(stack: TrainingStack, tmp_path: Path) -> None:
    settings = CascadeSettings(segmentation=PLAIN, detector=DETECTING)
    job = train_cascade(
        [stack], settings, card=CARD, folder=tmp_path, stop=lambda: True
    )
    assert drain(job).steps == 1
    assert isinstance(load_model(tmp_path).network, Cascade)


def test_time_is_shared_out() -> None:
    settings = CascadeSettings(minutes=10, detector_share=0.2)
    minutes = {
        strategy: [s.minutes for s in settings.stages(strategy).values()]
        for strategy in ("multi-slice-fusion", "multi-cue")
    }
    assert minutes["multi-slice-fusion"] == pytest.approx([2, 8])
    assert minutes["multi-cue"] == pytest.approx([2, 4, 4])


def test_steps_stay_as_they_are() -> None:
    settings = CascadeSettings(limit="steps", segmentation=PLAIN, detector=DETECTING)
    stages = settings.stages("multi-slice-fusion").values()
    assert [(s.limit, s.steps) for s in stages] == [("steps", 120), ("steps", 30)]


def test_light_augmentations_are_the_turns_of_the_paper() -> None:
    """Others are what was asked for."""
    light, other = (
        for_segmentation(PLAIN.model_copy(update={"augmentations": chain}))
        for chain in (LIGHT, CHALLENGE)
    )
    assert (light.augmentations, light.geometry) == (None, NO_GEOMETRY)
    assert other.augmentations == CHALLENGE


def test_labels_without_mitochondria_are_refused(
    empty_stack: TrainingStack, tmp_path: Path
) -> None:
    settings = CascadeSettings(segmentation=PLAIN, detector=DETECTING)
    with pytest.raises(AnnotationError, match="empty hold no mitochondrion"):
        drain(train_cascade([empty_stack], settings, card=CARD, folder=tmp_path))
    detector = Detector.from_config(SMALL["detector"])
    with pytest.raises(AnnotationError, match="no box to learn"):
        drain(
            train_detector(
                detector, [empty_stack], DETECTING, card=CARD, folder=tmp_path
            )
        )
    assert not any(tmp_path.iterdir())


def test_a_stack_in_tiles_is_the_stack_at_once() -> None:
    torch.manual_seed(0)
    config = {"widths": [3, 4], "z_halvings": 0}
    network = architectures["resunet3d"].from_config(config).eval()
    image = torch.randn(3, 20, 340, generator=torch.Generator().manual_seed(1))
    told = predict_in_tiles(network, image)
    with torch.inference_mode():
        whole = network(image[None, None])[0, 0].sigmoid().mul(255).numpy()
    assert told.shape == image.shape
    assert told == pytest.approx(whole, abs=0.6)
