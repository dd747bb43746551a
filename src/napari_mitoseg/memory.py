"""How much memory this process may still take."""

import contextlib
from pathlib import Path

import psutil

CGROUP = Path("/sys/fs/cgroup")
"""Where Linux keeps the limits of containers and batch jobs (version 2)."""

OWN_GROUP = Path("/proc/self/cgroup")
"""Where it says in which group this process is: ``0::/path``."""


def free_memory() -> int:
    """Return how many bytes can still be taken.

    Returns
    -------
    int
        What the machine has free, or less where this process may take less: in a
        container, in a batch job, or under ``ulimit -v``.
    """
    free = [psutil.virtual_memory().available, _free_addresses()]
    free += map(_free_in_group, _groups())
    return max(0, min(one for one in free if one is not None))


def _groups() -> list[Path]:
    """Return the group of this process and those that it is in."""
    try:
        lines = OWN_GROUP.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    paths = [line.removeprefix("0::/") for line in lines if line.startswith("0::/")]
    # Seen from a container, a path may lead out of what is there.
    steps = Path(paths[0]).parts if paths and ".." not in paths[0] else ()
    return [CGROUP.joinpath(*steps[:n]) for n in range(len(steps) + 1)]


def _free_in_group(group: Path) -> int | None:
    """Return what is left of the limit of a group; None where there is no limit."""
    try:
        limit = (group / "memory.max").read_text(encoding="ascii").strip()
        if limit == "max":
            return None
        used = int((group / "memory.current").read_text(encoding="ascii"))
        lines = (group / "memory.stat").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    # Read files are kept in memory as long as nobody else wants it.
    kept = dict(line.split() for line in lines).get("inactive_file", "0")
    return int(limit) - used + int(kept)


def _free_addresses() -> int | None:
    """Return what is left of ``ulimit -v``; None where there is no such limit."""
    with contextlib.suppress(ImportError):
        import resource  # noqa: PLC0415 - not on Windows

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            return limit - int(psutil.Process().memory_info().vms)
    return None
