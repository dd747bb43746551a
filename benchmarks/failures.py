"""Draw what a model finds in synthetic stacks it has never seen: right, wrong, missed.

    python benchmarks/failures.py --model fast --figure docs/images/failures.jpg

Slices of the real stacks may not be shown in the documentation; these may.
"""

import argparse
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from numpy.typing import NDArray
from skimage.segmentation import find_boundaries

from napari_mitoseg.inference.predict import predict_maps
from napari_mitoseg.inference.settings import InferenceSettings
from napari_mitoseg.jobs import drain
from napari_mitoseg.maps import cutoff
from napari_mitoseg.models.zoo import load_model
from napari_mitoseg.samples import SyntheticSettings, synthetic_em

SHAPE = (5, 448, 448)
SPACING = (40.0, 8.0, 8.0)
SEEDS = (901, 902, 903)
COLOURS = {"right": "#00c853", "wrong": "#ff1744", "missed": "#2979ff"}


def overlay(
    grey: NDArray[np.uint8], found: NDArray[np.bool_], truth: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Outline and tint what is right, wrong and missed; RGB, 0 to 1."""
    picture = np.repeat(grey[..., None] / 255, 3, axis=-1)
    parts = {"right": found & truth, "wrong": found & ~truth, "missed": truth & ~found}
    for name, part in parts.items():
        colour = np.array(mpl.colors.to_rgb(COLOURS[name]))
        edge = find_boundaries(part, mode="inner")
        picture[part] = 0.75 * picture[part] + 0.25 * colour
        picture[edge] = colour
    return picture


def main() -> int:
    """Draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="fast", help="name or folder")
    parser.add_argument("--figure", type=Path, required=True)
    arguments = parser.parse_args()
    mpl.use("Agg")
    model = load_model(arguments.model)
    size = (4 * len(SEEDS), 8.3)
    figure, axes = plt.subplots(2, len(SEEDS), figsize=size, layout="constrained")
    for column, seed in zip(axes.T, SEEDS, strict=True):
        image, labels = synthetic_em(
            SHAPE, SPACING, seed, SyntheticSettings(distractors=1.6)
        )
        maps = drain(predict_maps(image, model, InferenceSettings()))
        middle = SHAPE[0] // 2
        grey, truth = image.read()[middle], np.asarray(labels[middle]) > 0
        found = maps.semantic[middle] > cutoff(0.5)
        iou = (found & truth).sum() / (found | truth).sum()
        column[0].imshow(grey, cmap="gray")
        column[1].imshow(overlay(grey, found, truth))
        column[1].set_title(f"IoU {iou:.2f}", fontsize=9)
    for ax in axes.flat:
        ax.set_axis_off()
    handles = [mpl.patches.Patch(color=c, label=name) for name, c in COLOURS.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    figure.savefig(arguments.figure, dpi=70)
    return 0


if __name__ == "__main__":
    sys.exit(main())
