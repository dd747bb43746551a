"""Exports of one model are the same file."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import onnx
import pytest

from napari_mitoseg.exchange.export import export_model
from napari_mitoseg.exchange.same_bytes import pack
from napari_mitoseg.jobs import drain

EXPORTS = {
    "own.zip": {"kind": "mitoseg"},
    "package.zip": {"kind": "bioimageio", "weights": ("torchscript", "onnx")},
    "graph.pt": {"kind": "torchscript"},
}
PROGRAM = f"""
import sys
from pathlib import Path
from napari_mitoseg.exchange.export import export_model
from napari_mitoseg.jobs import drain
for name, options in reversed({EXPORTS!r}.items()):
    drain(export_model(sys.argv[1], Path(sys.argv[2], name), **options))
"""


def content(folder: Path) -> dict[str, bytes]:
    """What has been written, with the members of archives."""
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    for name in ("own.zip", "package.zip"):
        with zipfile.ZipFile(io.BytesIO(found[name])) as packed:
            found |= {f"{name}/{one}": packed.read(one) for one in packed.namelist()}
    return found


@pytest.mark.parametrize(
    "name", ["fast", pytest.param("resunet3d", marks=pytest.mark.slow)]
)
def test_another_process_writes_the_same(
    name: str, tmp_path: Path, write_model: Any
) -> None:
    """Later, with other exports before it, and sets in another order."""
    folder = write_model(name)
    for out in ("here", "there"):
        (tmp_path / out).mkdir()
    for each, options in EXPORTS.items():
        drain(export_model(str(folder), tmp_path / "here" / each, **options))
    command = [sys.executable, "-c", PROGRAM, folder, tmp_path / "there"]
    subprocess.run(command, check=True, timeout=110)
    here, there = content(tmp_path / "here"), content(tmp_path / "there")
    assert not [name for name in here | there if here.get(name) != there.get(name)]


def test_nobody_learns_where_it_was_written(tmp_path: Path, write_model: Any) -> None:
    import napari_mitoseg

    folder, here = write_model("fast"), str(Path(napari_mitoseg.__file__).parent)
    drain(export_model(str(folder), tmp_path / "g.onnx", "onnx"))
    written = onnx.load(tmp_path / "g.onnx")
    assert here not in str(written)
    drain(export_model(str(folder), tmp_path / "h.pt", "torchscript"))
    with zipfile.ZipFile(tmp_path / "h.pt") as packed:
        assert not any(here.encode() in packed.read(n) for n in packed.namelist())


def test_an_archive_does_not_tell_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    before = pack({"a": b"1"})
    monkeypatch.setattr("time.localtime", lambda _=None: (2031, 1, 1, 0, 0, 0))
    assert pack({"a": b"1"}) == before
