"""What has to be known to run a network that was made elsewhere."""

from typing import Literal

from pydantic import model_validator

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.models.foreign.operations import Before, Behind
from napari_mitoseg.params import Params, param
from napari_mitoseg.volume import Shape

MapName = Literal["semantic", "boundary", "centre", "offset-y", "offset-x"]
InputType = Literal[
    "float32", "float64", "uint8", "int8", "uint16", "int16", "int32", "int64"
]
PANOPTIC = ("centre", "offset-y", "offset-x")
LARGEST_SIDE = 2**20


class MapSource(Params):
    """Where one map is found in what a network returns."""

    name: MapName = param(description="What the map is.")
    tensor: int = param(0, ge=0, le=15, description="Which of the tensors returned.")
    channel: int = param(0, ge=0, le=1023, description="Which of its channels.")
    inverted: bool = param(
        False, description="Whether it says the opposite: background, for example."
    )


class Returned(Params):
    """One tensor that a network returns."""

    key: str = param("", description="Name in a dictionary; by place where empty.")
    axes: str = param("", description="Order of its axes; as usual where empty.")
    operations: tuple[Behind, ...] = param(
        (), description="What is done to it, in order."
    )


class Grouping(Params):
    """How pixels are grouped by the centres that they point to [1]_.

    References
    ----------
    .. [1] Cheng et al. (2020), Panoptic-DeepLab, section 3.2,
       doi:10.48550/arXiv.1911.10194.
    """

    confidence: float = param(
        0.3, ge=0, le=1, description="Least semantic probability."
    )
    threshold: float = param(0.1, ge=0, description="Least value of a centre.")
    window: int = param(
        7, ge=1, le=255, description="Window that has one centre.", unit="pixels"
    )


class ForeignConfig(Params):
    """Settings of a network made elsewhere."""

    dimensions: Literal[2, 3] = param(
        2, description="Whether it sees slices or blocks."
    )
    context: int = param(0, ge=0, le=16, description="Neighbour slices on each side.")
    axes: str = param(
        "",
        description="Order of the axes it takes, of b c z y x; (b) c (z) y x if empty.",
    )
    batched: bool = param(True, description="Whether it takes several images at once.")
    dtype: InputType = param("float32", description="Type of the numbers it takes.")
    smallest: Shape = param((1, 1, 1), description="Least input, ZYX voxels.")
    step: Shape = param((1, 1, 1), description="Sizes are the least plus n of these.")
    fixed: tuple[bool, bool, bool] = param(
        (False, False, False), description="Axes on which the least is the only size."
    )
    halo: Shape = param((0, 0, 0), description="Voxels at the rim that do not count.")
    preprocessing: tuple[Before, ...] = param((), description="Done to each slice.")
    returned: tuple[Returned, ...] = param(
        (Returned(),), min_length=1, max_length=16, description="Tensors it returns."
    )
    maps: tuple[MapSource, ...] = param(
        (MapSource(name="semantic"),), description="Maps in them."
    )
    grouping: Grouping = param(
        Grouping(), description="Used where there are centres and offsets."
    )

    @model_validator(mode="after")
    def _check(self) -> "ForeignConfig":
        names = [one.name for one in self.maps]
        tensors = [one.tensor for one in self.maps]
        sizes = (*self.smallest, *self.step)
        some = any(name in names for name in PANOPTIC)
        orders = [self.axes, *(one.axes for one in self.returned)]
        strange = [one for one in orders if one and not self._is_order(one)]
        if "semantic" not in names or len({*names}) < len(names):
            msg = f"A foreign network needs one map 'semantic' (given: {names})."
        elif some and not all(name in names for name in PANOPTIC):
            msg = f"Grouping needs the maps {', '.join(PANOPTIC)} (given: {names})."
        elif max(tensors) >= len(self.returned):
            msg = f"Map of tensor {max(tensors)}; {len(self.returned)} are returned."
        elif not all(1 <= size <= LARGEST_SIDE for size in sizes):
            msg = f"Sizes must be 1 to {LARGEST_SIDE} voxels (given: {sizes})."
        elif not all(0 <= size <= LARGEST_SIDE for size in self.halo):
            msg = f"A halo must be 0 to {LARGEST_SIDE} voxels (given: {self.halo})."
        elif strange:
            msg = f"Axes must be b, c, {'z, ' * (self.dimensions == 3)}y and x, each "
            msg += f"once; b and c may be missing (given: {strange[0]})."
        else:
            return self
        raise InvalidParameterError(msg)

    def _is_order(self, axes: str) -> bool:
        known = "bczyx" if self.dimensions == 3 else "bcyx"
        return len({*axes}) == len(axes) and {*known[2:]} <= {*axes} <= {*known}

    @property
    def is_panoptic(self) -> bool:
        """Whether there are centres and offsets to group pixels by."""
        return any(one.name == "centre" for one in self.maps)

    @property
    def outputs(self) -> tuple[str, ...]:
        """What the maps become, in order."""
        names = {one.name for one in self.maps}
        both = self.is_panoptic or "boundary" in names
        return ("semantic", "boundary") if both else ("semantic",)
