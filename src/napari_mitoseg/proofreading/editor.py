"""Edit the objects of a label volume, box by box, and take every edit back."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from napari_mitoseg.errors import InvalidParameterError, ShapeError
from napari_mitoseg.jobs import drain
from napari_mitoseg.proofreading.change import (
    Change,
    Entries,
    Patch,
    Tally,
    find_patch,
    tally,
)
from napari_mitoseg.proofreading.history import LIMIT_BYTES, History
from napari_mitoseg.proofreading.label_array import LabelArray, WritableArray
from napari_mitoseg.proofreading.object_index import (
    ObjectEntry,
    ObjectIndex,
    index_labels,
    tight_region,
)
from napari_mitoseg.proofreading.operations.operation import Edit, Operation
from napari_mitoseg.proofreading.regions import as_region, inside, union
from napari_mitoseg.proofreading.workspace import Workspace
from napari_mitoseg.proofreading.writing import write_patches
from napari_mitoseg.volume import Array, Region, Shape, Spacing, as_spacing


class LabelEditor:
    """Labels that are corrected by operations, each of which can be undone.

    Parameters
    ----------
    labels : WritableArray, shape (Z, Y, X) or (Y, X)
        Numpy, zarr or the like, of whole numbers; edited in place.
    spacing : sequence of float or None
        Distance between voxel centres in nm, ZYX (the first one says nothing in two
        dimensions). Without it, operations in nm are refused.
    index : ObjectIndex, optional
        From `index_labels`; made at once when absent, which reads the whole volume.
    limit_bytes : int
        Memory for the history.

    Attributes
    ----------
    workspace : Workspace
        Labels, index and spacing, as operations see them.
    history : History
        What can be undone and redone.

    Raises
    ------
    ShapeError
        Unless the labels have two or three axes.
    InvalidParameterError
        If the labels are no whole numbers, or read-only, or the spacing is wrong.

    Notes
    -----
    Points and regions have three axes always; z is 0 in two dimensions.  An operation
    first says all it would change, and only then is anything written: an edit that is
    refused changes nothing.  Reading and writing goes by the boxes of the objects that
    are touched, so the time of an edit does not depend on the size of the volume.
    """

    def __init__(
        self,
        labels: WritableArray,
        spacing: Sequence[float] | None,
        index: ObjectIndex | None = None,
        *,
        limit_bytes: int = LIMIT_BYTES,
    ) -> None:
        array = LabelArray(labels)
        array.check_writable()
        known = drain(index_labels(labels)) if index is None else index
        given = None if spacing is None else as_spacing(spacing)
        self.workspace = Workspace(array, known, given)
        self.history = History(limit_bytes)

    @property
    def index(self) -> ObjectIndex:
        """Box and size of every object, as they are now."""
        return self.workspace.index

    @property
    def shape(self) -> Shape:
        """Size of the labels along z, y, x."""
        return self.workspace.shape

    @property
    def spacing(self) -> Spacing | None:
        """Distance between voxel centres in nm, ZYX; None where it is not known."""
        return self.workspace.given_spacing

    @spacing.setter
    def spacing(self, spacing: Sequence[float] | None) -> None:
        given = None if spacing is None else as_spacing(spacing)
        self.workspace = replace(self.workspace, given_spacing=given)

    @property
    def n_undo(self) -> int:
        """Number of edits that can be taken back."""
        return len(self.history.done)

    @property
    def n_redo(self) -> int:
        """Number of edits that can be made again."""
        return len(self.history.undone)

    def read(self, region: Region) -> Array:
        """Read a box of labels, shape of the region."""
        return self.workspace.array.read(region.within(self.shape))

    def label_at(self, point: Sequence[int]) -> int:
        """Return the label of a voxel.

        Parameters
        ----------
        point : sequence of int
            Voxel, ZYX.

        Returns
        -------
        int
            0 for background, and outside of the volume.
        """
        if any(not 0 <= p < n for p, n in zip(point, self.shape, strict=True)):
            return 0
        voxel = as_region(point, [p + 1 for p in point])
        return int(self.workspace.array.read(voxel)[0, 0, 0])

    def preview(self, operation: Operation) -> Change:
        """Say what an operation would change, without changing it.

        Parameters
        ----------
        operation : Operation
            What to do.

        Returns
        -------
        Change
            Empty where nothing would change.

        Raises
        ------
        InvalidParameterError
            If the operation cannot be done; says why and what to do.
        """
        patches = self._patches(operation.edit(self.workspace))
        change = Change(operation.title, patches)
        unused = tuple(label for label in change.touched if label not in self.index)
        return replace(change, unused=unused)

    def apply(self, operation: Operation) -> Change:
        """Do an operation.

        Parameters
        ----------
        operation : Operation
            What to do.

        Returns
        -------
        Change
            What has changed; empty, and not in the history, where nothing has.

        Raises
        ------
        InvalidParameterError
            If the operation cannot be done; nothing has changed then.
        WriteError
            If the disk refuses; nothing has changed then.
        """
        return self.commit(self.preview(operation))

    def commit(self, preview: Change) -> Change:
        """Make a change that was previewed.

        Parameters
        ----------
        preview : Change
            From `preview`; edits made since then must not have touched its voxels.

        Returns
        -------
        Change
            The same, with what the index knows before and after.

        Raises
        ------
        InvalidParameterError
            If its voxels have changed since, or a number that it gives to a new object
            was taken; nothing has changed then.
        """
        if not preview:
            return preview
        taken = [label for label in preview.unused if label in self.index]
        if taken:
            msg = (
                f"The number {taken[0]} was given to another object since this was "
                "previewed. Preview it again."
            )
            raise InvalidParameterError(msg)
        write_patches(self.workspace.array, preview.patches)
        return self._remember(preview)

    def paint(self, region: Region, after: Array, name: str = "Paint") -> Change:
        """Write a box of labels, as one edit.

        Parameters
        ----------
        region : Region
            Within the labels.
        after : ndarray of int, shape of the region
            New labels.
        name : str
            What this is called in the history.

        Returns
        -------
        Change
            What has changed.

        Raises
        ------
        ShapeError
            If box and labels differ in size.
        InvalidParameterError
            If the box reaches out of the volume, or the labels are no whole numbers
            from 0 that their type can hold.
        """
        self._check_block(region, after)
        before = self.read(region)
        return self.commit(Change(name, self._patches([Edit(region, before, after)])))

    def record(
        self, region: Region, before: Array, after: Array, name: str = "Paint"
    ) -> Change:
        """Take over what was painted elsewhere, so that it can be undone here.

        Parameters
        ----------
        region : Region
            Where.
        before, after : ndarray of int, shape of the region
            Labels before, and as they are in the volume now.
        name : str
            What this is called in the history.

        Returns
        -------
        Change
            What has changed; empty, and not in the history, where nothing has.

        Raises
        ------
        ShapeError
            If box and labels differ in size.
        InvalidParameterError
            If the volume does not hold what was painted: strokes must be recorded one
            by one, each as soon as it is painted.
        """
        self._check_block(region, before)
        self._check_block(region, after)
        if not np.array_equal(self.read(region), after):
            msg = (
                f"The labels at {region.start}–{region.stop} are not what was "
                f"recorded as {name!r}. Record each stroke as soon as it is painted."
            )
            raise InvalidParameterError(msg)
        patches = self._patches([Edit(region, before, after)])
        return self._remember(Change(name, patches)) if patches else Change(name, ())

    def undo(self) -> Change | None:
        """Take the newest edit back.

        Returns
        -------
        Change or None
            The edit that was undone; None where there is none.
        """
        change = self.history.next_undo()
        if change is not None:
            write_patches(self.workspace.array, change.patches, undo=True)
            self.index.update(change.entries_before)
            self.history.step_back()
        return change

    def redo(self) -> Change | None:
        """Make the edit again that was undone last.

        Returns
        -------
        Change or None
            The edit; None where there is none.
        """
        change = self.history.next_redo()
        if change is not None:
            write_patches(self.workspace.array, change.patches)
            self.index.update(change.entries_after)
            self.history.step_forward()
        return change

    def _patches(self, edits: Iterable[Edit]) -> tuple[Patch, ...]:
        """Keep of some edits what changes, one patch for what is stored together."""
        found = (
            find_patch(
                edit.before[inside(part, edit.region)],
                edit.after[inside(part, edit.region)],
                part,
            )
            for edit in edits
            for part in self.workspace.array.parts(edit.region)
        )
        return tuple(patch for patch in found if patch is not None)

    def _remember(self, change: Change) -> Change:
        """Bring the index up to date with a change and put it into the history."""
        before = {label: self.index.get(label) for label in change.touched}
        after = updated_entries(self.workspace.array, change.patches, before.get)
        known = replace(change, entries_before=before, entries_after=after)
        self.index.update(after)
        self.history.push(known)
        return known

    def _check_block(self, region: Region, values: Array) -> None:
        if values.shape != region.shape:
            msg = (
                f"Labels of shape {values.shape} were given for a box of shape "
                f"{region.shape}. Give labels of the shape of the box."
            )
            raise ShapeError(msg)
        if region.within(self.shape) != region:
            msg = (
                f"The box {region.start}–{region.stop} reaches out of labels of shape "
                f"{self.shape}. Give a box within them."
            )
            raise InvalidParameterError(msg)
        largest = int(np.iinfo(self.workspace.array.dtype).max)
        is_whole = values.dtype.kind in "ui"
        if not is_whole or int(values.min()) < 0 or int(values.max()) > largest:
            msg = (
                f"The new labels hold {values.dtype} values from {values.min()} to "
                f"{values.max()}. Give whole numbers from 0 to {largest}."
            )
            raise InvalidParameterError(msg)


def updated_entries(
    array: LabelArray,
    patches: Sequence[Patch],
    known: Callable[[int], ObjectEntry | None],
) -> Entries:
    """Work out what the index must know after an edit.

    Parameters
    ----------
    array : LabelArray
        Labels after the edit.
    patches : sequence of Patch
        The edit.
    known : callable
        What the index knew of a label.

    Returns
    -------
    dict of int to ObjectEntry or None
        For each label that the edit touches.
    """
    gained, lost = tally(patches, gains=True), tally(patches, gains=False)
    return {
        label: _updated(array, label, known(label), gained.get(label), lost.get(label))
        for label in sorted(gained.keys() | lost.keys())
    }


def _updated(
    array: LabelArray,
    label: int,
    known: ObjectEntry | None,
    gained: Tally | None,
    lost: Tally | None,
) -> ObjectEntry | None:
    n_voxels = known.n_voxels if known else 0
    n_voxels += (gained.n_voxels if gained else 0) - (lost.n_voxels if lost else 0)
    if n_voxels <= 0:
        return None
    region = union(part.region for part in (known, gained) if part is not None)
    if lost is not None and _reaches_side(lost.region, region):
        tight = tight_region(array, label, region)
        return None if tight is None else ObjectEntry(tight, n_voxels)
    return ObjectEntry(region, n_voxels)


def _reaches_side(lost: Region, region: Region) -> bool:
    """Say whether what was lost may have made the box smaller."""
    low = any(a <= b for a, b in zip(lost.start, region.start, strict=True))
    return low or any(a >= b for a, b in zip(lost.stop, region.stop, strict=True))
