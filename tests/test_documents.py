"""Texts and JSON that may come from anywhere."""

import os
from pathlib import Path

import pytest

from napari_mitoseg.documents import parse_json, read_json, read_text
from napari_mitoseg.errors import MitoSegError, ReadError
from napari_mitoseg.params import shown
from napari_mitoseg.proofreading.review import ReviewQueue
from napari_mitoseg.recipe import Recipe


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_json_is_read_with_or_without_a_mark(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(mark + '{"é": [1, null]}', encoding="utf-8")
    assert read_json(path) == {"é": [1, None]}


@pytest.mark.parametrize("start", ["[", '{"a":'])
@pytest.mark.parametrize("depth", [5_000, 100_000])
def test_deep_nesting_is_an_error_like_any_other(start: str, depth: int) -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json(start * depth)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[" * 100_000, "nested too deeply"),
        (b"{", "no JSON"),
        (b"9" * 10_000, "no JSON"),
        (b"\xff\xfe{\0", "no text"),
        (b" " * 101 + b"1", "longer than 100 bytes"),
    ],
)
def test_what_is_no_json_is_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(ReadError, match=message):
        read_json(path, 100 if "longer" in message else 10**6)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(ReadError, match="cannot be read"):
            read_text(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ReadError, match="it is no file"):
        read_text(tmp_path / "pipe")


@pytest.mark.parametrize("load", [Recipe.load, ReviewQueue.load])
@pytest.mark.parametrize(
    "text", ["[" * 10**5, '{"items":' * 10**5, '{"version": 1e999}', "", "null", "[1]"]
)
def test_recipes_and_reviews_refuse_in_a_few_words(
    tmp_path: Path, load: object, text: str
) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(MitoSegError) as caught:
        load(path)  # type: ignore[operator]
    assert len(str(caught.value)) < 1000


def test_a_recipe_with_endless_names_is_refused_in_a_few_words(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for text in (
        '{"postprocessing": [{"step": "' + "a" * 10**6 + '"}]}',
        '{"' + "b" * 10**6 + '": 1}',
        '{"model": ' + "[" * 500 + "]" * 500 + "}",
        '{"preprocessing": [' + "9," * 10**5 + "9]}",
    ):
        path.write_text(text)
        with pytest.raises(MitoSegError) as caught:
            Recipe.load(path)
        assert len(str(caught.value)) < 2000


def test_what_is_shown_is_short() -> None:
    nested: list[object] = []
    for _ in range(10**5):
        nested = [nested]
    for value in (nested, "a" * 10**6, list(range(10**5)), {"b" * 10**5: 1}, 10**3000):
        assert len(shown(value)) < 400
    assert shown("abc") == "'abc'"
    while nested:  # or Python's own clean-up would recurse
        (nested,) = nested  # type: ignore[assignment]
