"""Remove objects."""

from collections.abc import Iterator
from typing import ClassVar

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.params import param
from napari_mitoseg.proofreading.operations.merge import relabelled
from napari_mitoseg.proofreading.operations.operation import (
    Edit,
    Operation,
    operations,
)
from napari_mitoseg.proofreading.workspace import Workspace


@operations.register("delete")
class Delete(Operation):
    """Remove objects: their voxels become background."""

    name: ClassVar[str] = "delete"
    title: ClassVar[str] = "Delete"
    picks: ClassVar[tuple[str, ...]] = ("labels",)

    labels: tuple[int, ...] = param((), description="Objects to remove.")

    def _edits(self, workspace: Workspace) -> Iterator[Edit]:
        """Turn the objects into background."""
        chosen = tuple(dict.fromkeys(self.labels))
        if not chosen:
            msg = "No object was chosen. Click on what is to be deleted."
            raise InvalidParameterError(msg)
        for label in chosen:
            workspace.entry(label)
        for label in chosen:
            yield from relabelled(workspace, label, 0)
