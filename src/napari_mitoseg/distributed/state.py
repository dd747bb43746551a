"""What a chain hands from step to step, on disk."""

from dataclasses import dataclass, replace
from typing import TypeVar

from napari_mitoseg.distributed.sources import Source
from napari_mitoseg.distributed.views import View
from napari_mitoseg.postprocessing import Kind
from napari_mitoseg.volume import Array, Shape, Spacing

Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class BlockLabels:
    """Labels on disk.

    Attributes
    ----------
    view : View
        The labels.
    n_voxels : ndarray of int64, shape (n + 1,)
        Voxels of each; entry 0 stays 0, and the last label does occur.
    start, stop : ndarray of int64, shape (n + 1, 3), or None
        Boxes, where they are known.
    """

    view: View
    n_voxels: Array
    start: Array | None = None
    stop: Array | None = None

    @property
    def n(self) -> int:
        """The largest label."""
        return len(self.n_voxels) - 1


@dataclass(frozen=True, eq=False)
class BlockState:
    """Everything known between two steps, as `postprocessing.State`, but on disk.

    Attributes
    ----------
    semantic_map : View
        Probability × 255, uint8.
    boundary_map : View or None
        The same of boundaries.
    spacing : tuple of float
        nm, ZYX.
    kind : Kind
        What the next step works on.
    semantic, seeds, boundary : View or None
        Masks, once there are any.
    labels : BlockLabels or None
        Instances, once there are any.
    is_grown : bool
        Whether they cover whole objects.
    image : Source or None
        What the maps were predicted from.
    origin : tuple of int
        Where the first voxel lies in the image, ZYX.
    """

    semantic_map: View
    boundary_map: View | None
    spacing: Spacing
    kind: Kind = Kind.PROBABILITY
    semantic: View | None = None
    seeds: View | None = None
    boundary: View | None = None
    labels: BlockLabels | None = None
    is_grown: bool = False
    image: Source | None = None
    origin: Shape = (0, 0, 0)

    @property
    def mask(self) -> View:
        """The mask that mask steps act on: the seeds once there are any."""
        return there(self.semantic if self.seeds is None else self.seeds)

    def with_mask(self, mask: View) -> "BlockState":
        """Return the state with the seeds, or else the semantic mask, replaced."""
        if self.seeds is None:
            return replace(self, semantic=mask, kind=Kind.MASK)
        return replace(self, seeds=mask, kind=Kind.MASK)


def there(value: Made | None) -> Made:
    """Return what the order of steps guarantees to be there."""
    if value is None:
        msg = "A step ran before what it needs; Chain checks the order."
        raise RuntimeError(msg)
    return value
