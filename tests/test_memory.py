"""How much memory is free, for this process."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from napari_mitoseg import memory


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine with 900 bytes, no group and no limit."""
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    monkeypatch.setattr(memory, "OWN_GROUP", tmp_path / "own")
    (tmp_path / "own").write_text("0::/batch/job_7\n")
    monkeypatch.setattr(memory, "_free_addresses", lambda: None)
    free = psutil.virtual_memory()._replace(available=900)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)


def group(folder: Path, limit: str, used: int, kept: int) -> None:
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 7\ninactive_file {kept}\nslab 9\n")


def test_without_limits_it_is_what_the_machine_has() -> None:
    assert memory.free_memory() == 900


@pytest.mark.parametrize(
    ("limit", "used", "kept", "free"),
    [("500", 300, 0, 200), ("500", 300, 50, 250), ("max", 300, 0, 900),
     ("5000", 300, 0, 900), ("500", 600, 0, 0)],
)  # fmt: skip
def test_a_container_may_have_less(
    tmp_path: Path, limit: str, used: int, kept: int, free: int
) -> None:
    group(tmp_path, limit, used, kept)
    assert memory.free_memory() == free


def test_the_tightest_of_nested_groups_counts(tmp_path: Path) -> None:
    inner = tmp_path / "batch" / "job_7"
    inner.mkdir(parents=True)
    group(inner.parent, "700", 0, 0)
    assert memory.free_memory() == 700
    group(inner, "400", 100, 0)
    assert memory.free_memory() == 300
    (tmp_path / "own").write_text("0::/../other\n")
    assert memory.free_memory() == 900
    (tmp_path / "own").unlink()
    assert memory.free_memory() == 900


def test_groups_of_version_1_count(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("8:cpu,cpuacct:/a\n4:memory:/slurm/job_7\n0::/\n")
    inner = tmp_path / "memory" / "slurm" / "job_7"
    inner.mkdir(parents=True)
    (inner.parent / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    (inner.parent / "memory.usage_in_bytes").write_text("100\n")
    (inner.parent / "memory.stat").write_text("total_inactive_file 0\n")
    assert memory.free_memory() == 900
    (inner / "memory.limit_in_bytes").write_text("500\n")
    (inner / "memory.usage_in_bytes").write_text("300\n")
    (inner / "memory.stat").write_text("inactive_file 9\ntotal_inactive_file 50\n")
    assert memory.free_memory() == 250


def test_ulimit_counts() -> None:
    pytest.importorskip("resource")
    program = (
        "import resource; from napari_mitoseg.memory import free_memory\n"
        "import psutil; size = psutil.Process().memory_info().vms\n"
        "resource.setrlimit(resource.RLIMIT_AS, (size + 2**24, -1))\n"
        "print(free_memory())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert 0 < int(done.stdout) <= 2**24
