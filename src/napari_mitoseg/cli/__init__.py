"""The command line: the same jobs as in napari, without a screen.

Exit status 0 only when everything asked for was written.  Bad input ends with status
2 and one line that says what was given, what is allowed and what to do.
"""

# Importing a module files its commands, in the order of the reference page.
# isort: off
from napari_mitoseg.cli import segmenting
from napari_mitoseg.cli import training
from napari_mitoseg.cli import scoring
from napari_mitoseg.cli import measuring
from napari_mitoseg.cli import exporting
from napari_mitoseg.cli import restoring
from napari_mitoseg.cli import exchanging
from napari_mitoseg.cli.app import app, main
# isort: on

__all__ = [
    "app",
    "exchanging",
    "exporting",
    "main",
    "measuring",
    "restoring",
    "scoring",
    "segmenting",
    "training",
]
