"""Write changed voxels, all or none."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from napari_mitoseg.errors import WriteError
from napari_mitoseg.proofreading.change import Patch
from napari_mitoseg.proofreading.label_array import LabelArray
from napari_mitoseg.volume import Region

N_THREADS = 8
"""Chunks written at once: most of the time goes into waiting for the disk."""

Group = tuple[Region, list[Patch]]


def write_patches(
    array: LabelArray, patches: Sequence[Patch], *, undo: bool = False
) -> None:
    """Write an edit into labels.

    Parameters
    ----------
    array : LabelArray
        The labels.
    patches : sequence of Patch
        What changes.
    undo : bool
        Write what was there before.

    Raises
    ------
    InvalidParameterError
        If the labels are not as the edit has left or found them.
    WriteError
        If the disk refuses.

    Notes
    -----
    Only chunks that change are written, each one once. Whatever is raised, what was
    written by then is taken back.
    """
    order = patches[::-1] if undo else patches
    written: list[Group] = []

    def write(group: Group) -> None:
        _write_group(array, group, undo=undo)
        written.append(group)

    try:
        if array.is_chunked:
            _side_by_side(write, _by_chunk(array, order))
        else:
            for patch in order:
                write((patch.region, [patch]))
    except BaseException as error:
        for region, parts in written:
            _write_group(array, (region, parts[::-1]), undo=not undo)
        if isinstance(error, OSError):
            msg = (
                f"The labels cannot be written: {error.strerror or error}. Nothing was "
                "changed; free some space on the disk, or check that it is there."
            )
            raise WriteError(msg) from error
        raise


def _side_by_side(write: Callable[[Group], None], groups: list[Group]) -> None:
    with ThreadPoolExecutor(N_THREADS) as pool:
        # Waits for all, so that nothing is still being written when one has failed.
        futures = [pool.submit(write, group) for group in groups]
    for future in futures:
        future.result()


def _by_chunk(array: LabelArray, patches: Sequence[Patch]) -> list[Group]:
    """Put together the patches of each chunk."""
    groups: dict[Region, list[Patch]] = defaultdict(list)
    for patch in patches:
        groups[array.stored_around(patch.region)].append(patch)
    return list(groups.items())


def _write_group(array: LabelArray, group: Group, *, undo: bool) -> None:
    # Whole chunks: for a part of one, zarr would read the chunk a second time.
    region, patches = group
    block = array.read(region)
    for patch in patches:
        patch.put(block, region, undo=undo)
    array.write(region, block)
