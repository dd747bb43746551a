"""How much memory this process may still take."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

CGROUP = Path("/sys/fs/cgroup")
"""Where Linux keeps the limits of containers and batch jobs."""

OWN_GROUP = Path("/proc/self/cgroup")
"""Where it says in which groups this process is: ``0::/path``, ``4:memory:/path``."""


@dataclass(frozen=True)
class Kind:
    """What the files of one version of control groups are called."""

    line: str
    mount: str
    limit: str
    used: str
    kept: str


KINDS = (
    Kind(r"0::(.*)", "", "memory.max", "memory.current", "inactive_file"),
    Kind(
        r"\d+:(?:\w+,)*memory(?:,\w+)*:(.*)",
        "memory",
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        "total_inactive_file",
    ),
)
"""Versions 2 and 1."""


def free_memory() -> int:
    """Return how many bytes can still be taken.

    Returns
    -------
    int
        What the machine has free, or less where this process may take less: in a
        container, in a batch job, or under ``ulimit -v``.
    """
    free = [psutil.virtual_memory().available, _free_addresses()]
    free += [_free_in_group(kind, group) for kind in KINDS for group in _groups(kind)]
    return max(0, min(one for one in free if one is not None))


def _groups(kind: Kind) -> Iterator[Path]:
    """Yield the groups that this process is in, from the outermost."""
    try:
        lines = OWN_GROUP.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    found = next((m[1] for line in lines if (m := re.fullmatch(kind.line, line))), "")
    # Seen from a container, a path may lead out of what is there, or not be there.
    steps = Path(found.lstrip("/")).parts if ".." not in found else ()
    for n in range(len(steps) + 1):
        yield CGROUP.joinpath(kind.mount, *steps[:n])


def _free_in_group(kind: Kind, group: Path) -> int | None:
    """Return what is left of the limit of a group; None where there is no limit."""
    try:
        limit = (group / kind.limit).read_text(encoding="ascii").strip()
        if limit == "max":
            return None
        used = int((group / kind.used).read_text(encoding="ascii"))
        lines = (group / "memory.stat").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    # Read files are kept in memory as long as nobody else wants it.
    kept = dict(line.split() for line in lines).get(kind.kept, "0")
    return int(limit) - used + int(kept)


def _free_addresses() -> int | None:
    """Return what is left of ``ulimit -v``; None where there is no such limit."""
    with contextlib.suppress(ImportError):
        import resource  # noqa: PLC0415 - not on Windows

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            return limit - int(psutil.Process().memory_info().vms)
    return None
