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
from numpy.typing import NDArray
from skimage.draw import polygon2mask
from skimage.measure import label, regionprops
from systems import read

from napari_mitoseg.inference.predict import predict_maps
from napari_mitoseg.inference.settings import InferenceSettings
from napari_mitoseg.jobs import drain
from napari_mitoseg.maps import cutoff
from napari_mitoseg.models.zoo import load_model

OUTLINES = Path(__file__).with_name("structures.json")
SMALLEST = 100
"""Pixels from which a false object counts."""

Count = tuple[int, float, float]


def false_objects(
    found: NDArray[np.bool_], truth: NDArray[np.bool_]
) -> list[NDArray[np.intp]]:
    """Return the pixels, shape (n, 2), of each object that is no mitochondrion.

    Parameters
    ----------
    found, truth : ndarray of bool, shape (Y, X)
        What the model found; mitochondria.  An object is none if less than a tenth of
        it is.
    """
    objects = (one.coords for one in regionprops(label(found)))
    return [
        pixels
        for pixels in objects
        if len(pixels) >= SMALLEST and truth[tuple(pixels.T)].mean() < 0.1
    ]


def count_inside(
    objects: list[NDArray[np.intp]],
    false: NDArray[np.bool_],
    background: NDArray[np.bool_],
) -> Count:
    """Count what was found in a structure and is no mitochondrion.

    Parameters
    ----------
    objects : list of ndarray, shape (n, 2)
        False objects of the slice; those count of which half lies in the background.
    false, background : ndarray of bool, shape (Y, X)
        What was found wrongly; what of the structure is no mitochondrion.

    Returns
    -------
    tuple
        False objects; false pixels; pixels of the structure that are no mitochondria.
    """
    inside = sum(background[tuple(pixels.T)].mean() > 0.5 for pixels in objects)
    return int(inside), float((false & background).sum()), float(background.sum())


def main() -> int:
    """Print a row for each kind of structure and a column for each model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", nargs="+", required=True, help="names or folders")
    arguments = parser.parse_args()
    table: dict[str, dict[str, Count]] = defaultdict(dict)
    models = {name: load_model(name) for name in arguments.model}
    for stack, outlines in json.loads(OUTLINES.read_text(encoding="utf-8")).items():
        given = read(stack, arguments.data, slice(None))
        truth = given.labels.read() > 0
        for name, model in models.items():
            maps = drain(predict_maps(given.image, model, InferenceSettings()))
            found = maps.semantic > cutoff(0.5)
            slices = {one["slice"] for one in outlines}
            objects = {z: false_objects(found[z], truth[z]) for z in slices}
            for one in outlines:
                z = one["slice"]
                corners = np.asarray(one["outline"])[:, ::-1]
                background = polygon2mask(truth.shape[1:], corners) & ~truth[z]
                counted = count_inside(objects[z], found[z] & ~truth[z], background)
                earlier = table[one["kind"]].get(name, (0, 0.0, 0.0))
                count, false, pixels = map(sum, zip(earlier, counted, strict=True))
                table[one["kind"]][name] = int(count), false, pixels
    print("| structure |", " | ".join(arguments.model), "|")
    print("|---|" + "---|" * len(arguments.model))
    for kind, row in table.items():
        cells = (f"{n} objects, {false / all_:.1%}" for n, false, all_ in row.values())
        print(f"| {kind} |", " | ".join(cells), "|")
    return 0


if __name__ == "__main__":
    sys.exit(main())
