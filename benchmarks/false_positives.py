"""What a model takes for mitochondria: myelin, nuclei, Golgi, dense bodies, vesicles.

    python benchmarks/false_positives.py --data ../shared/data --model before after

The structures were outlined by hand (``structures.json``); each outline may hold
mitochondria, which the truth tells.
"""

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from skimage.draw import polygon2mask
from skimage.measure import label, regionprops
from systems import STACKS

from napari_mitoseg.inference.predict import predict_maps
from napari_mitoseg.inference.settings import InferenceSettings
from napari_mitoseg.jobs import drain
from napari_mitoseg.maps import cutoff
from napari_mitoseg.models.zoo import load_model
from napari_mitoseg.volume import Volume

OUTLINES = Path(__file__).with_name("structures.json")
SMALLEST = 100
"""Pixels from which a false object counts."""

Count = tuple[int, float, float]


def count_false(
    found: NDArray[np.bool_], truth: NDArray[np.bool_], inside: NDArray[np.bool_]
) -> Count:
    """Count what is found in a structure and is no mitochondrion.

    Parameters
    ----------
    found, truth, inside : ndarray of bool, shape (Y, X)
        What the model found; mitochondria; the structure.

    Returns
    -------
    tuple
        Objects of which no tenth is mitochondria and half lies inside; false pixels
        inside; pixels inside that are no mitochondria.
    """
    objects = 0
    for one in regionprops(label(found)):
        rows, columns = one.coords.T
        is_false = truth[rows, columns].mean() < 0.1
        objects += int(
            one.area >= SMALLEST and is_false and inside[rows, columns].mean() > 0.5
        )
    background = inside & ~truth
    return objects, float((found & background).sum()), float(background.sum())


def main() -> int:
    """Print a row for each kind of structure and a column for each model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", nargs="+", required=True, help="names or folders")
    arguments = parser.parse_args()
    table: dict[str, dict[str, Count]] = defaultdict(dict)
    for stack, outlines in json.loads(OUTLINES.read_text(encoding="utf-8")).items():
        image = tifffile.imread(arguments.data / stack / "image.tif")
        truth = tifffile.imread(arguments.data / stack / "mitochondria.tif") > 0
        volume = Volume(image, STACKS[stack], stack)
        for name in arguments.model:
            maps = drain(predict_maps(volume, load_model(name), InferenceSettings()))
            for one in outlines:
                z = one["slice"]
                corners = np.asarray(one["outline"])[:, ::-1]
                inside = polygon2mask(truth.shape[1:], corners)
                found = maps.semantic[z] > cutoff(0.5)
                earlier = table[one["kind"]].get(name, (0, 0.0, 0.0))
                counted = count_false(found, truth[z], inside)
                objects, false, pixels = map(sum, zip(earlier, counted, strict=True))
                table[one["kind"]][name] = int(objects), false, pixels
    print("| structure |", " | ".join(arguments.model), "|")
    print("|---|" + "---|" * len(arguments.model))
    for kind, row in table.items():
        cells = (f"{n} objects, {false / all_:.1%}" for n, false, all_ in row.values())
        print(f"| {kind} |", " | ".join(cells), "|")
    return 0


if __name__ == "__main__":
    sys.exit(main())
