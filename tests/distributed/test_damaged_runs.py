"""What is left of a run may be damaged: it is refused in one line, or mended."""

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_mitoseg.distributed.blocks import Cutting, Grid
from napari_mitoseg.distributed.run import Means, segment_maps
from napari_mitoseg.distributed.run_folder import PARTIAL
from napari_mitoseg.distributed.status import (
    STATUS,
    Status,
    read_status,
    write_status,
)
from napari_mitoseg.distributed.views import create_array
from napari_mitoseg.errors import InvalidParameterError, ReadError
from napari_mitoseg.jobs import Job, drain
from napari_mitoseg.postprocessing import Chain
from napari_mitoseg.volume import Region

SHAPE = (4, 40, 72)
SPACING = (40.0, 16.0, 16.0)
CHAIN = Chain(
    [
        {"step": "threshold"},
        {"step": "seed-map"},
        {"step": "connected-components"},
        {"step": "seeded-watershed"},
    ]
)
STEPS = ("01-threshold", "02-connected-components", "03-seeded-watershed")


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut even a small volume; one part is larger than what is read at once."""

    def plan(shape, _memory):
        return Cutting(
            (2, 24, 40), Grid(shape, (4, 24, 40)), Grid(shape, (2, 40, 72)), 1000
        )

    monkeypatch.setattr("napari_mitoseg.distributed.run.plan_cutting", plan)


@pytest.fixture
def segment(tmp_path: Path) -> Callable[..., Job[Any]]:
    """Segment maps with a large part of two seeds, a small one, and a single seed."""
    semantic = np.zeros(SHAPE, np.uint8)
    semantic[:, 2:20, 2:60] = semantic[1:3, 30:36, 4:20] = 180
    semantic[1:3, 30:36, 50:56] = 250
    semantic[:, 8:12, [5, 6, 50, 51]] = semantic[1:3, 32:34, [6, 17]] = 250
    maps = {"semantic": create_array(tmp_path / "semantic", SHAPE, "uint8", SHAPE)}
    maps["semantic"].write(Region.whole(SHAPE), semantic)

    def job(memory: int | None = 10**9, *, restart: bool = False) -> Job[Any]:
        means = Means(memory, restart=restart)
        return segment_maps(maps, SHAPE, SPACING, CHAIN, tmp_path / "out", means)

    return job


@pytest.fixture
def left(segment: Callable[..., Job[Any]], tmp_path: Path) -> Path:
    """What is left of a run that was killed as it wrote its result."""
    job = segment()
    for progress in job:
        if progress.message == "Writing the result":
            break
    job.close()
    return tmp_path / "out" / PARTIAL


def content(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def forget(left: Path, stage: str) -> None:
    """Let a stage be worked on again, and so what it reads be read."""
    shutil.rmtree(left / "records" / stage)


def change_record(path: Path, **changed: object) -> None:
    """Put other arrays into a record, or bytes in their place."""
    with np.load(path) as record:
        arrays = dict(record)
    with zipfile.ZipFile(path, "w") as packed:
        for name, values in {**arrays, **changed}.items():
            buffer = io.BytesIO()
            np.save(buffer, np.asarray(values))
            raw = values if isinstance(values, bytes) else buffer.getvalue()
            packed.writestr(f"{name}.npy", raw)


def test_it_is_gone_on_with_as_it_is(segment, left, tmp_path) -> None:
    """Else the tests below would test nothing."""
    assert drain(segment()).n_objects == 5
    expected = content(tmp_path / "out")
    drain(segment(restart=True))
    assert content(tmp_path / "out") == expected


def test_descriptions_of_arrays_are_not_believed(segment, left, tmp_path) -> None:
    described = sorted((left / "arrays" / "02-connected-components").rglob(".z*"))
    described += sorted((left / "result.ome.zarr").rglob(".z*"))
    for path in described:
        path.write_text('{"shape": [1e12], "compressor": {"id": "pickle"}}')
    drain(segment())
    damaged = content(tmp_path / "out")
    drain(segment(restart=True))
    assert content(tmp_path / "out") == damaged


@pytest.mark.parametrize("stage", STEPS[:2])
def test_a_damaged_chunk(segment, left, stage) -> None:
    forget(left, STEPS[2])
    for path in (left / "arrays" / stage).rglob("0"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ReadError, match=r"is damaged .* Begin it anew with --restart"):
        drain(segment())
    drain(segment(restart=True))


HUGE = b"\x93NUMPY\x01\0\x46\0" + (
    b"{'descr': '<i8', 'fortran_order': False, 'shape': (1000000000000,), }".ljust(70)
)


@pytest.mark.parametrize(
    "changed",
    [
        {"first": HUGE},
        {"first": np.zeros((3, 3))},
        {"stop": np.full((4, 3), 10**12)},
        {"start": np.full((4, 3), -1)},
        {"pairs": np.array([[1], [10**9]])},
        {"pairs": np.array([[10**9], [1]])},
        {"high-0-1-0": np.array(["text"])},
    ],
)
def test_a_damaged_record(segment, left, changed) -> None:
    """Of a step that decides on the whole volume by the records of its blocks."""
    (path,) = (left / "records" / STEPS[2] / "parts").glob("0.npz")
    change_record(path, **changed)
    with pytest.raises(ReadError, match=r"is damaged|holds no numbers"):
        drain(segment())
    drain(segment(restart=True))


def test_a_label_beyond_all_that_there_are(segment, left) -> None:
    (path,) = (left / "records" / STEPS[2] / "labels").glob("0.npz")
    change_record(path, label=np.array([2**40]), n_voxels=np.array([1]))
    with pytest.raises(ReadError, match=r"holds the label 1099511627776, and there"):
        drain(segment())


def test_labels_on_disk_beyond_those_counted(segment, left) -> None:
    shutil.rmtree(left / "records" / "write-0", ignore_errors=True)
    array = create_array(
        left / "arrays" / STEPS[2] / "labels", SHAPE, "uint32", (2, 24, 40)
    )
    array.write(Region.whole(SHAPE), np.full(SHAPE, 2**32 - 1, np.uint32))
    with pytest.raises(ReadError, match="labels that there are not"):
        drain(segment())


def test_seeds_that_have_gone_are_not_waited_for(segment, left) -> None:
    """A part that no seed grows into would be flooded again and again."""
    for stage in ("giants-0", "labels"):
        forget(left, f"{STEPS[2]}/{stage}")
    for path in (left / "arrays" / STEPS[1]).iterdir():
        if path.is_dir():
            shutil.rmtree(path)
    with pytest.raises(ReadError, match="large parts without seeds"):
        drain(segment())


def test_no_record_at_all(segment, left) -> None:
    (left / "records" / STEPS[0] / "0.npz").rename(
        left / "records" / STEPS[0] / "x.npz"
    )
    with pytest.raises(ReadError, match="is damaged"):
        drain(segment())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "\0",
        '{"a":' + 900 * "[" + 900 * "]" + "}",
        '{"memory": 1e9, "a": 99999999999999999999999999999999}',
    ],
)
def test_a_damaged_identity(segment, left, text) -> None:
    (left / "run.json").write_text(text)
    with pytest.raises((ReadError, InvalidParameterError), match="--restart"):
        drain(segment())
    drain(segment(restart=True))


@pytest.mark.parametrize("memory", ["much", None, -1, 1.5, 2**70, [1]])
def test_a_memory_that_is_no_number(segment, left, memory) -> None:
    known = json.loads((left / "run.json").read_text())
    (left / "run.json").write_text(json.dumps({**known, "memory": memory}))
    with pytest.raises(ReadError, match="memory is no number"):
        drain(segment(memory=None))


def test_differences_are_told_in_few_words(segment, left) -> None:
    known = json.loads((left / "run.json").read_text())
    known |= {f"{n}" * 70_000: n for n in range(10)}
    (left / "run.json").write_text(json.dumps(known))
    with pytest.raises(InvalidParameterError, match="differs in") as caught:
        drain(segment())
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize("text", ['{"n_objects": "x"}', "{}", '{"n_objects": -1}'])
def test_a_damaged_note_of_completion(segment, left, text) -> None:
    (left / "complete.json").write_text(text)
    with pytest.raises(ReadError, match=r"is damaged"):
        drain(segment())


def test_a_result_that_has_gone_is_not_complete(segment, left) -> None:
    (left / "complete.json").write_text('{"n_objects": 3}')
    shutil.rmtree(left / "result.ome.zarr")
    with pytest.raises(ReadError, match="has gone"):
        drain(segment())


@pytest.mark.parametrize(
    "changed",
    [
        {"pid": "1"},
        {"pid": -1},
        {"pid": 2**70},
        {"started": None},
        {"started": 10**400},
        {"fraction": float("nan")},
        {"message": [1]},
        {"state": "done"},
    ],
)
def test_a_damaged_status_says_nothing(tmp_path, changed) -> None:
    write_status(tmp_path, Status("running", 0.5, "Predicting", 2**22 + 1, 1e9))
    assert read_status(tmp_path).state == "lost"
    known = json.loads((tmp_path / STATUS).read_text())
    (tmp_path / STATUS).write_text(json.dumps({**known, **changed}))
    assert read_status(tmp_path) is None
