"""Keep other processes from writing to a file; the lock ends with the process."""

import os
import sys
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    FAR = 1 << 40
    """Locked byte: far behind what is ever written, so that reading stays allowed."""

    def lock(handle: int) -> bool:
        """Lock an open file; return whether that was possible."""
        position = os.lseek(handle, 0, os.SEEK_CUR)
        os.lseek(handle, FAR, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(handle, position, os.SEEK_SET)
        return True

else:
    import fcntl

    def lock(handle: int) -> bool:
        """Lock an open file; return whether that was possible."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


def is_locked(path: Path) -> bool:
    """Say whether a file is in use, or cannot be written to.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    bool
        Whether `lock` would refuse.
    """
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return True
    try:
        return not lock(handle)
    finally:
        os.close(handle)
