"""A run over blocks: its files, going on after a kill, and what stops it."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_mitoseg.distributed.blocks import PROGRAM_BYTES, plan_cutting
from napari_mitoseg.distributed.run import Means, segment_blocks, segment_maps
from napari_mitoseg.distributed.run_folder import LOCK, PARTIAL
from napari_mitoseg.distributed.sources import FileSource, PreparedSource
from napari_mitoseg.distributed.views import create_array
from napari_mitoseg.errors import InvalidParameterError, ReadError, WriteError
from napari_mitoseg.io.ome_zarr import write_result_zarr
from napari_mitoseg.jobs import drain
from napari_mitoseg.models.zoo import save_model
from napari_mitoseg.outputs import write_result
from napari_mitoseg.pipeline import run_recipe
from napari_mitoseg.postprocessing import DEFAULT_CHAIN
from napari_mitoseg.preprocessing import Pipeline
from napari_mitoseg.recipe import Recipe

GIGABYTE = 10**9
SPACING = (40.0, 16.0, 16.0)


@pytest.fixture
def source(tiny_em, tmp_path: Path) -> FileSource:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, tiny_em[0].read())
    return FileSource(path, SPACING)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut even a small stack into several blocks."""

    def cutting(shape, _memory):
        return plan_cutting(shape, PROGRAM_BYTES + 40 * 4 * 64 * 64)

    monkeypatch.setattr("napari_mitoseg.distributed.blocks.CHUNK", (4, 64, 64))
    monkeypatch.setattr("napari_mitoseg.distributed.run.plan_cutting", cutting)


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def segment(source: FileSource, folder: Path, **means: object) -> None:
    drain(segment_blocks(source, Recipe(), folder, Means(GIGABYTE, **means)))


def test_files_are_those_of_a_run_in_memory(source, small_blocks, tmp_path) -> None:
    segment(source, tmp_path / "blocks")
    result = drain(run_recipe(source.open(), Recipe()))
    drain(write_result(result, tmp_path / "memory", "zarr"))
    assert result.segmentation.labels.max() > 1
    assert content(tmp_path / "blocks") == content(tmp_path / "memory")
    table = (tmp_path / "blocks" / "measurements.csv").read_text(encoding="utf-8")
    assert table.splitlines()[0].endswith("mean_probability,confidence")


def test_doubt_beyond_the_usual_is_said_and_said_again(
    source, small_blocks, tiny_model, tmp_path
) -> None:
    card = tiny_model.card.model_copy(update={"doubt": 0.01})
    save_model(tiny_model.network, card, tmp_path / "sure")
    recipe = Recipe(model=str(tmp_path / "sure"))
    result = drain(run_recipe(source.open(), recipe))
    run = partial(segment_blocks, source, recipe, tmp_path / "out", Means(GIGABYTE))
    first, again = drain(run()), drain(run())
    assert len(result.warnings) == 1
    assert first.warnings == again.warnings == result.warnings
    drain(write_result(result, tmp_path / "memory", "zarr"))
    tables = [tmp_path / name / "measurements.csv" for name in ("out", "memory")]
    text, same = (table.read_text(encoding="utf-8") for table in tables)
    assert text == same
    assert "mean_probability" in text
    assert "confidence" not in text


def test_pyramids_are_those_of_a_volume_in_memory(tmp_path, in_blocks) -> None:
    from napari_mitoseg.distributed.engine import SerialEngine, Site
    from napari_mitoseg.distributed.run_folder import RunFolder
    from napari_mitoseg.distributed.state import BlockLabels, BlockState
    from napari_mitoseg.distributed.views import create_array
    from napari_mitoseg.distributed.writing import write_blocks
    from napari_mitoseg.volume import Region

    shape, spacing = (40, 70, 1300), (5.0, 5.0, 5.0)
    labels = np.random.default_rng(0).integers(0, 9, shape).astype(np.uint32)
    view = create_array(tmp_path / "labels", shape, "uint32", shape)
    view.write(Region.whole(shape), labels)
    counts = np.bincount(labels.ravel())
    state = BlockState(
        view, None, spacing, semantic=view, labels=BlockLabels(view, counts)
    )
    cutting = plan_cutting(shape, PROGRAM_BYTES + 40 * 32 * 256 * 256)
    site = Site(RunFolder(tmp_path / "run"), SerialEngine(), cutting)
    (tmp_path / "run").mkdir()
    drain(write_blocks(site, state, None, None))
    arrays = {
        "semantic": labels.astype(np.uint8),
        "boundary": np.zeros(shape, np.uint8),
        "instances": labels,
    }
    write_result_zarr(tmp_path / "memory.ome.zarr", None, arrays, spacing)
    written = content(tmp_path / "run" / "result.ome.zarr")
    assert written == content(tmp_path / "memory.ome.zarr")
    assert any("instances/2/" in name for name in written)


