"""The folder of a run: what it has finished, so that it can go on after a kill.

Every block of every stage that is finished has a small file of its own, written after
the block.  What is not recorded is done again, and gives the same; so a run may be
killed anywhere.  Arrays are plain zarr, tables plain numpy: nothing here is pickled.
"""

import contextlib
import json
import os
import shutil
import zipfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_mitoseg.distributed.damage import UNFIT, DamageError, damaged, intact
from napari_mitoseg.documents import read_json
from napari_mitoseg.errors import (
    InvalidParameterError,
    ReadError,
    WriteError,
    one_line,
)
from napari_mitoseg.file_lock import lock
from napari_mitoseg.io.atomic import ADVICE
from napari_mitoseg.io.limits import check_memory
from napari_mitoseg.io.npy import read_npy
from napari_mitoseg.volume import Array, Shape

if TYPE_CHECKING:
    from napari_mitoseg.distributed.views import Stored

COMPLETE = "complete.json"
PARTIAL = ".result.partial"
LOCK = ".result.lock"
IDENTITY = "run.json"
MAPS = "maps"
"""Where the arrays of the maps are, by their names."""

KEPT = "What is finished is kept: the same command goes on from there."

MOST_LISTED = 6
"""Differences that are told; more would be read by nobody."""

Found = Mapping[str, Array]
"""The small things that work on a block finds out, by name."""


@dataclass(frozen=True)
class RunFolder:
    """Arrays, tables and records of a run.

    Attributes
    ----------
    path : Path
        The folder.
    """

    path: Path

    def array(self, name: str, shape: Shape, dtype: str, chunk: Shape) -> "Stored":
        """Make an array, or find it.

        Parameters
        ----------
        name : str
            Path within the folder.
        shape : tuple of int
            Size, ZYX.
        dtype : str
            Type of its values.
        chunk : tuple of int
            Voxels that are stored together.

        Returns
        -------
        Stored
            The array.
        """
        # zarr takes a quarter of a second to import, and some only ask how a run does.
        from napari_mitoseg.distributed.views import create_array  # noqa: PLC0415

        return create_array(self.array_path(name), shape, dtype, chunk)

    def array_path(self, name: str) -> Path:
        """Return where an array is, or will be."""
        return self.path / "arrays" / name

    def save(self, name: str, values: Array) -> Path:
        """Write a table; return its file."""
        path = self.path / "tables" / f"{name}.npy"
        with replacing(path) as draft, draft.open("wb") as file:
            np.save(file, values, allow_pickle=False)
        return path

    def record(self, stage: str, number: int, found: Found) -> None:
        """Note that a block is finished.

        Parameters
        ----------
        stage : str
            What was done to it.
        number : int
            Number of the block.
        found : mapping of str to ndarray
            What was found out.
        """
        path = self._record(stage, number)
        with replacing(path) as draft, draft.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **found)

    def recorded(self, stage: str) -> "Records":
        """Return what is known of the blocks of a stage."""
        return Records(self.path / "records" / stage)

    def note_complete(self, content: Mapping[str, Any]) -> None:
        """Note that all files of the result are complete."""
        with replacing(self.path / COMPLETE) as draft:
            draft.write_text(json.dumps(content), encoding="utf-8")

    def complete(self) -> Mapping[str, Any] | None:
        """Return what was noted when all files were complete; None before that."""
        return read_noted(self.path / COMPLETE)

    def clear(self) -> None:
        """Remove the folder; last of all what says that it is complete."""
        for path in self.path.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name not in {IDENTITY, COMPLETE}:
                path.unlink()
        shutil.rmtree(self.path)

    def _record(self, stage: str, number: int) -> Path:
        return self.path / "records" / stage / f"{number}.npz"


@dataclass(frozen=True)
class Records:
    """What the blocks of a stage have found out.

    Attributes
    ----------
    path : Path
        Folder of one file a block.
    """

    path: Path

    def numbers(self) -> set[int]:
        """Return the numbers of the finished blocks."""
        return {int(path.stem) for path in self.path.glob("*.npz")}

    def read(self, number: int, *names: str) -> dict[str, Array]:
        """Return some of what a finished block has found out."""
        path = self.path / f"{number}.npz"
        with intact(path), zipfile.ZipFile(path) as packed:
            return {name: _unpacked(packed, f"{name}.npy") for name in names}

    def each(self, *names: str) -> Iterator[dict[str, Array]]:
        """Iterate over the blocks, in order."""
        for number in sorted(self.numbers()):
            yield self.read(number, *names)


def check_boxes(start: Array, stop: Array, shape: Shape, records: Records) -> None:
    """Refuse boxes that reach beyond the volume: as much would be read.

    Parameters
    ----------
    start, stop : ndarray of int, shape (n, 3)
        First voxel of each box, and the one behind the last.
    shape : tuple of int
        Size of the volume.
    records : Records
        Where they come from.

    Raises
    ------
    ReadError
        If one does.
    """
    with intact(records.path):
        is_inside = (start >= 0).all() and (start <= stop).all()
        if not is_inside or not (stop <= np.array(shape)).all():
            raise damaged(records.path, "it holds boxes outside of the volume")


def _unpacked(packed: zipfile.ZipFile, name: str) -> Array:
    """Read an array that is as large as its file: numpy believes what it claims."""
    check_memory(packed.getinfo(name).file_size, name)
    return read_npy(packed.read(name), name)


