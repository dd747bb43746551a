"""Settings of training from a sparse annotation, and what the presets mean."""

from typing import Literal

from napari_mitoseg.inference.settings import DeviceName
from napari_mitoseg.models.spatial_continuity import Masks
from napari_mitoseg.models.stage import Stage
from napari_mitoseg.params import Params, param
from napari_mitoseg.training.settings import FitSettings

SCRATCH = "scratch"


class SparseSettings(Params):
    """How to train from a sparse annotation."""

    preset: Literal["fast", "paper"] = param(
        "fast",
        description="fast: minutes on a laptop; paper: the published method, for which "
        "a GPU is wanted.",
    )
    minutes: float | None = param(
        None,
        gt=0,
        le=100_000,
        unit="min",
        description="Time for training and predicting the stack; the preset's own "
        "length if absent (fast: 6 minutes, paper: 100 epochs).",
    )
    start: str = param(
        "fast",
        min_length=1,
        description="What training starts from: scratch, the name of a model, or its "
        "folder. The preset paper starts from scratch.",
    )
    seed: int = param(0, ge=0, lt=2**31, description="Seed of all chance.")
    device: DeviceName = param("auto", description="Where to train and predict.")
    held_out: bool = param(
        True,
        description="With three labelled slices or more, keep one back in the first "
        "part of the training, and measure the IoU on it.",
    )
    erosions: int = param(
        0,
        ge=0,
        le=100,
        description="n of Eq. 1: erosions of truth per slice of distance; 0 proposes "
        "it from the spacing.",
        advanced=True,
    )
    affine: bool = param(
        True,
        description="Random piecewise affine transformations while training.",
        advanced=True,
    )
    postprocess: bool = param(
        True,
        description="Morphological post-processing (MPP) of the coarse masks.",
        advanced=True,
    )
    refine: bool = param(
        True,
        description="Train the spatial-continuity network N_sp too.",
        advanced=True,
    )


class SparsePlan(Params):
    """What a preset comes to: both networks, how each is fitted, and for how long."""

    segmentation: Stage = param(description="N_se.")
    refinement: Stage = param(description="N_sp.")
    masks: Masks = param(description="What N_sp is given of the coarse masks.")
    middle: bool = param(description="Whether N_sp is given that of its own slice.")
    uses_truth: bool = param(
        description="Whether N_sp is given truth in place of coarse masks of labelled "
        "slices next to its own."
    )
    warm: bool = param(description="Whether N_sp starts from the weights of N_se.")
    views: Literal[1, 4, 8] = param(description="Predictions averaged.")
    rounds: int = param(
        ge=1,
        description="How often N_sp is run over the stack, each time on what it said "
        "the time before.",
    )
    first: FitSettings = param(description="How N_se is fitted.")
    second: FitSettings = param(description="How N_sp is fitted.")
    minutes: float = param(
        ge=0, description="Time of the whole; 0: the fits count steps.", unit="min"
    )
    share: float = param(gt=0, le=1, description="Share of the time for N_se.")
    held_share: float = param(
        ge=0, lt=1, description="Part of that in which a labelled slice is kept back."
    )
    drifts: bool = param(
        description="Whether Eq. 2 and 3 let an outline move from one slice to the "
        "next as far as Eq. 1 does."
    )
    truth_share: float = param(
        ge=0,
        le=1,
        description="Share of the patches of N_sp from labelled slices; 0: as many as "
        "there are.",
    )
    sure: float = param(
        ge=0,
        lt=0.5,
        description="Coarse probabilities this close to 0 or 1 are soft labels; the "
        "rest is left open. 0: every pixel is a soft label.",
    )
