"""A run over blocks of a part of an image: as in memory, and placed in the image."""

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_mitoseg.distributed import blocks, run
from napari_mitoseg.distributed.blocks import PROGRAM_BYTES, plan_cutting
from napari_mitoseg.distributed.run import Means, segment_blocks
from napari_mitoseg.distributed.run_folder import read_identity
from napari_mitoseg.distributed.sources import FileSource, GivenSource
from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.io.ome_zarr import labels_path, open_levels
from napari_mitoseg.jobs import drain
from napari_mitoseg.outputs import ZARR, write_result
from napari_mitoseg.pipeline import run_recipe
from napari_mitoseg.recipe import Recipe
from napari_mitoseg.volume import Region, Volume

SHAPE, SPACING = (8, 128, 128), (40.0, 12.0, 12.0)
PART = Region((2, 30, 17), (7, 101, 128))
MEANS = Means(10**9)

# Small tiles, another spacing than the model's, a step in front of the network that
# looks at whole slices, and one behind it that looks at the image.
THOROUGH = {
    "inference": {"automatic_tiles": False, "tile": 64, "overlap": 8},
    "preprocessing": [{"step": "clahe"}],
    "postprocessing": [
        {"step": "dense-crf", "iterations": 2},
        {"step": "threshold"},
        {"step": "connected-components"},
    ],
}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut even a small region into several blocks."""

    def cutting(shape, _memory):
        return plan_cutting(shape, PROGRAM_BYTES + 40 * 4 * 64 * 64)

    monkeypatch.setattr(blocks, "CHUNK", (4, 64, 64))
    monkeypatch.setattr(run, "plan_cutting", cutting)


@pytest.fixture
def image(tiny_em: tuple[Volume, Volume]) -> Volume:
    return tiny_em[0].with_spacing(SPACING)


@pytest.fixture
def source(image: Volume, tmp_path: Path) -> FileSource:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, image.read())
    return FileSource(path, SPACING)


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def assert_as_in_memory(image: Volume, recipe: Recipe, region: Region) -> int:
    """Compare all files, byte for byte; count the objects."""
    with tempfile.TemporaryDirectory() as folder:
        out, expected = Path(folder, "blocks"), Path(folder, "memory")
        done = segment_blocks(GivenSource(image), recipe, out, MEANS, region)
        n_objects = drain(done).n_objects
        result = drain(run_recipe(image, recipe, region=region))
        assert result.segmentation.labels.shape == region.shape
        drain(write_result(result, expected, "zarr"))
        assert content(out) == content(expected)
    return n_objects


@pytest.mark.parametrize("settings_", [{}, THOROUGH])
def test_files_are_those_of_a_run_in_memory(image, settings_) -> None:
    assert assert_as_in_memory(image, Recipe.parse(settings_), PART) > 1


@st.composite
def regions(draw: st.DrawFn) -> Region:
    ends = [
        sorted(draw(st.lists(st.integers(0, n), min_size=2, max_size=2, unique=True)))
        for n in SHAPE
    ]
    (z0, z1), (y0, y1), (x0, x1) = ends
    return Region((z0, y0, x0), (z1, y1, x1))


@given(region=regions())
@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_any_region(image, model_folder, region) -> None:
    recipe = Recipe(model=str(model_folder), inference={"resample": False})
    assert_as_in_memory(image, recipe, region)


def test_the_result_says_where_it_lies(source, tmp_path) -> None:
    out = tmp_path / "out"
    drain(segment_blocks(source, Recipe(), out, MEANS, PART))
    levels = open_levels(labels_path(out / ZARR))
    assert levels.origin == PART.start
    assert levels.arrays[0].shape == PART.shape
    attributes = json.loads(
        (out / ZARR / "labels" / "instances" / ".zattrs").read_text()
    )
    (first, *_) = attributes["multiscales"][0]["datasets"]
    assert first["coordinateTransformations"] == [
        {"type": "scale", "scale": [40.0, 12.0, 12.0]},
        {"type": "translation", "translation": [80.0, 360.0, 204.0]},
    ]


def test_another_region_is_not_gone_on_with(source, tmp_path) -> None:
    job = segment_blocks(source, Recipe(), tmp_path, MEANS, PART)
    for _ in range(6):
        next(job)
    job.close()
    assert read_identity(tmp_path)["input"]["region"] == "2:7,30:101,17:128"
    then_now = r'region \(then "2:7,30:101,17:128", now "0:8,0:128,0:128"\)'
    with pytest.raises(InvalidParameterError, match=then_now):
        drain(segment_blocks(source, Recipe(), tmp_path, MEANS))
    drain(segment_blocks(source, Recipe(), tmp_path, MEANS, PART))
    assert open_levels(labels_path(tmp_path / ZARR)).origin == PART.start


def test_all_of_the_image_is_no_other_region(source, tmp_path) -> None:
    job = segment_blocks(source, Recipe(), tmp_path, MEANS)
    for _ in range(6):
        next(job)
    job.close()
    beyond = Region((-1, 0, 0), (9, 500, 500))
    drain(segment_blocks(source, Recipe(), tmp_path, MEANS, beyond))
    assert (tmp_path / ZARR).is_dir()


def test_a_region_outside(source, tmp_path) -> None:
    outside = Region((8, 0, 0), (9, 8, 8))
    with pytest.raises(InvalidParameterError, match="holds no voxel"):
        drain(segment_blocks(source, Recipe(), tmp_path, MEANS, outside))
    assert not list(tmp_path.glob("*.zarr"))


def test_slices_are_read_whole(tmp_path) -> None:
    """However small the region, the network takes slices as they are."""
    grey = np.random.default_rng(0).integers(0, 256, (2, 500, 500)).astype(np.uint8)
    source = GivenSource(Volume(grey, SPACING))
    region = Region((0, 0, 0), (1, 64, 64))
    little = Means(PROGRAM_BYTES + 40 * 200 * 200)
    with pytest.raises(InvalidParameterError, match="slices of 500 × 500"):
        drain(segment_blocks(source, Recipe(), tmp_path / "out", little, region))
    assert not (tmp_path / "out").exists()
