"""How a network is applied; nothing here changes what it has learned."""

from typing import Literal

from napari_mitoseg.params import Params, param

DeviceName = Literal["auto", "cpu", "cuda", "mps"]

SMALLEST, LARGEST = 64, 8192
"""Side of a tile, voxels."""

MOST_ZOOM = 4.0
"""To which an image may be enlarged, or made smaller."""


class InferenceSettings(Params):
    """Settings of one prediction."""

    device: DeviceName = param(
        "auto",
        description="Where the network runs; auto takes cuda, then mps, then cpu.",
    )
    augmentation: Literal[1, 4, 8] = param(
        1,
        description="Predictions averaged per tile: 1 as it is, 4 flips, 8 flips and "
        "quarter turns. More is slower and slightly better.",
    )
    resample: bool = param(
        True,
        description="Resample the volume to the spacing the model was trained at, and "
        "its maps back.",
    )
    zoom: float = param(
        1.0,
        ge=1 / MOST_ZOOM,
        le=MOST_ZOOM,
        description="How much larger the network is shown the image. Above 1 where "
        "mitochondria are smaller than those it was trained on, below 1 where they are "
        "larger.",
    )
    tiling: Literal["seamless", "cubes"] = param(
        "seamless",
        description="How 3D networks are tiled. seamless: with what they see around a "
        "tile, so that tiles leave no trace. cubes: as published for the cascade, "
        "32×256×256 voxels that overlap by 75 % in depth and height and by 50 % in "
        "width, averaged; some 30 times slower.",
        advanced=True,
    )
    automatic_tiles: bool = param(
        True,
        description="Choose tile size and batch from the free memory.",
        advanced=True,
    )
    tile: int = param(
        512,
        ge=SMALLEST,
        le=LARGEST,
        description="In-plane side of a tile, used when tiles are not automatic.",
        unit="voxels",
        advanced=True,
    )
    batch: int = param(
        1,
        ge=1,
        le=64,
        description="Slices predicted at once, used when tiles are not automatic.",
        advanced=True,
    )
    overlap: int = param(
        32,
        ge=0,
        le=512,
        description="Width over which neighbouring tiles are blended.",
        unit="voxels",
        advanced=True,
    )
