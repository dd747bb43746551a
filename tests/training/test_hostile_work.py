"""What an interrupted training left, damaged."""

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_mitoseg.errors import WeightsError
from napari_mitoseg.training.checkpoint import (
    CHECKPOINT_FILE,
    load_states,
    read_checkpoint,
    write_checkpoint,
)
from napari_mitoseg.training.work_folder import WORK, WorkFolder

CPU = torch.device("cpu")
Change = Callable[[str, bytes], bytes]


def rewrite(folder: Path, change: Change) -> None:
    """Change the members of a checkpoint, which is an archive."""
    path, out = folder / CHECKPOINT_FILE, io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    path.write_bytes(out.getvalue())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_checkpoint(tmp_path, {"network": {"w": torch.arange(3.0)}, "step": 7})
    return tmp_path


@pytest.mark.parametrize(
    ("member", "content"),
    [
        ("byteorder", b"litvle"),
        ("byteorder", b"\xff"),
        (".storage_alignment", b""),
        ("version", b"\xff\xff"),
        ("data.pkl", b"\x80\x02c\xff\n."),
        ("data.pkl", b"\x80\x02e."),
        ("data.pkl", b""),
    ],
)
def test_a_damaged_checkpoint_is_named(
    folder: Path, member: str, content: bytes
) -> None:
    def change(name: str, old: bytes) -> bytes:
        return content if name.endswith(f"/{member}") else old

    rewrite(folder, change)
    with pytest.raises(WeightsError, match="Delete it to train from the start"):
        read_checkpoint(folder, CPU)


class Evil:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


def test_a_checkpoint_runs_nothing(folder: Path, tmp_path: Path) -> None:
    evil = pickle.dumps(Evil(tmp_path / "evil"), protocol=2)
    rewrite(folder, lambda name, old: evil if name.endswith("data.pkl") else old)
    with pytest.raises(WeightsError, match="damaged"):
        read_checkpoint(folder, CPU)
    assert not (tmp_path / "evil").exists()


def test_a_state_without_its_parts(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, {"step": 7})
    state = read_checkpoint(tmp_path, CPU)
    assert state == {"step": 7}
    with pytest.raises(WeightsError, match="of another network"):
        load_states(state, tmp_path, network=torch.nn.Linear(3, 1))
    write_checkpoint(tmp_path, [1])  # type: ignore[arg-type]
    with pytest.raises(WeightsError, match="holds no state"):
        read_checkpoint(tmp_path, CPU)


@pytest.mark.parametrize("text", ["[1]", "[" * 10**5, "{", "\x00"])
def test_a_damaged_state_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / WORK).mkdir()
    (tmp_path / WORK / "state.json").write_text(text)
    with pytest.raises(WeightsError, match=r"state\.json is damaged"):
        WorkFolder(tmp_path).open({"a": 1}, resume=True)


def test_an_array_that_claims_more_than_it_holds(tmp_path: Path) -> None:
    work = WorkFolder(tmp_path)
    work.open({"a": 1}, resume=False)
    work.write_array("maps", np.arange(6, dtype="u1").reshape(2, 3))
    np.testing.assert_array_equal(work.read_array("maps"), [[0, 1, 2], [3, 4, 5]])
    path = tmp_path / WORK / "maps.npy"
    content = path.read_bytes()
    head = io.BytesIO()
    told = {"descr": "|u1", "fortran_order": False, "shape": (10**6, 10**6)}
    np.lib.format.write_array_header_1_0(head, told)
    claim = head.getvalue()
    for bad in (
        claim + b"some",
        content.replace(b"(2, 3)", b"(2, 3 "),
        content.replace(b"(2, 3)", b"(9**9)"),
        content.replace(b"'|u1'", b"'|O' "),
        content[:30],
        b"",
    ):
        path.write_bytes(bad)
        with pytest.raises(WeightsError, match=r"maps\.npy is damaged"):
            work.read_array("maps")
