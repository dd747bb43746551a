"""Recipes: JSON round trip, defaults, and what is refused."""

import json
from pathlib import Path

import pytest

from napari_mitoseg.errors import InvalidParameterError, ReadError, UnknownNameError
from napari_mitoseg.recipe import Recipe

CHAIN = [{"step": "threshold", "value": 0.25}, {"step": "connected-components"}]


def saved(folder: Path, content: object) -> Path:
    path = folder / "recipe.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_recipe_survives_its_file(tmp_path: Path) -> None:
    recipe = Recipe.parse(
        {
            "preprocessing": [{"step": "clahe"}],
            "model": "mine",
            "inference": {"augmentation": 4},
            "postprocessing": CHAIN,
        }
    )
    path = tmp_path / "recipe.json"
    path.write_text(recipe.as_json(), encoding="utf-8")
    assert Recipe.load(path) == recipe
    assert json.loads(recipe.as_json())["postprocessing"][0] == CHAIN[0]


def test_what_a_file_leaves_out_has_its_default(tmp_path: Path) -> None:
    recipe = Recipe.load(saved(tmp_path, {"model": "mine"}))
    assert recipe == Recipe(model="mine")


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        ({"modell": "fast"}, InvalidParameterError, "modell"),
        ({"inference": {"augmentation": 3}}, InvalidParameterError, "augmentation"),
        ({"inference": {"device": "tpu"}}, InvalidParameterError, "device"),
        ({"postprocessing": [{"step": "tresh"}]}, UnknownNameError, "threshold"),
        ({"preprocessing": [{"step": "threshold"}]}, UnknownNameError, "clahe"),
        (
            {"postprocessing": [{"step": "threshold", "value": 1.5}]},
            InvalidParameterError,
            r"1\.5",
        ),
        (
            {"postprocessing": [{"step": "seeded-watershed"}]},
            InvalidParameterError,
            "seeded-watershed",
        ),
        ([1, 2], InvalidParameterError, "no JSON object"),
        ({"version": 2}, InvalidParameterError, "version"),
    ],
)
def test_bad_recipes_are_refused(
    tmp_path: Path, content: object, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        Recipe.load(saved(tmp_path, content))


def test_a_missing_recipe_is_said(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="No such file"):
        Recipe.load(tmp_path / "none.json")


def test_a_broken_recipe_is_said(tmp_path: Path) -> None:
    path = tmp_path / "recipe.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ReadError, match="no JSON"):
        Recipe.load(path)


def test_overrides_replace_only_what_is_given() -> None:
    recipe = Recipe(weights_sha256="abc")
    assert recipe.with_overrides(None, None, None) == recipe
    other = recipe.with_overrides("mine", "cpu", 8)
    assert (other.model, other.weights_sha256) == ("mine", "")
    assert (other.inference.device, other.inference.augmentation) == ("cpu", 8)
    assert other.postprocessing == recipe.postprocessing
