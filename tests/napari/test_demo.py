"""The demo, and what it says where there is no napari."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image as Picture

from napari_mitoseg import samples
from napari_mitoseg._napari import sample_data
from napari_mitoseg._napari.demo import run_demo
from napari_mitoseg.errors import MitoSegError
from napari_mitoseg.samples import synthetic_em

from .conftest import FakeJobs, needs_screen


def test_without_napari_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "napari", None)
    with pytest.raises(MitoSegError, match=r"pip install \"napari-mitoseg\[all\]\""):
        run_demo()


def test_without_a_screen_it_draws_the_middle_slice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    image, truth = synthetic_em((4, 64, 96), (40.0, 16.0, 16.0))
    monkeypatch.setattr(samples, "synthetic_em", lambda: (image, truth))
    with pytest.raises(MitoSegError, match="--headless --out"):
        run_demo()
    run_demo(headless=True, out=tmp_path)
    written = {path.name for path in tmp_path.iterdir()}
    assert {"instances.tif", "recipe.json", "screenshot.png"} <= written
    with Picture.open(tmp_path / "screenshot.png") as picture:
        assert picture.size == (96, 64)


@needs_screen
def test_headless_writes_results_and_a_picture(
    monkeypatch: pytest.MonkeyPatch, jobs: FakeJobs, tmp_path: Path
) -> None:
    image, truth = synthetic_em((4, 64, 64), (40.0, 16.0, 16.0))
    small = replace(image, name="small"), truth
    monkeypatch.setattr(sample_data, "synthetic_em", lambda: small)
    run_demo(headless=True, out=tmp_path)
    written = {path.name for path in tmp_path.iterdir()}
    assert {"instances.tif", "recipe.json", "screenshot.png"} <= written
    with Picture.open(tmp_path / "screenshot.png") as picture:
        assert picture.width > 1000
