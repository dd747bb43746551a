"""Settings of a training run."""

from typing import Literal

from napari_mitoseg.params import Params, param
from napari_mitoseg.training.appearance import AppearanceSettings
from napari_mitoseg.training.augmentations import (
    Appearance,
    AugmentationChain,
    Deformation,
)
from napari_mitoseg.training.geometry import GeometrySettings
from napari_mitoseg.volume import Shape


class FitSettings(Params):
    """How to fit a network to stacks."""

    limit: Literal["steps", "minutes"] = param(
        "steps", description="What ends the training: a number of steps, or the time."
    )
    steps: int = param(4000, ge=1, description="Steps, if they are the limit.")
    minutes: float = param(
        10.0, gt=0, description="Time, if it is the limit.", unit="min"
    )
    patch: Shape = param(
        (1, 192, 192), description="Patch, ZYX voxels; z is 1 for 2.5D networks."
    )
    batch: int = param(8, ge=1, le=512, description="Patches in a step.")
    optimizer: Literal["adamw", "adam", "rmsprop"] = param(
        "adamw", description="Optimizer."
    )
    learning_rate: float = param(2e-3, gt=0, le=1, description="Highest step size.")
    schedule: Literal["cosine", "constant"] = param(
        "cosine", description="Whether the step size falls to nothing at the end."
    )
    weight_decay: float = param(0.01, ge=0, le=1, description="Pull towards zero.")
    loss: str = param("bce-dice", description="Name in the registry of losses.")
    averaging: float = param(
        0.998,
        ge=0,
        lt=1,
        description="Decay of the average of weights over steps; 0 for none.",
    )
    foreground: float = param(
        0.5, ge=0, le=1, description="Share of patches centred on a mitochondrion."
    )
    dark: float = param(
        0.2, ge=0, le=1, description="Share of patches centred on dark background."
    )
    geometry: GeometrySettings = param(GeometrySettings(), description="Deformation.")
    appearance: AppearanceSettings = param(
        AppearanceSettings(), description="Appearance."
    )
    augmentations: AugmentationChain | None = param(
        None,
        description="Augmentations by name, in order, in the place of geometry and "
        "appearance.",
    )
    validate_every: int = param(
        500, ge=1, description="Steps between validations and checkpoints."
    )
    keep: Literal["best", "last"] = param(
        "best", description="Weights to keep: best on the validation stacks, or last."
    )
    patience: int = param(
        0,
        ge=0,
        description="Validations without a better score after which training ends; "
        "0: never.",
    )
    precision: Literal["auto", "float32", "bfloat16"] = param(
        "auto", description="Arithmetic; auto is bfloat16 on CUDA, else float32."
    )
    seed: int = param(0, ge=0, lt=2**31, description="Seed of all chance.")

    @property
    def chain(self) -> AugmentationChain:
        """The augmentations of each step: those by name, or geometry and appearance."""
        if self.augmentations is not None:
            return self.augmentations
        moved = Deformation(settings=self.geometry)
        return AugmentationChain(steps=(moved, Appearance(settings=self.appearance)))
