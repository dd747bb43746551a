"""Settings of a training run, and presets."""

from typing import Literal

from napari_mitoseg.params import Params, param
from napari_mitoseg.training.appearance import AppearanceSettings
from napari_mitoseg.training.augmentations import (
    CHALLENGE,
    Appearance,
    AugmentationChain,
    Deformation,
    Flip,
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


def paper_presets() -> tuple[FitSettings, FitSettings]:
    """Return the two stages of multi-scale training of Res-UNet-R and -H.

    Returns
    -------
    tuple of FitSettings
        20 000 steps on 32×256×256, then 10 000 on 36×320×320; Adam with a fixed rate
        of 1e-4, two patches a step, the eleven augmentations of the challenge.

    References
    ----------
    .. [1] Li et al. (2021), Advanced deep networks for 3D mitochondria instance
       segmentation, section 3.2, doi:10.48550/arXiv.2104.07961.
    """
    first = FitSettings(
        steps=20_000,
        patch=(32, 256, 256),
        batch=2,
        optimizer="adam",
        learning_rate=1e-4,
        schedule="constant",
        weight_decay=0,
        loss="weighted-bce",
        averaging=0,
        augmentations=CHALLENGE,
        validate_every=1000,
    )
    return first, first.model_copy(update={"steps": 10_000, "patch": (36, 320, 320)})


def fusion_fcn_preset() -> FitSettings:
    """Return the training of the fusion FCN.

    Returns
    -------
    FitSettings
        Patches of 512×512 from everywhere, flipped and turned, four a step; 20 000
        steps, where the text has 20 000 training samples and no number of steps.

    Notes
    -----
    Left open by the text, and chosen here: optimizer, rate, loss and batch.  The paper
    starts from weights trained on ImageNet; these start at random.

    References
    ----------
    .. [1] Fusion fully convolution network for mitochondria segmentation in ATUM-SEM
       stacks, section 2.2.2.
    """
    return FitSettings(
        steps=20_000,
        patch=(1, 512, 512),
        batch=4,
        foreground=0,
        dark=0,
        augmentations=AugmentationChain(steps=(Flip(),)),
        validate_every=1000,
    )


def patch_cnn_preset() -> FitSettings:
    """Return the training of the patch CNN, to be used with `blocks.draw_blocks`.

    Returns
    -------
    FitSettings
        Blocks of 32×32, half of them of mitochondria, 256 a step; nothing is varied
        but what `draw_blocks` turns.  The text gives no number of steps, nor
        optimizer, rate, loss and batch.

    References
    ----------
    .. [1] Oztel, Yolcu, Ersoy, White, Bunyak (2017), Mitochondria segmentation in
       electron microscopy volumes using deep convolutional neural network,
       doi:10.1109/BIBM.2017.8217827.
    """
    return FitSettings(
        steps=20_000,
        patch=(1, 32, 32),
        batch=256,
        foreground=0.5,
        dark=0,
        augmentations=AugmentationChain(),
        validate_every=1000,
    )
