"""Running a recipe: from a volume to labels."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_mitoseg.errors import MitoSegError, WeightsError
from napari_mitoseg.jobs import Progress, drain
from napari_mitoseg.models.zoo import TrainedModel
from napari_mitoseg.outputs import output_names, write_result
from napari_mitoseg.pipeline import run_recipe, segment_again
from napari_mitoseg.postprocessing import ChainCache
from napari_mitoseg.recipe import Recipe
from napari_mitoseg.samples import SyntheticSettings, synthetic_em
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


def test_doubt_beyond_the_usual_is_a_note(
    stack: Volume, tiny_model: TrainedModel
) -> None:
    points = ((0.5, 0.2), (0.9, 0.95))
    sure = tiny_model.card.model_copy(update={"doubt": 0.01, "calibration": points})
    unusual = drain(run_recipe(stack, Recipe(), model=replace(tiny_model, card=sure)))
    assert "unlike" in unusual.notes[-1] or "next to nothing" in unusual.notes[-1]
    assert unusual.calibration == points
    assert drain(run_recipe(stack, Recipe(), model=tiny_model)).notes == ()


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


def test_a_step_that_looks_at_the_image_gets_what_the_network_saw(
    stack: Volume, tiny_model: TrainedModel
) -> None:
    steps = [{"step": "invert"}, {"step": "gaussian"}]
    chain = [{"step": name} for name in ("dense-crf", "threshold")]
    chain += [{"step": "connected-components"}]
    recipe = Recipe.parse({"preprocessing": steps, "postprocessing": chain})
    region = Region((1, 8, 16), (3, 40, 60))
    result = drain(run_recipe(stack, recipe, region=region, model=tiny_model))
    seen = recipe.preprocessing(stack).read(region)
    assert result.basis is not None
    np.testing.assert_array_equal(result.basis.image.read(), seen)
    by_hand = recipe.postprocessing.run(result.maps, image=Volume(seen))
    labels = result.segmentation.labels
    np.testing.assert_array_equal(drain(by_hand).labels, labels)
    cache = ChainCache()
    for _ in range(2):
        again = segment_again(result.basis, recipe.postprocessing, cache)
        np.testing.assert_array_equal(drain(again).labels, labels)


@pytest.fixture(scope="module")
def jumping() -> Volume:
    """A section of tissue three times over, the outer ones shifted by 6 pixels."""
    settings = SyntheticSettings(style="sstem")
    wide = synthetic_em((1, 200, 212), (40.0, 16.0, 16.0), 6, settings)[0].read()[0]
    image = np.stack([wide[:, x : x + 200] for x in (0, 6, 12)])
    return Volume(image, (40.0, 16.0, 16.0))


def test_labels_of_registered_sections_lie_on_the_sections(
    jumping: Volume, tiny_model: TrainedModel
) -> None:
    recipe = Recipe.parse({"preprocessing": [{"step": "register"}]})
    reports: list[Progress] = []
    job = run_recipe(jumping, recipe, model=tiny_model)
    result = drain(job, reports.append)
    fractions = [report.fraction for report in reports]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    table = result.tables["registration"]
    np.testing.assert_allclose(table["median_nm"], [96, 0, 96], atol=5)
    assert "nm in the median" in result.notes[0]
    assert result.basis is not None
    # What the first section shows, the registered one has 6 pixels further left.
    registered, found = result.basis.maps.semantic, result.maps.semantic
    rows, columns = slice(20, -20), np.arange(30, 170)
    for z, shift in enumerate((-6, 0, 6)):
        expected = registered[z][rows, columns + shift]
        assert np.mean(found[z][rows, columns] == expected) > 0.95
        assert np.ptp(expected) > 10
    numbers = np.unique(result.segmentation.labels)
    assert numbers.tolist() == list(range(numbers.size))
    again = segment_again(result.basis, recipe.postprocessing, ChainCache())
    np.testing.assert_array_equal(drain(again).labels, result.segmentation.labels)


def test_what_preprocessing_measured_is_written_beside_the_result(
    jumping: Volume, tiny_model: TrainedModel, tmp_path: Path
) -> None:
    recipe = Recipe.parse({"preprocessing": [{"step": "register"}]})
    result = drain(run_recipe(jumping, recipe, model=tiny_model))
    drain(write_result(result, tmp_path, "tiff"))
    rows = (tmp_path / "registration.csv").read_text("utf-8").splitlines()
    assert rows[0] == "slice,median_nm,largest_nm,n_matches"
    assert len(rows) == 4
    assert {path.name for path in tmp_path.iterdir()} == {
        *output_names("tiff"),
        "registration.csv",
    }
