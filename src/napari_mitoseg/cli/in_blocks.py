"""The command `segment` for volumes that do not fit into memory."""

import math
from dataclasses import dataclass
from pathlib import Path

from napari_mitoseg.cli.console import run, tell
from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.recipe import Recipe
from napari_mitoseg.volume import Shape, Spacing

VOXEL_BYTES = 24
"""Memory that a voxel takes where the whole volume is segmented at once, measured."""


@dataclass(frozen=True)
class BlockOptions:
    """Options of `segment` that are about blocks.

    Attributes
    ----------
    blocks : bool or None
        Whether to go block by block; None decides by the memory.
    memory : float or None
        GB that each process may take; half of what is free, shared, when None.
    workers : int
        Processes on this machine.
    scheduler : str or None
        Address of a dask scheduler.
    restart : bool
        Whether to forget an unfinished run.
    """

    blocks: bool | None
    memory: float | None
    workers: int
    scheduler: str | None
    restart: bool

    @property
    def n_bytes(self) -> int | None:
        """Bytes that each process may take."""
        return None if self.memory is None else int(self.memory * 1e9)

    def wanted(self, shape: Shape, out: Path, kind: str) -> bool:
        """Decide whether to go block by block.

        Parameters
        ----------
        shape : tuple of int
            Size of the volume, ZYX.
        out : Path
            Where the result goes.
        kind : {"tiff", "zarr"}
            Format of the result.

        Returns
        -------
        bool
            Whether the volume is too large, or an option asks for blocks.

        Raises
        ------
        InvalidParameterError
            If blocks are asked for, and TIFF.
        """
        from napari_mitoseg.distributed.engine import free_memory
        from napari_mitoseg.distributed.run_folder import is_partial

        asked = self.blocks or self.restart or self.workers > 1 or self.scheduler
        if kind == "tiff":
            if asked:
                msg = (
                    "Block by block an OME-Zarr is written: add --format zarr. "
                    "napari-mitoseg export makes other formats of it."
                )
                raise InvalidParameterError(msg)
            return False
        if self.blocks is not None:
            return self.blocks
        needed = math.prod(shape) * VOXEL_BYTES
        too_large = needed > (self.n_bytes or free_memory())
        return bool(asked) or too_large or is_partial(out)


@dataclass(frozen=True)
class Image:
    """What is segmented, as it was given on the command line.

    Attributes
    ----------
    path : Path
        File or folder.
    spacing : tuple of float or None
        Overrides the file's, nm, ZYX.
    channel, time : int or None
        Which one to take of several.
    """

    path: Path
    spacing: Spacing | None
    channel: int | None
    time: int | None


def segment_in_blocks(
    image: Image, recipe: Recipe, out: Path, options: BlockOptions
) -> int:
    """Segment a volume block by block; say how to go on if that is broken off.

    Parameters
    ----------
    image : Image
        What is segmented.
    recipe : Recipe
        What to do.
    out : Path
        Folder for the result.
    options : BlockOptions
        Memory and workers.

    Returns
    -------
    int
        Number of instances.
    """
    from napari_mitoseg.distributed.cluster import open_engine
    from napari_mitoseg.distributed.run import Means, segment_blocks
    from napari_mitoseg.distributed.run_folder import is_partial
    from napari_mitoseg.distributed.sources import FileSource

    source = FileSource(image.path, image.spacing, image.channel, image.time)
    if is_partial(out) and not options.restart:
        tell(f"Going on with the unfinished run in {out}")
    with open_engine(options.workers, options.scheduler) as engine:
        means = Means(options.n_bytes, engine, options.restart)
        result = run(segment_blocks(source, recipe, out, means))
    return result.n_objects
