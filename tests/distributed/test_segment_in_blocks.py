"""`segment` block by block from the command line, on one process and on several."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import tifffile

from napari_mitoseg import __version__, cli
from napari_mitoseg.cli.in_blocks import BlockOptions
from napari_mitoseg.distributed.cluster import _check_versions
from napari_mitoseg.errors import InvalidParameterError

SPACING = "40,16,16"


@pytest.fixture
def stack(tiny_em, tmp_path: Path) -> Path:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, tiny_em[0].read())
    return path


def content(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def segment(stack: Path, out: Path, *more: str) -> list[str]:
    options = ["--spacing", SPACING, "--format", "zarr", "--out", str(out)]
    return ["segment", str(stack), *options, *more]


def test_blocks_give_the_same_files(stack, tmp_path, capsys) -> None:
    cli.main(segment(stack, tmp_path / "memory", "--no-blocks"))
    cli.main(segment(stack, tmp_path / "blocks", "--blocks", "--memory", "1"))
    said = capsys.readouterr().out.splitlines()
    assert said[0].split(",")[0] == said[1].split(",")[0]
    assert content(tmp_path / "blocks") == content(tmp_path / "memory")


def test_blocks_are_no_tiffs(stack, tmp_path, capsys) -> None:
    with pytest.raises(SystemExit):
        cli.main(["segment", str(stack), "--out", str(tmp_path / "o"), "--blocks"])
    assert "--format zarr" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (BlockOptions(None, 1.0, 1, None, restart=False), True),
        (BlockOptions(None, 100.0, 1, None, restart=False), False),
        (BlockOptions(None, 100.0, 2, None, restart=False), True),
        (BlockOptions(None, 100.0, 1, "tcp://here:1", restart=False), True),
        (BlockOptions(None, 100.0, 1, None, restart=True), True),
        (BlockOptions(False, 1.0, 1, None, restart=False), False),
        (BlockOptions(True, 100.0, 1, None, restart=False), True),
    ],
)
def test_what_is_too_large_goes_block_by_block(tmp_path, options, expected) -> None:
    assert options.wanted((100, 1000, 1000), tmp_path, "zarr") is expected


def test_no_scheduler(stack, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr("napari_mitoseg.distributed.cluster.CONNECT_SECONDS", 0.5)
    with pytest.raises(SystemExit):
        cli.main(segment(stack, tmp_path / "out", "--scheduler", "tcp://127.0.0.1:1"))
    assert "no dask scheduler" in capsys.readouterr().err


def test_workers_with_another_version_are_refused() -> None:
    _check_versions({"tcp://a:1": __version__})
    with pytest.raises(InvalidParameterError, match="1 of 2 workers"):
        _check_versions({"tcp://a:1": __version__, "tcp://b:1": "0.0.1"})


WORKERS = """
import sys
from napari_mitoseg import cli
from napari_mitoseg.distributed import blocks, run
plan, blocks.CHUNK = run.plan_cutting, (4, 64, 64)
run.plan_cutting = lambda shape, memory: plan(
    shape, blocks.PROGRAM_BYTES + 40 * 4 * 64 * 64
)
if __name__ == "__main__":
    cli.main(sys.argv[1:])
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
def test_a_worker_is_killed(stack, tmp_path) -> None:
    program = tmp_path / "program.py"
    program.write_text(WORKERS)

    def run(name: str, *more: str) -> "subprocess.Popen[bytes]":
        tokens = segment(stack, tmp_path / name, "--blocks", "--memory", "9", *more)
        return subprocess.Popen([sys.executable, str(program), *tokens])

    with run("alone") as process:
        assert process.wait() == 0
    with run("workers", "--workers", "2") as process:
        records = tmp_path / "workers" / ".result.partial" / "records"
        while not list(records.glob("predict/*")) and process.poll() is None:
            time.sleep(0.02)
        workers = [
            child
            for child in psutil.Process(process.pid).children(recursive=True)
            if "spawn_main" in " ".join(child.cmdline())
        ]
        os.kill(workers[0].pid, signal.SIGKILL)
        assert process.wait() == 0
    assert content(tmp_path / "workers") == content(tmp_path / "alone")
