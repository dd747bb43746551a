"""Running a recipe: from a volume to labels."""

from pathlib import Path

import numpy as np
import pytest

from napari_mitoseg.errors import InvalidParameterError, MitoSegError, WeightsError
from napari_mitoseg.jobs import Progress, drain
from napari_mitoseg.models.zoo import TrainedModel
from napari_mitoseg.pipeline import restore_stack, run_recipe, with_networks
from napari_mitoseg.preprocessing import Pipeline, Restore
from napari_mitoseg.recipe import Recipe
from napari_mitoseg.volume import Region, Volume


def test_a_recipe_gives_maps_labels_and_the_complete_recipe(
    stack: Volume, tiny_model: TrainedModel
) -> None:
    reports: list[Progress] = []
    result = drain(run_recipe(stack, Recipe(), model=tiny_model), reports.append)
    assert result.maps.shape == stack.shape
    assert result.segmentation.labels.shape == stack.shape
    assert result.segmentation.semantic.max() <= 1
    assert result.recipe.weights_sha256 == tiny_model.card.sha256
    assert result.recipe.software.startswith("napari-mitoseg ")
    fractions = [report.fraction for report in reports]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1


def test_a_replayed_recipe_gives_the_same_labels(
    stack: Volume, tiny_model: TrainedModel
) -> None:
    first = drain(run_recipe(stack, Recipe(), model=tiny_model))
    again = drain(run_recipe(stack, first.recipe, model=tiny_model))
    assert np.array_equal(first.segmentation.labels, again.segmentation.labels)
    assert again.recipe == first.recipe


def test_other_weights_than_the_recipe_was_made_with_are_refused(
    stack: Volume, tiny_model: TrainedModel
) -> None:
    recipe = Recipe(weights_sha256="0" * 64)
    with pytest.raises(WeightsError, match="other weights"):
        drain(run_recipe(stack, recipe, model=tiny_model))


def test_a_region_has_its_own_shape(stack: Volume, tiny_model: TrainedModel) -> None:
    region = Region((1, 8, 16), (3, 40, 60))
    result = drain(run_recipe(stack, Recipe(), region=region, model=tiny_model))
    assert result.segmentation.labels.shape == (2, 32, 44)


def test_no_image_is_refused_before_the_network_runs(
    tiny_model: TrainedModel,
) -> None:
    flat = Volume(np.zeros((2, 32, 32), np.uint8), (40.0, 8.0, 8.0))
    with pytest.raises(MitoSegError, match="no contrast"):
        drain(run_recipe(flat, Recipe(), model=tiny_model))


def test_preprocessing_reaches_the_network(
    stack: Volume, tiny_model: TrainedModel
) -> None:
    plain = drain(run_recipe(stack, Recipe(), model=tiny_model))
    inverted = Recipe.parse({"preprocessing": [{"step": "invert"}]})
    other = drain(run_recipe(stack, inverted, model=tiny_model))
    assert not np.array_equal(plain.maps.semantic, other.maps.semantic)


@pytest.fixture
def interpolation_network(tmp_path: Path) -> Path:
    """Folder of a fresh interpolation network."""
    import torch

    from napari_mitoseg.models.interpolation import InterpolationNetwork
    from napari_mitoseg.models.interpolation_file import (
        InterpolationCard,
        save_interpolation,
    )

    torch.manual_seed(0)
    network = InterpolationNetwork.from_config({"reach": 1, "widths": [3]})
    save_interpolation(network, InterpolationCard(data="stack"), tmp_path / "network")
    return tmp_path / "network"


def test_a_recipe_restores_before_the_network_runs(
    stack: Volume, tiny_model: TrainedModel, interpolation_network: Path
) -> None:
    spoilt = stack.read().copy()
    spoilt[3] = 0
    volume = Volume(spoilt, stack.spacing)
    step = {"step": "restore", "model": str(interpolation_network), "slices": [3]}
    recipe = Recipe.parse({"preprocessing": [step, {"step": "invert"}]})
    restored = drain(run_recipe(volume, recipe, model=tiny_model))
    only_inverted = Recipe.parse({"preprocessing": [{"step": "invert"}]})
    plain = drain(run_recipe(volume, only_inverted, model=tiny_model))
    differs = (restored.maps.semantic != plain.maps.semantic).any(axis=(1, 2))
    assert differs[3]
    assert restored.recipe.preprocessing == recipe.preprocessing


def test_every_step_of_the_preprocessing_runs_in_order(
    stack: Volume, interpolation_network: Path
) -> None:
    step = Restore(model=str(interpolation_network), slices=(3,))
    steps = Pipeline.parse([step.model_dump(), {"step": "invert"}])
    assert with_networks(steps, "cpu") == with_networks(steps, "cpu") != steps
    found = with_networks(steps, "cpu")(stack).read()
    # Restoring gives floating-point numbers, of which the inverse is the negative.
    np.testing.assert_array_equal(found[2], -stack.read()[2].astype(np.float32))
    assert abs(found[3].mean() - found[2].mean()) < 20


def test_a_missing_interpolation_network_is_said(
    stack: Volume, tiny_model: TrainedModel, tmp_path: Path
) -> None:
    step = {"step": "restore", "model": str(tmp_path / "none"), "slices": [3]}
    recipe = Recipe.parse({"preprocessing": [step]})
    with pytest.raises(WeightsError, match="Train an interpolation network"):
        drain(run_recipe(stack, recipe, model=tiny_model))


def test_a_restored_stack_keeps_its_type_and_all_that_is_not_marked(
    stack: Volume, interpolation_network: Path
) -> None:
    step = Restore(
        model=str(interpolation_network), slices=(3,), boxes=((5, 10, 20, 30, 50),)
    )
    before = stack.read()
    volume = drain(restore_stack(stack, step, "cpu"))
    after = volume.read()
    assert (after.dtype, volume.spacing) == (before.dtype, stack.spacing)
    changed = after != before
    assert changed[3].mean() > 0.5
    assert changed[5, 10:30, 20:50].mean() > 0.5
    changed[3] = False
    changed[5, 10:30, 20:50] = False
    assert not changed.any()


def test_restoring_nothing_is_refused(stack: Volume) -> None:
    with pytest.raises(InvalidParameterError, match="No slice and no region"):
        drain(restore_stack(stack, Restore(model="any")))
