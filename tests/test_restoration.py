"""Networks in preprocessing: restored slices, in a recipe and on their own."""

from pathlib import Path

import numpy as np
import pytest

from napari_mitoseg.errors import InvalidParameterError, WeightsError
from napari_mitoseg.jobs import drain
from napari_mitoseg.models.zoo import TrainedModel
from napari_mitoseg.pipeline import run_recipe
from napari_mitoseg.preprocessing import Pipeline, Restore
from napari_mitoseg.recipe import Recipe
from napari_mitoseg.restoration import restore_stack, with_networks
from napari_mitoseg.volume import Volume


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
