"""Where images come from: opened anew in every process that works on them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from napari_mitoseg.annotation.journal import fingerprint
from napari_mitoseg.errors import InvalidParameterError, ReadError
from napari_mitoseg.inference.settings import DeviceName
from napari_mitoseg.io.read import read_volume
from napari_mitoseg.preprocessing import Pipeline
from napari_mitoseg.restoration import with_networks
from napari_mitoseg.volume import Region, Spacing, Volume


class Source(Protocol):
    """An image that tasks open."""

    def open(self) -> Volume:
        """Return the image; nothing of it is read yet."""

    def identity(self) -> Mapping[str, Any]:
        """Return JSON that tells the image from others."""

    def check(self) -> None:
        """Raise ReadError if the image has gone."""


@dataclass(frozen=True)
class FileSource:
    """An image in a file.

    Attributes
    ----------
    path : Path
        File or folder, as for `read_volume`.
    spacing : tuple of float or None
        Overrides the file's, nm, ZYX.
    channel, time : int or None
        Which one to take of several.
    """

    path: Path
    spacing: Spacing | None = None
    channel: int | None = None
    time: int | None = None

    def open(self) -> Volume:
        """Return the image; nothing of it is read yet."""
        self.check()
        return _opened(self, self.path.stat().st_mtime_ns)

    def identity(self) -> Mapping[str, Any]:
        """Return path, size, type and checksum of parts of the image."""
        found = self.path.stat()
        place: dict[str, Any] = {"path": str(self.path.absolute())}
        if self.path.is_file():
            changed = datetime.fromtimestamp(found.st_mtime, UTC)
            place |= {"bytes": found.st_size, "changed": str(changed)}
        return {**place, **_identity(self.open())}

    def check(self) -> None:
        """Raise ReadError if the file has gone: chunks of a zarr would read as 0."""
        if not self.path.exists():
            msg = (
                f"There is no file or folder {self.path}. If it was there before, "
                "bring it back."
            )
            raise ReadError(msg)


@dataclass(frozen=True)
class GivenSource:
    """An image that is there already; for work in this process.

    Attributes
    ----------
    volume : Volume
        The image.
    """

    volume: Volume

    def open(self) -> Volume:
        """Return the image."""
        return self.volume

    def identity(self) -> Mapping[str, Any]:
        """Return size, type and checksum of parts of the image."""
        return _identity(self.volume)

    def check(self) -> None:
        """Do nothing: what is there stays."""


@dataclass(frozen=True)
class PreparedSource:
    """An image as the network sees it.

    Attributes
    ----------
    source : Source
        The image as it was given.
    preprocessing : Pipeline
        Steps in front of it, each of which looks at single slices.
    device : str
        Where networks of these steps run.

    Raises
    ------
    InvalidParameterError
        If a step looks at the whole stack.
    """

    source: Source
    preprocessing: Pipeline = field(default=Pipeline())
    device: DeviceName = "auto"

    def __post_init__(self) -> None:
        """Check the steps."""
        far = self.preprocessing.moving
        if far:
            msg = (
                f"The preprocessing step {far[0]} looks at the whole stack and cannot "
                "go over blocks. Register the sections first, save them, and segment "
                "the saved stack; or give the run enough memory to go without blocks."
            )
            raise InvalidParameterError(msg)

    def open(self) -> Volume:
        """Return the image with the steps in front of its data."""
        if not self.preprocessing.steps:
            return self.source.open()
        return with_networks(self.preprocessing, self.device)(self.source.open())

    def identity(self) -> Mapping[str, Any]:
        """Return what tells the image as it was given from others."""
        return self.source.identity()

    def check(self) -> None:
        """Raise ReadError if the image has gone."""
        self.source.check()


@dataclass(frozen=True)
class PartSource:
    """A part of an image.

    Attributes
    ----------
    source : Source
        The image.
    region : Region
        The part.
    """

    source: Source
    region: Region

    def open(self) -> Volume:
        """Return the part; nothing of it is read yet."""
        return self.source.open().crop(self.region)

    def identity(self) -> Mapping[str, Any]:
        """Return what tells the part from others."""
        return {**self.source.identity(), "region": str(self.region)}

    def check(self) -> None:
        """Raise ReadError if the image has gone."""
        self.source.check()


@lru_cache(maxsize=1)
def _opened(source: FileSource, changed: int) -> Volume:
    """Open an image once, as long as its file does not change."""
    del changed
    return read_volume(
        source.path, spacing=source.spacing, channel=source.channel, time=source.time
    )


def _identity(volume: Volume) -> dict[str, Any]:
    content = {
        "shape": volume.shape,
        "dtype": volume.dtype.name,
        "spacing": volume.spacing,
        "content": fingerprint(volume),
    }
    known: dict[str, Any] = json.loads(json.dumps(content))
    return known
