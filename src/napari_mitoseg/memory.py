"""How much memory this process may still take."""

import contextlib
from pathlib import Path

import psutil

CGROUP = Path("/sys/fs/cgroup")
"""Where Linux keeps the limit of a container or batch job (version 2)."""


def free_memory() -> int:
    """Return how many bytes can still be taken.

    Returns
    -------
    int
        What the machine has free, or less where this process may take less: in a
        container, in a batch job, or under ``ulimit -v``.
    """
    free = [
        psutil.virtual_memory().available,
        _free_in_group(CGROUP),
        _free_addresses(),
    ]
    return max(0, min(one for one in free if one is not None))


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
