"""Open thousands of damaged files and see that each is read or refused politely.

    python benchmarks/fuzz --cases 10000 --jobs 2
    python benchmarks/fuzz --replay 4711

A case is a number: it decides which input of the corpus is damaged, and how.  It
passes if the input is read, or refused by a `MitoSegError`, within ten seconds and
twice the memory that a header is believed.  A process that dies or hangs is replaced.
Exits with 1 if a case failed; the inputs of those that did are kept in the folder
``fuzz-failures``.
"""

import argparse
import collections
import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

PATIENCE = 120.0
"""Seconds of processor time without an answer after which a process is taken to hang:
on a busy machine it is long in coming."""

ASLEEP = 1800.0
"""Seconds without an answer after which it is taken to sleep for ever."""

LOOK = 5.0
"""Seconds after which it is looked whether the process still works."""

KEPT = "MITOSEG_FUZZ_CORPUS"
"""Variable that names a folder where the corpus is kept for later runs."""

STEP = 500
"""Cases after which a line says how far it has come."""

Result = dict[str, Any]


class Runner:
    """A process that opens damaged inputs, replaced when it dies.

    Parameters
    ----------
    only : sequence of str
        Targets or names to restrict the corpus to; all of it if empty.
    corpus : Path
        The corpus, see `corpus.build`.
    """

    def __init__(self, only: list[str], corpus: Path) -> None:
        self._only, self._corpus = only, corpus
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def run(self, number: int) -> Result:
        """Run a case; a process that dies or hangs is a result, too."""
        if self._process is None:
            self._start()
        process = self._process
        if process is None or process.stdin is None:
            raise RuntimeError
        process.stdin.write(f"{number}\n")
        process.stdin.flush()
        answer = self._answer()
        if answer is not None:
            return answer
        is_hung = process.poll() is None
        time.sleep(0.1)
        self.stop()
        message = "no answer" if is_hung else f"died with {process.returncode}"
        return {"case": number, "name": "?", "outcome": "failed", "message": message}

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _start(self) -> None:
        command = [sys.executable, __file__, *self._only, "--serve", str(self._corpus)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._lines = queue.SimpleQueue()
        threading.Thread(
            target=_pump, args=(self._process, self._lines), daemon=True
        ).start()
        if self._answer() is None:
            self.stop()
            msg = "The process that opens files does not start."
            raise SystemExit(msg)

    def _answer(self) -> Result | None:
        """Wait for a line; None if the process has ended, or hangs."""
        began, worked = time.monotonic(), self._seconds()
        while True:
            try:
                line = self._lines.get(timeout=LOOK)
            except queue.Empty:
                is_asleep = time.monotonic() - began > ASLEEP
                if is_asleep or self._seconds() - worked > PATIENCE:
                    return None
                continue
            return json.loads(line) if line else None

    def _seconds(self) -> float:
        """Return the processor time that the process has taken."""
        if self._process is None:
            return 0.0
        with contextlib.suppress(psutil.Error):
            times = psutil.Process(self._process.pid).cpu_times()
            return float(times.user + times.system)
        return 0.0


def _pump(process: "subprocess.Popen[str]", lines: "queue.SimpleQueue[str]") -> None:
    """Hand on what a process writes; an empty line where it has ended."""
    for line in process.stdout or ():
        lines.put(line)
    process.wait()
    lines.put("")


def run(numbers: range, only: list[str], *, jobs: int, failures: Path) -> int:
    """Run cases, print what happened and return how many failed."""
    began = time.perf_counter()
    outcomes: collections.Counter[tuple[str, str]] = collections.Counter()
    worst: dict[str, tuple[float, int]] = {"seconds": (0, 0), "MiB": (0, 0)}
    failed = []
    for n, result in enumerate(_results(numbers, only, jobs), start=1):
        outcomes[result.get("target", "?"), result["outcome"]] += 1
        for key, most in worst.items():
            worst[key] = max(most, (result.get(key, 0), result["case"]))
        if result["outcome"] == "failed":
            failed.append(result)
            print(json.dumps(result), flush=True)
        if n % STEP == 0:
            print(f"{n} of {len(numbers)}", file=sys.stderr, flush=True)
    _report(outcomes, time.perf_counter() - began, worst)
    if (n_missing := len(numbers) - outcomes.total()) > 0:
        sys.exit(f"{n_missing} cases were not run: a process did not start.")
    if failed:
        keep([result["case"] for result in failed], only, failures)
        print(f"{len(failed)} failed; their inputs are in {failures}/")
    return len(failed)


def _results(numbers: range, only: list[str], jobs: int) -> Iterator[Result]:
    """Run cases in several processes; give their results as they come."""
    found: queue.SimpleQueue[Result | None] = queue.SimpleQueue()
    left, lock = iter(numbers), threading.Lock()

    def work(corpus: Path) -> None:
        runner = Runner(only, corpus)
        try:
            while True:
                with lock:
                    number = next(left, None)
                if number is None:
                    break
                found.put(runner.run(number))
        finally:
            runner.stop()
            found.put(None)

    with _built() as corpus:
        for _ in range(jobs):
            threading.Thread(target=work, args=(corpus,), daemon=True).start()
        n_ended = 0
        while n_ended < jobs:
            result = found.get()
            n_ended += result is None
            if result is not None:
                yield result


@contextlib.contextmanager
def _built() -> Iterator[Path]:
    """Write the corpus, once for all processes; or take one that is kept."""
    if KEPT in os.environ:
        corpus = Path(os.environ[KEPT])
        if not corpus.exists():
            _build(corpus)
        yield corpus
        return
    with tempfile.TemporaryDirectory(prefix="mitoseg-fuzz-") as room:
        corpus = Path(room) / "corpus"
        _build(corpus)
        yield corpus


def _build(corpus: Path) -> None:
    command = [sys.executable, __file__, "--build", str(corpus)]
    subprocess.run(command, check=True)


def _report(
    outcomes: collections.Counter[tuple[str, str]],
    seconds: float,
    worst: dict[str, tuple[float, int]],
) -> None:
    print(f"{'target':14s} {'ok':>6s} {'refused':>8s} {'failed':>7s}")
    for target in sorted({target for target, _ in outcomes}):
        ok, refused, bad = (outcomes[target, o] for o in ("ok", "refused", "failed"))
        print(f"{target:14s} {ok:6d} {refused:8d} {bad:7d}")
    n = sum(outcomes.values())
    (slowest, slow), (largest, large) = worst["seconds"], worst["MiB"]
    print(
        f"{n} cases in {seconds:.0f} s; the slowest (case {slow}) took {slowest:.1f} s "
        f"of processor time, the largest (case {large}) {largest} MiB"
    )


def keep(numbers: list[int], only: list[str], folder: Path) -> None:
    """Write the damaged inputs of cases into a folder."""
    command = [sys.executable, __file__, *only, "--write", str(folder)]
    command += [f"--replay={number}" for number in numbers]
    subprocess.run(command, check=True)


def replay(numbers: list[int], only: list[str]) -> int:
    """Run cases again and say all that is known; 1 if one failed."""
    with _built() as corpus:
        runner = Runner(only, corpus)
        results = [runner.run(number) for number in numbers]
        runner.stop()
    for result in results:
        print(*(f"{key}: {value}" for key, value in result.items()), "", sep="\n")
    return int(any(result["outcome"] == "failed" for result in results))


def _chosen(only: list[str]) -> list[int]:
    """Return the numbers of the inputs that the command line asks for."""
    from corpus import SEEDS

    wanted = set(only)
    return [
        number
        for number, item in enumerate(SEEDS)
        if not wanted or wanted & {item.target, item.name}
    ]


def _write(numbers: list[int], only: list[str], folder: Path) -> None:
    from mutate import make_case, read_corpus, write_tree

    with _built() as made:
        corpus = read_corpus(made)
    for number in numbers:
        tree = make_case(number, corpus, _chosen(only)).tree
        write_tree(folder / str(number), tree)


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("only", nargs="*", help="targets or names, e.g. model a.tif")
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument(
        "--replay", type=int, action="append", help="run this case alone"
    )
    parser.add_argument("--failures", type=Path, default=Path("fuzz-failures"))
    parser.add_argument(
        "--write", type=Path, help="with --replay: only write the input"
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes that work")
    parser.add_argument("--build", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        from worker import serve

        serve(_chosen(given.only), given.serve)
        return 0
    if given.build:
        from corpus import build

        build(given.build)
        return 0
    if given.replay is None:
        numbers = range(given.first, given.first + given.cases)
        n = run(numbers, given.only, jobs=given.jobs, failures=given.failures)
        return 1 if n else 0
    if given.write:
        _write(given.replay, given.only, given.write)
        return 0
    return replay(given.replay, given.only)


if __name__ == "__main__":
    sys.exit(main())
