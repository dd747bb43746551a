"""What the fully connected CRF does to the maps of trained models.

    python benchmarks/crf.py --data ../shared/data --stack sbem_brain --models DIR...

Every other one of the last five slices is predicted, as `systems.py` trains without
them, and scored with and without the step: IoU at probability 0.5, and at the best
threshold there is (which takes the truth to find).  Each setting is written as a
recipe has it.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from sparse import iou
from systems import STACKS

from napari_mitoseg.inference.predict import predict_maps
from napari_mitoseg.inference.settings import InferenceSettings
from napari_mitoseg.jobs import drain
from napari_mitoseg.models.zoo import load_model
from napari_mitoseg.postprocessing.dense_crf import DenseCrf
from napari_mitoseg.preprocessing import Pipeline
from napari_mitoseg.volume import Array, Volume

LAST, EVERY = 5, 2
THRESHOLDS = range(5, 251, 10)
SETTINGS = (
    {},
    {"appearance": 1, "smoothness": 1},
    {"appearance": 0, "smoothness": 3},
    {"appearance": 3, "smoothness": 0},
)


def tell(what: str, semantic: Array, truth: NDArray[np.bool_]) -> None:
    """Print what a map scores."""
    best, cut = max((iou(semantic > cut, truth), cut) for cut in THRESHOLDS)
    middle = iou(semantic > 127, truth)
    found = f"{middle:.3f}   best {best:.3f} at {cut / 255:.2f}"
    print(f"    {what:36s} {found}", flush=True)


def report(folder: Path, image: Volume, truth: NDArray[np.bool_]) -> None:
    """Predict with one model, and print its scores."""
    model = load_model(folder)
    equalized = model.card.architecture == "fusion-fcn"
    seen = Pipeline.parse([{"step": "equalize"}])(image) if equalized else image
    semantic = drain(predict_maps(seen, model, InferenceSettings())).semantic[::EVERY]
    planes = [seen.read_slice(z) for z in range(0, LAST, EVERY)]
    print(f"  {folder.name}", flush=True)
    tell("no CRF", semantic, truth)
    for values in SETTINGS:
        crf = DenseCrf.parse(values)
        pairs = zip(semantic, planes, strict=True)
        refined = [crf.refined(part, plane, image.spacing) for part, plane in pairs]
        tell(f"CRF {json.dumps(values)}", np.stack(refined), truth)


def main() -> int:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--stack", choices=STACKS, required=True)
    parser.add_argument("--models", type=Path, nargs="+", required=True)
    arguments = parser.parse_args()
    folder = arguments.data / arguments.stack
    image = tifffile.imread(folder / "image.tif")[-LAST:]
    truth = tifffile.imread(folder / "mitochondria.tif")[-LAST::EVERY] > 0
    volume = Volume(image, STACKS[arguments.stack], arguments.stack)
    for model in arguments.models:
        report(model, volume, truth)
    return 0


if __name__ == "__main__":
    sys.exit(main())
