"""Running a recipe: from a volume to labels."""

import numpy as np
import pytest

from napari_mitoseg.errors import MitoSegError, WeightsError
from napari_mitoseg.jobs import Progress, drain
from napari_mitoseg.models.zoo import TrainedModel
from napari_mitoseg.pipeline import run_recipe
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