@contextmanager
def replacing(path: Path) -> Generator[Path]:
    """Write a file under another name, and give it its own when it is complete.

    Parameters
    ----------
    path : Path
        The file; its folder is made.

    Yields
    ------
    Path
        Where to write.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def opened(
    folder: Path, identity: Mapping[str, Any], *, restart: bool
) -> Generator[RunFolder]:
    """Begin a run, or go on with one.

    Parameters
    ----------
    folder : Path
        Where the result goes.
    identity : mapping
        JSON of everything that the result depends on.
    restart : bool
        Whether to forget what an earlier run has done.

    Yields
    ------
    RunFolder
        Of this run, for this process alone.

    Raises
    ------
    WriteError
        If another process runs here, or the disk refuses; what is finished is kept.
    InvalidParameterError
        If an earlier run here was another one.
    ReadError
        If what it has left is damaged.
    """
    run = run_of(folder)
    work = run.path
    with _explained(folder), _locked(folder):
        if restart and work.exists():
            shutil.rmtree(work)
        _check_identity(work, identity)
        with replacing(work / IDENTITY) as draft:
            draft.write_text(json.dumps(identity, indent=1), encoding="utf-8")
        left = _is_begun(work)
        try:
            # What does not fit in a run that was not broken off is a mistake of ours.
            with intact(work, UNFIT if left else ()):
                yield run
        except BaseException as error:
            if not _is_begun(work):
                # Nothing to go on with: the next run may be another one.
                shutil.rmtree(work, ignore_errors=True)
            elif isinstance(error, ReadError) and not isinstance(error, DamageError):
                msg = f"{error} {KEPT}"
                raise ReadError(msg) from error
            raise


def run_of(folder: Path) -> RunFolder:
    """Return the work of a run, where its result goes; it may not exist."""
    return RunFolder(folder / PARTIAL)


def _is_begun(work: Path) -> bool:
    """Say whether a block of a run is finished."""
    return any((work / "records").rglob("*.npz"))


def is_partial(folder: Path) -> bool:
    """Say whether a folder holds a run that has not come to its end.

    Parameters
    ----------
    folder : Path
        Where its result is to go.

    Returns
    -------
    bool
        Whether the run can be continued.
    """
    return (run_of(folder).path / IDENTITY).is_file()


def read_identity(folder: Path) -> Mapping[str, Any]:
    """Return what the result of an unfinished run depends on.

    Parameters
    ----------
    folder : Path
        Where its result is to go.

    Returns
    -------
    mapping
        JSON; empty where there is no such run.
    """
    return read_noted(run_of(folder).path / IDENTITY) or {}


def read_noted(path: Path) -> Mapping[str, Any] | None:
    """Read what a run has noted.

    Parameters
    ----------
    path : Path
        A file of it.

    Returns
    -------
    mapping or None
        JSON; None where nothing was noted.

    Raises
    ------
    ReadError
        If it is damaged.
    """
    if not path.is_file():
        return None
    try:
        content = read_json(path)
    except ReadError as error:
        raise damaged(path, one_line(error)) from error
    if not isinstance(content, dict):
        raise damaged(path, "it holds no JSON object")
    return content


def _check_identity(work: Path, identity: Mapping[str, Any]) -> None:
    known = read_noted(work / IDENTITY)
    if known is None:
        if work.exists():
            shutil.rmtree(work)
        return
    with intact(work / IDENTITY):
        earlier = _flat(known)
    now = _flat(json.loads(json.dumps(identity)))
    changed = [k for k in {**now, **earlier} if now.get(k) != earlier.get(k)]
    if changed:
        listed = ", ".join(
            f"{_cut(k)} (then {_short(earlier.get(k))}, now {_short(now.get(k))})"
            for k in changed[:MOST_LISTED]
        )
        more = ", …" if len(changed) > MOST_LISTED else ""
        msg = (
            f"{work.parent} holds an unfinished run that differs in: {listed}{more}. "
            "Give the same again to go on with it, --restart to begin anew, or another "
            "folder."
        )
        raise InvalidParameterError(msg)


def _flat(content: Any, name: str = "") -> dict[str, Any]:
    """Return the values deep inside JSON, under names such as ``recipe.model``."""
    if isinstance(content, list):
        content = {str(n): value for n, value in enumerate(content)}
    if not isinstance(content, dict):
        return {name: content}
    found: dict[str, Any] = {}
    for key, value in content.items():
        found |= _flat(value, f"{name}.{key}" if name else key)
    return found


def _short(value: object) -> str:
    return _cut(json.dumps(value, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}…"


@contextmanager
def _locked(folder: Path) -> Generator[None]:
    """Keep other processes from running into the same folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK
    handle = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        if not lock(handle) or not _is_still(handle, path):
            msg = (
                f"Another run is writing into {folder}. Wait until it is finished, or "
                "choose another folder."
            )
            raise WriteError(msg)
        try:
            yield
        finally:
            # Now, before another run can lock it; where that is not allowed, below.
            with contextlib.suppress(OSError):
                path.unlink()
    finally:
        os.close(handle)
    with contextlib.suppress(OSError):
        path.unlink()


def _is_still(handle: int, path: Path) -> bool:
    """Say whether an open file still has its name: a run that ended removes it."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return there.st_ino == os.fstat(handle).st_ino


@contextmanager
def _explained(folder: Path) -> Generator[None]:
    """Say what an operating system's refusal means for the run."""
    try:
        yield
    except (WriteError, InvalidParameterError):
        raise
    except OSError as error:
        if type(error).__module__ != "builtins":
            raise
        advice = ADVICE.get(error.errno or 0, "Check the disk")
        msg = (
            f"Cannot go on in {folder}: {error.strerror or error} "
            f"({error.filename or folder}). {advice}. {KEPT}"
        )
        raise WriteError(msg) from error
