"""Objects that the network was not sure of."""

from typing import ClassVar

from napari_mitoseg.params import param
from napari_mitoseg.proofreading.sight import Sight
from napari_mitoseg.proofreading.suspicions.suspicion import (
    Finding,
    Suspicion,
    ramp,
    suspicions,
)


@suspicions.register("low-probability")
class LowProbability(Suspicion):
    """The mean probability of mitochondrion is low."""

    name: ClassVar[str] = "low-probability"
    title: ClassVar[str] = "Low probability"

    sure: float = param(
        0.85, gt=0.5, le=1, description="Mean probability from which on all is well."
    )

    def look(self, sight: Sight) -> Finding | None:
        """Average the probability over the object."""
        values = sight.probability
        if values is None or not values.size:
            return None
        mean = float(values.mean())
        return Finding(ramp(mean, self.sure, 0.5), f"mean probability {mean:.2f}")
