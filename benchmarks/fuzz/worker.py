"""The process that opens damaged inputs, and may die of it.

It reads numbers of cases from its standard input and writes a line of JSON for each.
"""

import contextlib
import json
import os
import shutil
import sys
import tempfile
import threading
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

import psutil
from corpus import SEEDS
from mutate import Case, Tree, make_case, read_corpus, write_tree
from targets import TARGETS

from napari_mitoseg.errors import MitoSegError

LIMIT = 2**28
"""Bytes that a case may take: what a header may claim whatever the file holds."""

TOO_MUCH = 2 * LIMIT
LONGEST = 2000
"""Characters of a message that somebody still reads."""

SLOW = 10.0
"""Seconds of processor time from which on a case counts as one that hangs."""


def serve(chosen: list[int], made: Path) -> None:
    """Run the cases that are asked for, until there are no more.

    Parameters
    ----------
    chosen : list of int
        Which inputs of the corpus are damaged.
    made : Path
        The corpus, see `corpus.build`.
    """
    out = _quiet()
    with tempfile.TemporaryDirectory(prefix="mitoseg-fuzz-") as name:
        room = Path(name)
        corpus = prepare(made, room / "case")
        _limit_memory()
        print(json.dumps({"ready": True}), file=out, flush=True)
        for line in sys.stdin:
            found = _run_number(int(line), corpus, chosen, room / "case")
            print(json.dumps(found), file=out, flush=True)


def _run_number(
    number: int, corpus: list[Tree], chosen: list[int], folder: Path
) -> dict[str, Any]:
    """Make a case and run it; a mistake of the fuzzer's own is told as such."""
    try:
        return run_case(make_case(number, corpus, chosen), folder)
    except Exception as error:  # noqa: BLE001 - or the process would end
        message = f"the fuzzer itself: {_traced(error)}"
        return {"case": number, "outcome": "failed", "message": message}


def prepare(made: Path, folder: Path) -> list[Tree]:
    """Read the corpus, and see that all of it can be opened as it is."""
    warnings.simplefilter("ignore")
    corpus = read_corpus(made)
    for item, tree in zip(SEEDS, corpus, strict=True):
        shutil.rmtree(folder, ignore_errors=True)
        write_tree(folder, tree)
        TARGETS[item.target](folder / item.name)
    return corpus


def run_case(case: Case, folder: Path) -> dict[str, Any]:
    """Open one damaged input.

    Parameters
    ----------
    case : Case
        The input.
    folder : Path
        Where to put it; emptied before.

    Returns
    -------
    dict
        Number, name, outcome (``ok``, ``refused`` or ``failed``) and what happened.
    """
    item = SEEDS[case.seed]
    shutil.rmtree(folder, ignore_errors=True)
    # A symbolic link out of it, or a path with "..", would lead to this one.
    write_tree(folder, case.tree)
    found = {"case": case.number, "name": item.name, "target": item.target}
    before, began = _start_measuring(), time.process_time()
    outcome, message = _opened(item.target, folder / item.name)
    seconds, peak = time.process_time() - began, _peak() - before
    if seconds > SLOW:
        outcome, message = "failed", f"took {seconds:.0f} s. {message}"
    if peak > TOO_MUCH:
        outcome, message = "failed", f"took {peak / 2**20:.0f} MiB. {message}"
    found |= {"outcome": outcome, "message": message}
    return found | {"seconds": round(seconds, 3), "MiB": round(peak / 2**20)}


def _opened(target: str, path: Path) -> tuple[str, str]:
    try:
        TARGETS[target](path)
    except MitoSegError as error:
        if _ran_out(error):
            return "failed", f"too much was allocated: {_traced(error)}"
        if len(str(error)) > LONGEST:
            return "failed", f"a message of {len(str(error))} characters: {error}"[
                :3000
            ]
        return "refused", f"{type(error).__name__}: {error}"[:500]
    except Exception as error:  # noqa: BLE001 - this is what is looked for
        return "failed", _traced(error)
    return "ok", ""


def _ran_out(error: BaseException | None) -> bool:
    """Say whether an error goes back to memory that was not there."""
    seen = error
    while seen is not None:
        if isinstance(seen, MemoryError):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def _traced(error: BaseException) -> str:
    lines = traceback.format_exception(error, limit=-12)
    return "".join(lines)[-6000:]


def _quiet() -> Any:
    """Keep the line to the parent for ourselves: libraries in C print, too."""
    out = os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    if "MITOSEG_FUZZ_LOUD" not in os.environ:
        os.dup2(nothing, 2)
    return out


def _limit_memory() -> None:
    """Let the system refuse more than twice the limit, where it can."""
    with contextlib.suppress(ImportError):
        import resource

        size = psutil.Process().memory_info().vms + TOO_MUCH + LIMIT
        resource.setrlimit(resource.RLIMIT_AS, (size, resource.RLIM_INFINITY))
        # Room for what threads that start later reserve, but do not use.
        threading.stack_size(2**20)


def _start_measuring() -> int:
    """Begin to note the peak; return the memory in use now."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return psutil.Process().memory_info().rss


def _peak() -> int:
    """Return the most memory used since measuring began."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return psutil.Process().memory_info().rss
    (line,) = (line for line in lines if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
