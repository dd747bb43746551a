"""What every augmentation must hold to, whichever is registered."""

import json

import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from napari_mitoseg.training.augmentations import (
    CHALLENGE,
    AugmentationChain,
    augmentations,
)
from napari_mitoseg.training.augmentations.base import crop

COUNT, SIZE = 6, 24
LAYOUTS = {"2.5D": (3, 1), "2.5D, wide": (5, 1), "one slice": (1, 1), "3D": (4, 4)}
CHALLENGE_NAMES = {
    "rotation", "rescale", "flip", "elastic", "grayscale", "missing-parts",
    "missing-section", "misalignment", "motion-blur", "cut-blur", "cut-noise",
}  # fmt: skip


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tissue(side: int, n_sections: int, n_labels: int) -> tuple[Tensor, Tensor]:
    """Return smooth noise of another kind in each section; labels where it is high."""
    coarse = torch.randn(
        (COUNT, n_sections, side // 6, side // 6), generator=generator(7)
    )
    image = interpolate(coarse, (side, side), mode="bicubic")
    labels = 3 * (image > 0).float()
    middle = n_sections // 2
    return image, labels if n_labels > 1 else labels[:, middle : middle + 1].clone()


def always(name: str, probability: float = 1.0):
    return augmentations[name](probability=probability)


@pytest.fixture(params=LAYOUTS)
def layout(request) -> tuple[int, int]:
    """Number of sections of the image, and of the labels."""
    return LAYOUTS[request.param]


def labelled_sections(image: Tensor, labels: Tensor) -> Tensor:
    """Return the sections of an image that have labels."""
    middle = image.shape[1] // 2
    same = labels.shape[1] == image.shape[1]
    return image if same else image[:, middle : middle + 1]


@pytest.mark.parametrize("name", augmentations)
def test_patches_have_the_size_asked_for_and_the_types_given(name, layout):
    step = always(name)
    image, labels = tissue(step.window(SIZE), *layout)
    changed, moved = step(image, labels, SIZE, generator())
    assert changed.shape == (COUNT, layout[0], SIZE, SIZE)
    assert moved.shape == (COUNT, layout[1], SIZE, SIZE)
    assert changed.dtype == moved.dtype == torch.float32
    assert changed.isfinite().all()


@pytest.mark.parametrize("name", augmentations)
def test_windows_are_left_as_they_are(name, layout):
    step = always(name)
    image, labels = tissue(step.window(SIZE), *layout)
    kept = image.clone(), labels.clone()
    step(image, labels, SIZE, generator())
    assert torch.equal(image, kept[0])
    assert torch.equal(labels, kept[1])


@pytest.mark.parametrize("name", augmentations)
def test_the_seed_decides_everything(name, layout):
    step = always(name)
    windows = tissue(step.window(SIZE), *layout)
    first, again, other = (step(*windows, SIZE, generator(s)) for s in (3, 3, 4))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    needs_neighbours = name in {"misalignment", "missing-section"}
    assert needs_neighbours or not torch.equal(first[0], other[0])


@pytest.mark.parametrize("name", augmentations)
def test_probability_0_changes_nothing(name, layout):
    step = always(name, 0.0)
    image, labels = tissue(step.window(SIZE), *layout)
    changed, moved = step(image, labels, SIZE, generator())
    assert torch.equal(changed, crop(image, SIZE))
    assert torch.equal(moved, crop(labels, SIZE))


@pytest.mark.parametrize("name", augmentations)
def test_probability_1_changes_something(name):
    step = always(name)
    image, labels = tissue(step.window(SIZE), 5, 5)
    changed, _ = step(image, labels, SIZE, generator())
    assert not torch.equal(changed, crop(image, SIZE))


@pytest.mark.parametrize("name", augmentations)
def test_labels_move_with_the_image_or_stay(name, layout):
    """A label is known only where the image shows what it says."""
    step = always(name)
    image, labels = tissue(step.window(SIZE), *layout)
    changed, moved = step(image, labels, SIZE, generator())
    if step.acts_on == "greys":
        assert torch.equal(moved, labels)
    elif step.acts_on == "places":
        shown = labelled_sections(changed, moved) > 0
        known = moved >= 0
        assert known.float().mean() > 0.4
        assert ((moved > 0) == shown)[known].float().mean() > 0.95


@pytest.mark.parametrize("name", augmentations)
def test_nothing_is_made_up_where_the_window_ends(name, layout):
    """As above, but from windows without a margin."""
    step = always(name)
    image, labels = tissue(SIZE, *layout)
    changed, moved = step(image, labels, SIZE, generator())
    if step.acts_on == "places":
        known = moved >= 0
        shown = labelled_sections(changed, moved) > 0
        assert ((moved > 0) == shown)[known].float().mean() > 0.93


@pytest.mark.parametrize("name", augmentations)
def test_unlabelled_stays_unlabelled(name, layout):
    step = always(name)
    image, labels = tissue(step.window(SIZE), *layout)
    labels[labels == 0] = -1
    _, moved = step(image, torch.full_like(labels, -1), SIZE, generator())
    assert (moved == -1).all()
    _, moved = step(image, labels, SIZE, generator())
    allowed = {-1.0, 3.0} | ({0.0} if step.acts_on == "both" else set())
    assert set(moved.unique().tolist()) <= allowed


@pytest.mark.parametrize("name", augmentations)
def test_it_is_made_as_often_as_asked_for(name):
    step = always(name, 0.5)
    image, labels = (d.repeat(20, 1, 1, 1) for d in tissue(step.window(8), 3, 3))
    changed, moved = step(image, labels, 8, generator())
    differs = (changed != crop(image, 8)) | (moved != crop(labels, 8))
    share = differs.flatten(1).any(dim=1).float().mean().item()
    assert 0.3 < share < 0.65


@pytest.mark.parametrize("name", augmentations)
def test_json_round_trip_and_fields_that_explain_themselves(name):
    step = augmentations[name]()
    written = json.loads(step.model_dump_json())
    assert written["step"] == name == step.name
    assert type(step).parse(written) == step
    assert step.title
    for field in type(step).model_fields.values():
        assert field.description
        assert not field.is_required()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA here")
@pytest.mark.parametrize("name", augmentations)
def test_it_stays_on_its_device(name, layout):
    step = always(name)
    windows = [data.cuda() for data in tissue(step.window(SIZE), *layout)]
    chance = torch.Generator("cuda").manual_seed(0)
    assert all(data.is_cuda for data in step(*windows, SIZE, chance))


def test_the_challenge_has_its_eleven():
    assert {step.name for step in CHALLENGE.steps} == CHALLENGE_NAMES
    assert set(augmentations) >= CHALLENGE_NAMES


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_challenge_can_be_made_in_every_layout(name):
    n_sections, n_labels = LAYOUTS[name]
    windows = tissue(CHALLENGE.window(SIZE), n_sections, n_labels)
    first, again = (CHALLENGE(*windows, SIZE, generator(1)) for _ in range(2))
    assert first[0].shape == (COUNT, n_sections, SIZE, SIZE)
    assert first[1].shape == (COUNT, n_labels, SIZE, SIZE)
    assert torch.equal(first[0], again[0])
    assert set(first[1].unique().tolist()) <= {-1.0, 0.0, 3.0}


def test_a_chain_is_json():
    chain = AugmentationChain([{"step": "rotation", "largest": 10}, {"step": "flip"}])
    written = json.loads(chain.model_dump_json())
    assert [step["step"] for step in written] == ["rotation", "flip"]
    assert AugmentationChain.parse(written) == chain
