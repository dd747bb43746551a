"""Give the part of an object in some slices another number."""

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


@operations.register("relabel-in-slices")
class RelabelInSlices(Operation):
    """Give the part of an object in some slices to another object, or make it one."""

    name: ClassVar[str] = "relabel-in-slices"
    title: ClassVar[str] = "Relabel in slices"
    picks: ClassVar[tuple[str, ...]] = ("label", "target")

    label: int = param(0, ge=0, description="The object.")
    target: int = param(
        0, ge=0, description="Object that takes the part over; 0 for a new one."
    )
    first: int = param(0, ge=0, description="First slice.")
    last: int = param(0, ge=0, description="Last slice.")

    def _edits(self, workspace: Workspace) -> Iterator[Edit]:
        """Renumber the object between the two slices."""
        workspace.entry(self.label)
        number = self.target or workspace.new_labels(1)[0]
        if self.target:
            workspace.entry(self.target)
        n_found = 0
        for region, block in workspace.blocks_of(self.label):
            z = np.arange(region.start[0], region.stop[0])
            is_meant = (z >= self.first) & (z <= self.last)
            chosen = (block == self.label) & is_meant[:, None, None]
            n_found += int(np.count_nonzero(chosen))
            yield Edit(region, block, np.where(chosen, block.dtype.type(number), block))
        if not n_found:
            msg = (
                f"Object {self.label} is not in slices {self.first} to {self.last}. "
                "Choose slices that show it."
            )
            raise InvalidParameterError(msg)
