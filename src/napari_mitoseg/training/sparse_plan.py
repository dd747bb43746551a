"""What the presets of training from a sparse annotation come to."""

import math
from collections.abc import Sequence
from typing import Any

from napari_mitoseg.models.architectures import architectures
from napari_mitoseg.models.spatial_continuity import N_SE, N_SP
from napari_mitoseg.models.stage import Stage
from napari_mitoseg.training.appearance import NO_APPEARANCE, AppearanceSettings
from napari_mitoseg.training.geometry import NO_GEOMETRY, GeometrySettings
from napari_mitoseg.training.settings import FitSettings
from napari_mitoseg.training.sparse_settings import SparsePlan, SparseSettings
from napari_mitoseg.volume import Shape

PAPER_EPOCHS = 100
PAPER_BATCH = 16
PAPER_PATCH = 256
PAPER_AFFINE = 0.03
"""Standard deviation of control points over the size of the patch: the middle of what
the package that the paper used recommends, 0.01 to 0.05."""

FAST_MINUTES = 6.0
FAST_WIDTHS = (24, 48, 96, 128, 192)
FAST_AFFINE = 0.02
FAST_REACH = 2


def make_plan(
    settings: SparseSettings,
    shape: Sequence[int],
    n_labelled: int,
    start: Stage | None = None,
) -> SparsePlan:
    """Work out what a preset comes to for a stack.

    Parameters
    ----------
    settings : SparseSettings
        What was chosen.
    shape : sequence of int
        Size of the stack on the model's grid, ZYX.
    n_labelled : int
        Labelled slices.
    start : Stage, optional
        Architecture that N_se has to have, because training starts from a model.

    Returns
    -------
    SparsePlan
        Networks, fits and times.
    """
    z, y, x = shape
    whole: Shape = (z, y, x)
    if settings.preset == "paper":
        return paper_plan(settings, whole, n_labelled)
    return fast_plan(settings, whole, start)


def paper_plan(settings: SparseSettings, shape: Shape, n_labelled: int) -> SparsePlan:
    """Return the published method.

    Parameters
    ----------
    settings : SparseSettings
        Seed, time, and what is left out.
    shape : tuple of int
        Size of the stack, ZYX.
    n_labelled : int
        Labelled slices.

    Returns
    -------
    SparsePlan
        U-Nets with 32 filters and four levels, N = 15, Dice loss, RMSprop at 5e-4,
        100 epochs of batches of 16, flips, turns, piecewise affine deformation.

    Notes
    -----
    The paper trains on whole slices, of which 16 at once need more memory than most
    devices have. Here patches are 256×256, or as much as a smaller slice holds, and an
    epoch is as many as cover the labelled slices (for N_sp: all slices) once. The paper
    leaves the angles of rotations open; here they are quarter turns.
    """
    side = _largest_patch(shape, PAPER_PATCH, 16)
    per_slice = math.ceil(shape[1] / side) * math.ceil(shape[2] / side)
    common = FitSettings(
        patch=(1, side, side),
        batch=PAPER_BATCH,
        optimizer="rmsprop",
        learning_rate=5e-4,
        schedule="constant",
        weight_decay=0,
        loss="dice",
        averaging=0,
        foreground=0,
        dark=0,
        geometry=_geometry(NO_GEOMETRY, PAPER_AFFINE * settings.affine),
        appearance=NO_APPEARANCE,
        validate_every=100,
        keep="last",
        seed=settings.seed,
    )
    minutes = settings.minutes or 0.0
    first, second = (
        common.model_copy(update=_length(count * per_slice, minutes))
        for count in (n_labelled, shape[0])
    )
    return SparsePlan(
        segmentation=N_SE,
        refinement=N_SP,
        masks="binary",
        middle=True,
        uses_truth=False,
        warm=False,
        views=8,
        rounds=1,
        first=first,
        second=second,
        minutes=minutes,
        share=n_labelled / (n_labelled + shape[0]) if settings.refine else 1,
        held_share=0,
        drifts=False,
        truth_share=0,
        sure=0,
    )


def fast_plan(
    settings: SparseSettings, shape: Shape, start: Stage | None
) -> SparsePlan:
    """Return the preset for a laptop.

    Parameters
    ----------
    settings : SparseSettings
        Seed, time, and what is left out.
    shape : tuple of int
        Size of the stack on the model's grid, ZYX.
    start : Stage or None
        Architecture of the model that training starts from.

    Returns
    -------
    SparsePlan
        N_se: the `fast` network on three slices. N_sp: the same, from the weights of
        N_se, with the coarse masks of two slices on either side; truth where there is
        truth.
    """
    segmentation = start or Stage(
        architecture="fast",
        config={"widths": FAST_WIDTHS, "context": 1, "outputs": ("semantic",)},
    )
    n_images = 2 * int(segmentation.config.get("context", 1)) + 1
    refinement = Stage(
        architecture=segmentation.architecture,
        config={
            **segmentation.config,
            "context": FAST_REACH,
            "extra": n_images,
        },
    )
    architecture = architectures[segmentation.architecture]
    divisor = architecture.from_config(segmentation.config).divisor[1]
    side = _largest_patch(shape, 192, divisor)
    first = FitSettings(
        limit="minutes",
        patch=(1, side, side),
        batch=8,
        learning_rate=4e-3 if start is None else 2.5e-3,
        averaging=0.99,
        foreground=0.1,
        dark=0,
        geometry=_light_geometry(FAST_AFFINE * settings.affine),
        appearance=_light_appearance(),
        validate_every=100,
        keep="last",
        seed=settings.seed,
    )
    second = first.model_copy(update={"learning_rate": 1.5e-3})
    return SparsePlan(
        segmentation=segmentation,
        refinement=refinement,
        masks="probability",
        middle=False,
        uses_truth=True,
        warm=True,
        views=4,
        rounds=2,
        first=first,
        second=second,
        minutes=settings.minutes or FAST_MINUTES,
        share=0.5 if settings.refine else 1,
        held_share=0.3 if settings.held_out else 0,
        drifts=True,
        truth_share=0.5,
        sure=0.2,
    )


def _light_geometry(piecewise: float) -> GeometrySettings:
    """Return little deformation, flips and quarter turns."""
    return GeometrySettings(
        smallest=0.9,
        largest=1.1,
        rotate=False,
        aspect=1.1,
        warp=0,
        piecewise=piecewise,
        shift_chance=0,
        missing_chance=0,
    )


def _light_appearance() -> AppearanceSettings:
    """Return little change: the stack to predict is the one that is learned from."""
    changes = {"contrast": 0.3, "noise": 0.1}
    return NO_APPEARANCE.model_copy(update=changes)


def _geometry(settings: GeometrySettings, piecewise: float) -> GeometrySettings:
    return settings.model_copy(update={"piecewise": piecewise})


def _length(n_patches: int, minutes: float) -> dict[str, Any]:
    """Return how long to fit: 100 epochs, or a share of the time that was given."""
    steps = PAPER_EPOCHS * math.ceil(n_patches / PAPER_BATCH)
    return {"limit": "minutes"} if minutes else {"limit": "steps", "steps": steps}


def _largest_patch(shape: Shape, side: int, divisor: int) -> int:
    """Return the side of the largest legal patch up to `side` that fits a slice."""
    return max(divisor, min(side, *shape[1:]) // divisor * divisor)
