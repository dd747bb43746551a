"""Settings of training an interpolation network."""

from typing import Literal

from napari_mitoseg.inference.settings import DeviceName
from napari_mitoseg.params import Params, param


class InterpolationSettings(Params):
    """How to train an interpolation network on a stack."""

    limit: Literal["minutes", "steps"] = param(
        "minutes",
        description="What ends the training: time, or a number of steps.",
        advanced=True,
    )
    minutes: float = param(
        4.0, gt=0, le=100_000, description="Time, if it is the limit.", unit="min"
    )
    steps: int = param(
        1500, ge=1, description="Steps, if they are the limit.", advanced=True
    )
    patch: int = param(
        128,
        ge=16,
        le=1024,
        description="Side of the patches, at least; 256 was published.",
        unit="px",
        advanced=True,
    )
    batch: int = param(4, ge=1, le=256, description="Patches in a step.", advanced=True)
    learning_rate: float = param(
        1e-3,
        gt=0,
        le=1,
        description="First step size; it falls to nothing at the end.",
        advanced=True,
    )
    far: float = param(
        0.15,
        ge=0,
        le=1,
        description="Share of patches whose neighbours are two slices away, so that "
        "two or three bad slices in a row can be bridged.",
        advanced=True,
    )
    flip: bool = param(
        True,
        description="Flip and turn patches. Without, a drift that always goes the same "
        "way is learned sooner.",
        advanced=True,
    )
    seed: int = param(
        0, ge=0, lt=2**31, description="Seed of all chance.", advanced=True
    )
    device: DeviceName = param("auto", description="Where to train.", advanced=True)
