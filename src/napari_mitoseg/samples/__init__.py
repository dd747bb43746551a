"""Sample stacks: synthetic ones with exact truth, and a public one."""

from napari_mitoseg.samples.settings import SyntheticSettings
from napari_mitoseg.samples.synthetic import synthetic_em

__all__ = ["SyntheticSettings", "synthetic_em"]
