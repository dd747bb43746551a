"""Make separate objects of pieces that do not touch."""

from collections.abc import Iterator
from typing import ClassVar

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.labelling import Connectivity, label_components
from napari_mitoseg.params import param
from napari_mitoseg.proofreading.operations.operation import (
    Edit,
    Operation,
    operations,
)
from napari_mitoseg.proofreading.operations.splitting import divided, largest_first
from napari_mitoseg.proofreading.workspace import Workspace


@operations.register("separate-pieces")
class SeparatePieces(Operation):
    """Make an object of each piece of an object; the largest keeps the number."""

    name: ClassVar[str] = "separate-pieces"
    title: ClassVar[str] = "Separate pieces"
    picks: ClassVar[tuple[str, ...]] = ("label",)

    label: int = param(0, ge=0, description="The object.")
    connectivity: Connectivity = param(
        26, advanced=True, description="Neighbours that hold a piece together."
    )

    def _edits(self, workspace: Workspace) -> Iterator[Edit]:
        """Give the pieces their numbers."""
        crop = workspace.crop(self.label)
        parts, n = label_components(crop.mask, self.connectivity)
        if n < 2:
            msg = (
                f"Object {self.label} is of one piece. Split it by points, by a line "
                "or at its necks instead."
            )
            raise InvalidParameterError(msg)
        yield divided(workspace, crop, largest_first(parts, n), n)
