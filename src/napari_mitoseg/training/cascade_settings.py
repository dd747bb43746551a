"""Settings of training a cascade, and proposals for them."""

from math import log2
from typing import Literal

from napari_mitoseg.models.cascade import CascadeConfig, Strategy
from napari_mitoseg.models.residual_unet import ResUNet3dConfig
from napari_mitoseg.params import Params, param
from napari_mitoseg.training.appearance import AppearanceSettings
from napari_mitoseg.training.cue_batches import CueNoise
from napari_mitoseg.training.dense_plan import LIGHT
from napari_mitoseg.training.detector import for_detector
from napari_mitoseg.training.geometry import NO_GEOMETRY
from napari_mitoseg.training.settings import FitSettings
from napari_mitoseg.volume import Spacing

DETECTOR, BOTTOM_UP, CASCADE = "detector", "bottom-up", "segmentation"


def with_cross_entropy(settings: FitSettings) -> FitSettings:
    """Return settings with the loss of the paper: binary cross-entropy."""
    return settings.model_copy(update={"loss": "bce"})


def for_segmentation(settings: FitSettings) -> FitSettings:
    """Turn settings that suit most networks into those of the second stage.

    Parameters
    ----------
    settings : FitSettings
        How long, on which patches and with which seed.

    Returns
    -------
    FitSettings
        Binary cross-entropy; in the place of the light augmentations the turns of the
        paper and a little change of appearance, others as they are.
    """
    named = settings.augmentations
    return with_cross_entropy(settings).model_copy(
        update={
            "averaging": 0.99,
            "geometry": NO_GEOMETRY,
            "appearance": AppearanceSettings(stain=0.2, local=0.1, stripes=0),
            "augmentations": None if named == LIGHT else named,
        }
    )


class CascadeSettings(Params):
    """How to train a cascade."""

    limit: Literal["steps", "minutes"] = param(
        "minutes",
        description="What ends the training: the steps of each stage, or the time.",
    )
    minutes: float = param(
        20.0, gt=0, description="Time for all stages, if it is the limit.", unit="min"
    )
    detector_share: float = param(
        0.3, gt=0, lt=1, description="Share of the time that the detector gets."
    )
    detector: FitSettings = param(
        for_detector(FitSettings()), description="How the detector is trained."
    )
    segmentation: FitSettings = param(
        for_segmentation(FitSettings(patch=(8, 128, 128), batch=2)),
        description="How the 3D networks are trained.",
    )
    noise: CueNoise = param(CueNoise(), description="Errors put into the cues.")

    def stages(self, strategy: Strategy) -> dict[str, FitSettings]:
        """Return how each network is trained.

        Parameters
        ----------
        strategy : str
            Multi-cue has a 3D network more.

        Returns
        -------
        dict of FitSettings
            By the name of the stage, in order; the time is shared out.
        """
        stages = {DETECTOR: self.detector}
        if strategy == "multi-cue":
            stages[BOTTOM_UP] = self.segmentation
        stages[CASCADE] = self.segmentation
        if self.limit == "steps":
            return {
                k: v.model_copy(update={"limit": "steps"}) for k, v in stages.items()
            }
        return {
            name: one.model_copy(
                update={
                    "limit": "minutes",
                    "minutes": self.share(name, len(stages)) * self.minutes,
                }
            )
            for name, one in stages.items()
        }

    def share(self, name: str, n_stages: int) -> float:
        """Return the share of the time that a stage out of two or three gets."""
        rest = (1 - self.detector_share) / (n_stages - 1)
        return self.detector_share if name == DETECTOR else rest


def propose_config(
    spacing: Spacing,
    strategy: Strategy = "multi-slice-fusion",
    widths: tuple[int, ...] = (16, 32, 64, 128, 256),
) -> CascadeConfig:
    """Propose a cascade for the spacing of a stack.

    Parameters
    ----------
    spacing : tuple of float
        nm, ZYX.
    strategy : str
        Of the paper.
    widths : tuple of int
        Of the 3D networks.

    Returns
    -------
    CascadeConfig
        z is halved where, at that level, slices are not thicker than pixels are wide.

    Examples
    --------
    >>> [propose_config(s).segmentation.z_halvings for s in ((5, 5, 5), (50, 5, 5))]
    [4, 1]
    """
    z, y, x = spacing
    flat = max(round(log2(z / (y * x) ** 0.5)), 0)
    halvings = max(len(widths) - 1 - flat, 0)
    stage = ResUNet3dConfig(widths=widths, z_halvings=halvings)
    return CascadeConfig(strategy=strategy, segmentation=stage)
