"""Writers as jobs: what they have read is told, and closing the job stops them."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_mitoseg.errors import WriteError
from napari_mitoseg.exporting import export_labels, save_labels
from napari_mitoseg.io import read_labels, watched
from napari_mitoseg.io.label_files import label_formats
from napari_mitoseg.jobs import Progress, drain
from napari_mitoseg.volume import Volume

SPACING = (40.0, 8.0, 8.0)


class Gated:
    """Labels that are read slice by slice, when they may be."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        rng = np.random.default_rng(0)
        self.labels = rng.integers(0, 9, shape).repeat(4, axis=1).astype(np.uint16)
        self.shape, self.dtype = self.labels.shape, self.labels.dtype
        self.may_read = threading.Semaphore(0)
        self.n_read = 0

    def __getitem__(self, key: Any) -> Any:
        assert self.may_read.acquire(timeout=10)
        self.n_read += 1
        return self.labels[key]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched, "EVERY_S", 0.005)


def reports(job: Any, done: int) -> Progress:
    """Return the first report of so much work."""
    return next(one for one in job if one.done == done)


def test_slices_are_counted_as_they_are_read(tmp_path: Path) -> None:
    gated = Gated((5, 8, 32))
    job = save_labels(Volume(gated, SPACING), tmp_path / "a.tif")
    assert next(job) == Progress(0, 10, "Writing a.tif")
    for n in (1, 2, 3):
        gated.may_read.release()
        assert reports(job, n).total == 10
    gated.may_read.release(100)
    drain(job)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif").read(), gated.labels)


def test_a_job_that_is_closed_leaves_nothing(tmp_path: Path) -> None:
    gated = Gated((50, 8, 32))
    job = export_labels(Volume(gated, SPACING), tmp_path / "a.nrrd")
    gated.may_read.release(60)
    reports(job, 60)
    gated.may_read.release(1)
    job.close()
    assert gated.n_read <= 61
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("name", label_formats)
def test_all_slices_count_twice_whatever_the_format(name: str, tmp_path: Path) -> None:
    labels = np.ones((40, 20, 20), np.uint8)
    counted = watched._Counted(labels)
    out = tmp_path / f"a{label_formats[name].extensions[0]}"
    label_formats[name].write(out, counted, SPACING, "a")
    assert counted.n_read == 80


def test_what_the_writer_raises_is_raised(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    out = tmp_path / "file" / "a.tif"
    with pytest.raises(WriteError):
        drain(save_labels(Volume(np.ones((2, 3, 4), np.uint8)), out))