def test_a_closed_run_goes_on(source, small_blocks, tmp_path) -> None:
    segment(source, tmp_path / "whole")
    expected = content(tmp_path / "whole")
    for n_reports in (3, 12, 30):
        job = segment_blocks(source, Recipe(), tmp_path / "out", Means(GIGABYTE))
        for _ in range(n_reports):
            next(job)
        job.close()
        assert not list((tmp_path / "out").glob("[!.]*"))
    messages = []
    job = segment_blocks(source, Recipe(), tmp_path / "out", Means(GIGABYTE))
    drain(job, lambda progress: messages.append(progress.message))
    assert content(tmp_path / "out") == expected
    assert messages.count("Predicting") == 1


class Backwards:
    """An engine that takes blocks in the opposite order."""

    memory = 10 * GIGABYTE

    def map(self, task, blocks):
        for block in reversed(blocks):
            yield block, task(block)


def test_order_and_workers_do_not_matter(source, small_blocks, tmp_path) -> None:
    segment(source, tmp_path / "whole")
    recipe, out = Recipe(), tmp_path / "out"
    job = segment_blocks(source, recipe, out, Means(engine=Backwards()))
    for _ in range(20):
        next(job)
    job.close()
    drain(segment_blocks(source, recipe, out))
    assert content(out) == content(tmp_path / "whole")


def test_another_run_is_not_gone_on_with(source, tmp_path) -> None:
    job = segment_blocks(source, Recipe(), tmp_path, Means(GIGABYTE))
    for _ in range(4):
        next(job)
    job.close()
    other = Recipe.parse({"inference": {"augmentation": 4}})
    with pytest.raises(InvalidParameterError, match=r"augmentation \(then 1, now 4\)"):
        drain(segment_blocks(source, other, tmp_path, Means(GIGABYTE)))
    assert (tmp_path / PARTIAL).is_dir()
    drain(segment_blocks(source, other, tmp_path, Means(GIGABYTE, restart=True)))
    saved = json.loads((tmp_path / "recipe.json").read_text())
    assert saved["inference"]["augmentation"] == 4
    assert not list(tmp_path.glob(".*"))


def test_the_second_of_two_runs_is_refused(source, tmp_path) -> None:
    job = segment_blocks(source, Recipe(), tmp_path, Means(GIGABYTE))
    for _ in range(3):
        next(job)
    with pytest.raises(WriteError, match="Another run"):
        segment(source, tmp_path)
    job.close()
    segment(source, tmp_path)


def test_a_full_disk_keeps_what_is_finished(
    source, small_blocks, tmp_path, monkeypatch
) -> None:
    segment(source, tmp_path / "whole")
    from napari_mitoseg.distributed import views

    write, n_left = views.Stored.write, 9

    def fail(self, region, values):
        nonlocal n_left
        n_left -= 1
        if n_left < 0:
            raise OSError(28, "No space left on device")
        write(self, region, values)

    monkeypatch.setattr(views.Stored, "write", fail)
    with pytest.raises(WriteError, match="finished is kept"):
        segment(source, tmp_path / "out")
    monkeypatch.setattr(views.Stored, "write", write)
    segment(source, tmp_path / "out")
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_a_vanished_image_is_no_black_one(tiny_em, tmp_path, small_blocks) -> None:
    path = tmp_path / "stack.ome.zarr"
    write_result_zarr(path, tiny_em[0], {}, SPACING)
    source = FileSource(path)
    segment(source, tmp_path / "whole")
    job = segment_blocks(source, Recipe(), tmp_path / "out", Means(GIGABYTE))
    for _ in range(3):
        next(job)
    path.rename(tmp_path / "elsewhere")
    with pytest.raises(ReadError, match=r"There is no .* finished is kept"):
        drain(job)
    assert not (tmp_path / "out" / LOCK).exists()
    (tmp_path / "elsewhere").rename(path)
    segment(source, tmp_path / "out")
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_a_copy_of_the_image_differs_in_its_date(tiny_em, tmp_path) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, tiny_em[0].read())
    os.utime(path, (1, 0.5))
    source, out = FileSource(path, SPACING), tmp_path / "out"
    job = segment_blocks(source, Recipe(), out, Means(GIGABYTE))
    for _ in range(4):
        next(job)
    job.close()
    os.utime(path, (1, 86400))
    with pytest.raises(InvalidParameterError, match=r"then \"1970-01-01 00:00:00.5"):
        segment(source, out)


