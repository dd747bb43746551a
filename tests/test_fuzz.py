"""A few hundred damaged inputs; ``python benchmarks/fuzz`` runs any number."""

import importlib
import shutil
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

FUZZ = Path(__file__).parents[1] / "benchmarks" / "fuzz"
MODULES = (
    "binary",
    "broken_runs",
    "corpus",
    "json_values",
    "mutate",
    "targets",
    "worker",
)
CASES = 300


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module that opens damaged inputs, in this process."""
    monkeypatch.syspath_prepend(str(FUZZ))
    with warnings.catch_warnings():
        yield importlib.import_module("worker")
    for name in MODULES:
        sys.modules.pop(name, None)


def build(folder: Path) -> None:
    """Write the corpus, in a process of its own."""
    command = [sys.executable, FUZZ, "--build", folder]
    subprocess.run(command, check=True, timeout=110)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpus."""
    folder = tmp_path_factory.mktemp("fuzz") / "corpus"
    build(folder)
    return folder


def test_damaged_inputs_are_read_or_refused_politely(
    worker: ModuleType, made: Path, tmp_path: Path
) -> None:
    corpus = worker.prepare(made, tmp_path / "case")
    chosen = list(range(len(corpus)))
    outcomes: Counter[str] = Counter()
    targets = set()
    for number in range(CASES):
        case = worker.make_case(number, corpus, chosen)
        found = worker.run_case(case, tmp_path / "case")
        assert found["outcome"] != "failed", found
        outcomes[found["outcome"]] += 1
        targets.add(found["target"])
    # Damage that nobody notices, and damage that nobody survives, would test nothing.
    assert min(outcomes["ok"], outcomes["refused"]) > CASES // 10
    assert targets == set(worker.TARGETS)


@pytest.mark.slow
def test_a_case_is_always_the_same(
    worker: ModuleType, made: Path, tmp_path: Path
) -> None:
    """In every process: a case that failed there can be looked at here."""
    build(tmp_path / "other")
    first, second = map(worker.read_corpus, (made, tmp_path / "other"))
    # Told in a word: the differences of packages would take minutes to print.
    is_same = first == second
    assert is_same
    chosen = list(range(len(first)))
    for number in range(20):
        one, other = (worker.make_case(number, c, chosen) for c in (first, second))
        assert one == other


BROKEN = """
import os

seen = []

def broken(path):
    seen.append(path)
    if len(seen) == 2:  # the first one sees that the corpus is whole
        raise KeyError(path)
    if len(seen) == 3:
        bytearray(2**29 + 2**27)
    if len(seen) == 4:
        os._exit(9)

TARGETS["recipe"] = broken
"""


@pytest.mark.slow
def test_it_finds_what_it_looks_for(tmp_path: Path) -> None:
    """A reader that raises, takes memory or dies is found, and its input kept."""
    copy, kept = tmp_path / "fuzz", tmp_path / "kept"
    shutil.copytree(FUZZ, copy)
    with (copy / "targets.py").open("a", encoding="utf-8") as file:
        file.write(BROKEN)
    done = subprocess.run(
        [sys.executable, copy, "recipe", "--cases=3", f"--failures={kept}"],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "KeyError" in done.stdout
    assert "took 640 MiB" in done.stdout
    assert "died with 9" in done.stdout
    assert sorted(path.name for path in kept.iterdir()) == ["0", "1", "2"]
    assert (kept / "0" / "recipe.json").is_file()
