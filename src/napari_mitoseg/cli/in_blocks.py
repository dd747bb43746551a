"""The command `segment` for volumes that do not fit into memory."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from napari_mitoseg.cli.console import run, tell
from napari_mitoseg.distributed.settings import MOST_MEMORY
from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.recipe import Recipe
from napari_mitoseg.volume import Region, Shape

if TYPE_CHECKING:
    from napari_mitoseg.distributed.run import BlockResult
    from napari_mitoseg.distributed.sources import FileSource

VOXEL_BYTES = 24
"""Memory that a voxel takes where the whole volume is segmented at once, measured."""


@Parameter(name="*")
@dataclass(frozen=True)
class BlockOptions:
    """How `segment` goes block by block.

    Attributes
    ----------
    blocks : bool, optional
        Go block by block, with bounded memory, into an OME-Zarr; when absent, that is
        done if the volume is too large. A run that is broken off then goes on where it
        was when the same command is given again.
    memory : float, optional
        GB that each worker may take where it goes block by block; half of what is free,
        shared among them, when absent.
    workers : int
        Processes on this machine that work on blocks.
    scheduler : str, optional
        Address of a dask scheduler whose workers work on blocks.
    restart : bool
        Begin anew where an unfinished run is in OUT.
    """

    blocks: bool | None = None
    memory: Annotated[
        float | None, Parameter(validator=Number(gt=0, lte=MOST_MEMORY))
    ] = None
    workers: Annotated[int, Parameter(validator=Number(gte=1))] = 1
    scheduler: str | None = None
    restart: Annotated[bool, Parameter(negative=())] = False

    @property
    def n_bytes(self) -> int | None:
        """Bytes that each process may take."""
        return None if self.memory is None else int(self.memory * 1e9)

    def wanted(self, shape: Shape, out: Path, kind: str) -> bool:
        """Decide whether to go block by block.

        Parameters
        ----------
        shape : tuple of int
            Size of what is segmented, ZYX.
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
        from napari_mitoseg.distributed.engine import usual_memory
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
        too_large = needed > (self.n_bytes or usual_memory())
        return bool(asked) or too_large or is_partial(out)


AS_FITS = BlockOptions()


def segment_in_blocks(
    source: "FileSource",
    recipe: Recipe,
    out: Path,
    options: BlockOptions,
    region: Region,
) -> "BlockResult":
    """Segment a volume block by block; say how to go on if that is broken off.

    Parameters
    ----------
    source : FileSource
        What is segmented.
    recipe : Recipe
        What to do.
    out : Path
        Folder for the result.
    options : BlockOptions
        Memory and workers.
    region : Region
        Part to segment.

    Returns
    -------
    BlockResult
        Files, number of instances, warnings.
    """
    from napari_mitoseg.distributed.cluster import open_engine
    from napari_mitoseg.distributed.run import Means, segment_blocks
    from napari_mitoseg.distributed.run_folder import is_partial

    if is_partial(out) and not options.restart:
        tell(f"There is an unfinished run in {out}: it goes on from there")
    with open_engine(options.workers, options.scheduler) as engine:
        means = Means(options.n_bytes, engine, options.restart)
        return run(segment_blocks(source, recipe, out, means, region))