def test_what_looks_at_the_whole_stack_is_refused(source) -> None:
    with pytest.raises(InvalidParameterError, match="Register sections"):
        PreparedSource(source, Pipeline([{"step": "register"}]))


def test_maps_alone_have_no_image_to_look_at(tmp_path) -> None:
    shape = (2, 20, 20)
    maps = {"semantic": create_array(tmp_path / "semantic", shape, "uint8", shape)}
    job = segment_maps(maps, shape, SPACING, DEFAULT_CHAIN, tmp_path / "out")
    with pytest.raises(InvalidParameterError, match="average-z looks at the image"):
        drain(job)
    assert not (tmp_path / "out").exists()


def test_too_little_memory(source, tmp_path) -> None:
    with pytest.raises(InvalidParameterError, match="too little"):
        drain(segment_blocks(source, Recipe(), tmp_path, Means(memory=1000)))
    assert not list(tmp_path.glob("*.zarr"))


def test_killed_while_files_get_their_names(source, tmp_path, monkeypatch) -> None:
    segment(source, tmp_path / "whole")
    out = tmp_path / "out"
    replace = Path.replace

    def stop(self, target):
        if Path(target) == out / "measurements.csv":
            raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        segment(source, out)
    monkeypatch.setattr(Path, "replace", replace)
    segment(source, out)
    assert content(out) == content(tmp_path / "whole")


PROGRAM = """
import sys
from pathlib import Path
from napari_mitoseg.distributed import blocks, run
from napari_mitoseg.distributed.sources import FileSource
from napari_mitoseg.jobs import drain
from napari_mitoseg.recipe import Recipe
plan, blocks.CHUNK = run.plan_cutting, (4, 64, 64)
run.plan_cutting = lambda shape, memory: plan(
    shape, blocks.PROGRAM_BYTES + 40 * 4 * 64 * 64
)
source = FileSource(Path(sys.argv[1]), (40.0, 16.0, 16.0))
print("ready", flush=True)
drain(run.segment_blocks(source, Recipe(), Path(sys.argv[2]), run.Means(10**9)))
"""


def started(source: FileSource, out: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", PROGRAM, str(source.path), str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    process.stdout.readline()
    return process


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
def test_killed_at_random(source, tmp_path) -> None:
    start = time.monotonic()
    with started(source, tmp_path / "whole") as process:
        assert process.wait() == 0
    took = time.monotonic() - start
    expected = content(tmp_path / "whole")
    moments = random.Random(0)
    for n in range(3):
        out = tmp_path / str(n)
        with started(source, out) as process:
            time.sleep(moments.uniform(0.2, took))
            process.send_signal(signal.SIGKILL)
        with started(source, out) as process:
            assert process.wait() == 0
        assert content(out) == expected


def test_what_has_done_nothing_leaves_nothing(tiny_em, tmp_path) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, tiny_em[0].read())
    without = FileSource(path)
    with pytest.raises(InvalidParameterError, match="spacing"):
        segment(without, tmp_path / "out")
    segment(FileSource(path, SPACING), tmp_path / "out")
    assert (tmp_path / "out" / "recipe.json").is_file()


def test_a_worker_with_other_weights_is_refused() -> None:
    from napari_mitoseg.distributed.predicting import _loaded
    from napari_mitoseg.errors import WeightsError

    with pytest.raises(WeightsError, match="other weights here"):
        _loaded("fast", "0" * 64)
