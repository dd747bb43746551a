"""What makes an object suspicious, one reason a file."""

from napari_mitoseg.proofreading.suspicions.abrupt_end import AbruptEnd
from napari_mitoseg.proofreading.suspicions.border import TouchesBorder
from napari_mitoseg.proofreading.suspicions.disagreement import Disagreement
from napari_mitoseg.proofreading.suspicions.gap import Gap
from napari_mitoseg.proofreading.suspicions.probability import LowProbability
from napari_mitoseg.proofreading.suspicions.shape import OddShape
from napari_mitoseg.proofreading.suspicions.size import OddSize
from napari_mitoseg.proofreading.suspicions.suspicion import (
    Finding,
    Suspicion,
    suspicions,
)
from napari_mitoseg.proofreading.suspicions.thin_neck import ThinNeck

__all__ = [
    "AbruptEnd",
    "Disagreement",
    "Finding",
    "Gap",
    "LowProbability",
    "OddShape",
    "OddSize",
    "Suspicion",
    "ThinNeck",
    "TouchesBorder",
    "suspicions",
]
