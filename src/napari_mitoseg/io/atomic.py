"""Write all files of a run, or none."""

import contextlib
import errno
import shutil
import tempfile
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path

from napari_mitoseg.errors import MitoSegError, WriteError

ADVICE = {
    errno.ENOSPC: "Free some space or choose another folder",
    errno.EDQUOT: "Free some of your quota or choose another folder",
    errno.EFBIG: "Choose a folder on a disk that allows larger files",
    errno.EACCES: "Close the files in other programs, or choose a folder of your own",
    errno.EPERM: "Close the files in other programs, or choose a folder of your own",
    errno.EROFS: "Choose a folder on a disk that can be written to",
    errno.EEXIST: "A file has the name of the folder; choose another name",
    errno.ENOTDIR: "A file has the name of the folder; choose another name",
}


@contextmanager
def staged(folder: Path, names: Iterable[str]) -> Generator[Mapping[str, Path]]:
    """Collect files under a hidden name and show them when all are complete.

    Parameters
    ----------
    folder : Path
        Where the files go; made if absent.
    names : iterable of str
        Final names of the files or folders that will be written.

    Yields
    ------
    dict of str to Path
        Where to write each of them.  What is never written is left out.

    Raises
    ------
    WriteError
        If the disk refuses: full, read-only, not allowed ...

    Notes
    -----
    After any exception, an interrupt included, nothing new is left and what had one
    of the names before is untouched.  Renaming within a folder needs no space.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as name:
    ...     with staged(Path(name), ["a.txt"]) as paths:
    ...         _ = paths["a.txt"].write_text("done")
    ...         before = (Path(name) / "a.txt").exists()
    ...     before, (Path(name) / "a.txt").read_text()
    (False, 'done')
    """
    with _explained(folder), _made(folder):
        stage = Path(tempfile.mkdtemp(prefix=".mitoseg-", dir=folder))
        try:
            paths = {name: stage / name for name in names}
            yield paths
            _publish(folder, stage, [n for n, path in paths.items() if path.exists()])
        finally:
            shutil.rmtree(stage, ignore_errors=True)


def check_writable(folder: Path) -> None:
    """Refuse a folder that cannot be written into, before hours are spent on a result.

    Parameters
    ----------
    folder : Path
        Where files will go; whether it exists stays as it is.

    Raises
    ------
    WriteError
        If the folder cannot be made, or nothing can be written into it.
    """
    missing = _missing(folder)
    with _explained(folder), _made(folder):
        Path(tempfile.mkdtemp(prefix=".mitoseg-", dir=folder)).rmdir()
    _remove_empty(missing)


@contextmanager
def _made(folder: Path) -> Generator[None]:
    """Make a folder, and remove what was made of it if anything fails."""
    missing = _missing(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        _remove_empty(missing)
        raise


def _missing(folder: Path) -> list[Path]:
    """List what of a path is not there, the deepest folder first."""
    return [path for path in (folder, *folder.parents) if not path.exists()]


def _remove_empty(folders: Iterable[Path]) -> None:
    for path in folders:
        # Whatever else has been put there meanwhile stays.
        with contextlib.suppress(OSError):
            path.rmdir()


@contextmanager
def _explained(folder: Path) -> Generator[None]:
    """Say what an operating system's refusal means for the run."""
    try:
        yield
    except MitoSegError:
        raise
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())
        advice = ADVICE.get(error.errno or 0, "Check the folder or choose another")
        msg = (
            f"Cannot write into {folder}: {reason} ({_free(folder)}). {advice}; "
            "nothing was written."
        )
        raise WriteError(msg) from error


def _free(folder: Path) -> str:
    there = next((p for p in (folder, *folder.absolute().parents) if p.exists()), None)
    if there is None:
        return "no such disk"
    return f"{shutil.disk_usage(there).free / 1e6:,.0f} MB free there"


def _publish(folder: Path, stage: Path, names: list[str]) -> None:
    """Move all to their final names; on failure put back what was there."""
    kept = stage / ".replaced"
    kept.mkdir()
    moves: list[tuple[Path, Path]] = []
    try:
        for name in names:
            if (folder / name).exists():
                _move(folder / name, kept / name, moves)
            _move(stage / name, folder / name, moves)
    except BaseException:
        for source, target in reversed(moves):
            target.replace(source)
        raise


def _move(source: Path, target: Path, moves: list[tuple[Path, Path]]) -> None:
    source.replace(target)
    moves.append((source, target))
