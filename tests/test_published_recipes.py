"""The recipes of published systems that the documentation offers."""

from pathlib import Path

import pytest

from napari_mitoseg.models.architectures import architectures
from napari_mitoseg.recipe import Recipe

FOLDER = Path(__file__).parent.parent / "docs" / "recipes"
RECIPES = sorted(FOLDER.glob("*.json"))


def test_there_are_recipes() -> None:
    there = {path.stem for path in RECIPES}
    assert there == {"cascade", "fusion-fcn", "patch-cnn", "resunet"}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_loads_and_names_its_network(path: Path) -> None:
    recipe = Recipe.load(path)
    assert recipe.model in architectures
    assert recipe.model_dump(mode="json")["version"] == 1


def test_the_patch_cnn_is_followed_by_what_its_authors_do() -> None:
    steps = Recipe.load(FOLDER / "patch-cnn.json").postprocessing.steps
    assert [step.name for step in steps] == [
        "threshold",
        "remove-small-2d",
        "refine-boundary",
        "median-z",
        "connected-components",
    ]


def test_the_cascade_is_applied_in_cubes_and_views() -> None:
    inference = Recipe.load(FOLDER / "cascade.json").inference
    assert (inference.tiling, inference.augmentation) == ("cubes", 4)


def test_instances_of_the_res_unets_are_the_components_of_the_seeds() -> None:
    steps = Recipe.load(FOLDER / "resunet.json").postprocessing.model_dump()
    assert [step["step"] for step in steps] == [
        "threshold",
        "seed-map",
        "connected-components",
    ]
    assert (steps[1]["semantic"], steps[1]["boundary"]) == (0.9, 0.8)


def test_the_fusion_fcn_stands_between_registration_and_crf() -> None:
    recipe = Recipe.load(FOLDER / "fusion-fcn.json")
    before = [step.name for step in recipe.preprocessing.steps]
    behind = [step.name for step in recipe.postprocessing.steps]
    assert before == ["register", "equalize"]
    assert behind == ["dense-crf", "threshold", "connected-components"]
