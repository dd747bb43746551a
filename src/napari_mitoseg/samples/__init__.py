"""Sample stacks: synthetic ones with exact truth, and a public one."""

from napari_mitoseg.samples.public import epfl_ca1
from napari_mitoseg.samples.settings import SyntheticSettings
from napari_mitoseg.samples.synthetic import synthetic_em

__all__ = ["SyntheticSettings", "epfl_ca1", "synthetic_em"]
