"""Settings of training from dense labels; nothing here imports torch."""

from typing import Any, Literal

from napari_mitoseg.inference.settings import DeviceName
from napari_mitoseg.params import Params, param
from napari_mitoseg.volume import Shape, Spacing

SCRATCH = "scratch"

AugmentationName = Literal["light", "strong", "challenge", "none"]
LabelKind = Literal["auto", "semantic", "instances"]


def why_no_move(moving: str) -> str:
    """Return why a preprocessing step that moves sections is no part of training."""
    return (
        f"The preprocessing step {moving} moves sections, and labels would not follow. "
        "Leave it out, or give a stack that has been through it."
    )


class DenseSettings(Params):
    """How to train a network on completely labelled volumes."""

    architecture: str = param(
        "", description="Name of a network; that of the start if there is one."
    )
    config: dict[str, Any] = param(
        default_factory=dict,
        description="Settings of the network, where they are not its defaults.",
        advanced=True,
    )
    start: str = param(
        SCRATCH,
        min_length=1,
        description="What training starts from: scratch, the name of a model, or its "
        "folder.",
    )
    preset: Literal["fast", "paper"] = param(
        "fast",
        description="fast: what suits minutes to hours; paper: the published training "
        "of the network, for a GPU and hours to days.",
    )
    minutes: float = param(
        10.0,
        gt=0,
        le=100_000,
        unit="min",
        description="Time for training (preset fast).",
    )
    steps: int = param(
        0,
        ge=0,
        description="Steps to make whatever time they take; 0: as many as there is "
        "time for.",
        advanced=True,
    )
    validation: float = param(
        0.2,
        ge=0,
        le=0.9,
        description="Share of the slices, at the end of each volume, that is kept back "
        "to choose the best weights by; 0 for none.",
    )
    validation_slices: tuple[int, ...] = param(
        (),
        description="Slices of each volume to keep back in their place.",
        advanced=True,
    )
    patience: int = param(
        12,
        ge=0,
        description="Validations without a better score after which training ends "
        "early; 0: never (preset fast).",
        advanced=True,
    )
    augmentation: AugmentationName = param(
        "light",
        description="light: for the stack that is labelled and others like it; strong: "
        "for other tissue and microscopes; challenge: the eleven of the MitoEM "
        "challenge; none (preset fast).",
    )
    augmentations: tuple[dict[str, Any], ...] = param(
        (),
        description="Augmentations by name with their settings, in order, in the place "
        "of such a set.",
        advanced=True,
    )
    preprocessing: tuple[dict[str, Any], ...] = param(
        (),
        description="Steps made to the images first, as in the recipe that the model "
        "is for; none that moves sections, since labels stay in their place.",
        advanced=True,
    )
    labels: LabelKind = param(
        "auto",
        description="What labels hold; auto: semantic where one number occurs beside "
        "0, else instances.",
        advanced=True,
    )
    spacing: Spacing | None = param(
        None,
        description="Spacing the network works at, ZYX; that of its start, or of the "
        "first volume, in the plane at least 8 nm.",
        unit="nm",
        advanced=True,
    )
    patch: Shape | None = param(
        None,
        description="Patch, ZYX voxels; chosen by network and device if absent.",
        advanced=True,
    )
    batch: int = param(
        0,
        ge=0,
        le=512,
        description="Patches in a step; 0: by network and device.",
        advanced=True,
    )
    seed: int = param(
        0, ge=0, lt=2**31, description="Seed of all chance.", advanced=True
    )
    device: DeviceName = param(
        "auto",
        description="Where to train; auto takes cuda, then mps, then cpu.",
        advanced=True,
    )
