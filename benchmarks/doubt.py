"""How unsure a model is of stacks it knows, of changed ones, and of what is none.

    python benchmarks/doubt.py --data ../shared/data --model fast runs/no_sbem/model

The last five slices of each stack are shown as they are, inverted, and with a spacing
that is said twice too coarse or too fine; then a slice of muscle and photographs.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from skimage import data as pictures
from systems import N_TEST, STACKS, read, read_muscle

from napari_mitoseg.inference.doubt import is_unusual, measure_doubt
from napari_mitoseg.inference.predict import predict_maps
from napari_mitoseg.inference.settings import InferenceSettings
from napari_mitoseg.jobs import drain
from napari_mitoseg.models.zoo import TrainedModel, load_model
from napari_mitoseg.volume import Volume

PHOTOGRAPHS = ("camera", "coins", "brick", "grass")
UNRELATED = (40.0, 8.0, 8.0)
PART = 600
"""Pixels along y and x that are shown with a spacing said too coarse."""


def shown(data: Path) -> Iterator[Volume]:
    """Make what the models are shown."""
    for name, spacing in STACKS.items():
        image = read(name, data, slice(-N_TEST, None)).image.read()
        z, y, x = spacing
        part = image[:, :PART, :PART]
        for title, grey, said in (
            ("", image, spacing),
            (" inverted", 255 - image, spacing),
            (" too coarse", part, (z, 2 * y, 2 * x)),
            (" too fine", image, (z, y / 2, x / 2)),
        ):
            yield Volume(grey, said, f"{name}{title}")
    yield read_muscle(data)[0].image
    for name in PHOTOGRAPHS:
        picture = getattr(pictures, name)()[:300, :300]
        yield Volume(np.stack([picture] * 3), UNRELATED, name)


def judge(image: Volume, model: TrainedModel) -> str:
    """Return the doubt of a model as a cell, bold where it warns."""
    maps = drain(predict_maps(image, model, InferenceSettings()))
    doubt = measure_doubt(maps.semantic)
    if doubt is None:
        return "**nothing found**"
    usual = model.card.doubt
    warns = usual is not None and is_unusual(doubt, usual)
    return f"**{doubt:.2f}**" if warns else f"{doubt:.2f}"


def main() -> int:
    """Print a row for each image and a column for each model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", nargs="+", required=True, help="names or folders")
    arguments = parser.parse_args()
    models = [load_model(name) for name in arguments.model]
    print("| shown |", " | ".join(arguments.model), "|")
    print("|---|" + "---|" * len(models))
    print("| usual |", " | ".join(str(model.card.doubt) for model in models), "|")
    for image in shown(arguments.data):
        cells = (judge(image, model) for model in models)
        print(f"| {image.name} |", " | ".join(cells), "|", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
