"""Changes of the image before the network sees it."""

from napari_mitoseg.preprocessing.clahe import Clahe
from napari_mitoseg.preprocessing.equalize import Equalize
from napari_mitoseg.preprocessing.gaussian import Gaussian
from napari_mitoseg.preprocessing.invert import Invert
from napari_mitoseg.preprocessing.register import Register
from napari_mitoseg.preprocessing.step import (
    Pipeline,
    Prepared,
    Step,
    Table,
    steps,
)

__all__ = [
    "Clahe",
    "Equalize",
    "Gaussian",
    "Invert",
    "Pipeline",
    "Prepared",
    "Register",
    "Step",
    "Table",
    "steps",
]
