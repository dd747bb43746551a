"""The base of all operations on objects and their registry."""

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from napari_mitoseg.proofreading.workspace import Workspace
from napari_mitoseg.registry import Registry
from napari_mitoseg.steps import NamedStep
from napari_mitoseg.volume import Array, Region

Point = tuple[int, int, int]
"""A voxel, ZYX."""


class Edit(NamedTuple):
    """A box as an operation leaves it.

    Attributes
    ----------
    region : Region
        Where it is.
    before, after : ndarray of int, shape of the region
        Labels as they are, and as they will be.
    """

    region: Region
    before: Array
    after: Array


class Operation(NamedStep):
    """One operation on objects: what it needs to be told, and what it does.

    Attributes
    ----------
    picks : tuple of str
        Fields that are clicked or drawn in the image rather than typed: objects
        (``label``, ``labels``), positions in voxels, ZYX (``point``, ``points``,
        ``line``).  All other fields are settings for a form.

    Notes
    -----
    A new operation is one file with a subclass under ``@operations.register(name)``,
    and one line in ``operations/__init__.py``.  It reads through the workspace and
    writes nothing: the editor compares, applies and remembers.  All fields have
    defaults, so that a form can be shown before anything is clicked.
    """

    picks: ClassVar[tuple[str, ...]]

    def edit(self, workspace: Workspace) -> Iterator[Edit]:
        """Say what the operation changes, box by box.

        Parameters
        ----------
        workspace : Workspace
            Labels, index and spacing.

        Returns
        -------
        iterator of Edit
            Boxes before and after; no voxel changes in two of them.

        Raises
        ------
        InvalidParameterError
            If something is missing, unknown, outside, or cannot be done; while the
            boxes are gone through.
        """
        return self._edits(workspace)

    def _edits(self, workspace: Workspace) -> Iterator[Edit]:
        """Yield the boxes: what each operation has of its own."""
        raise NotImplementedError


operations: Registry[type[Operation]] = Registry("operation")
