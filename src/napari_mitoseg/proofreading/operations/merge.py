"""Make one object of several."""

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.params import param
from napari_mitoseg.proofreading.operations.operation import (
    Edit,
    Operation,
    operations,
)
from napari_mitoseg.proofreading.workspace import Workspace


@operations.register("merge")
class Merge(Operation):
    """Make one object of several, under the number of the first.

    Notes
    -----
    Objects need not touch.  Only the boxes of those that lose their number are read.
    """

    name: ClassVar[str] = "merge"
    title: ClassVar[str] = "Merge"
    picks: ClassVar[tuple[str, ...]] = ("labels",)

    labels: tuple[int, ...] = param(
        (), description="Objects to merge; the first one keeps its number."
    )

    def _edits(self, workspace: Workspace) -> Iterator[Edit]:
        """Give the other objects the number of the first."""
        chosen = tuple(dict.fromkeys(self.labels))
        if len(chosen) < 2:
            msg = f"Merging takes two objects or more; {len(chosen)} were chosen."
            raise InvalidParameterError(msg)
        for label in chosen:
            workspace.entry(label)
        for label in chosen[1:]:
            yield from relabelled(workspace, label, chosen[0])


def relabelled(workspace: Workspace, label: int, value: int) -> Iterator[Edit]:
    """Give all voxels of an object another number.

    Parameters
    ----------
    workspace : Workspace
        Labels and index.
    label : int
        The object.
    value : int
        Its new number; 0 deletes it.

    Yields
    ------
    Edit
        Blocks of its box.
    """
    for region, block in workspace.blocks_of(label):
        number = block.dtype.type(value)
        yield Edit(region, block, np.where(block == label, number, block))
