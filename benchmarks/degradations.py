"""What coarse pixels, noise, blur and uneven light cost a model.

    python benchmarks/degradations.py --data ../shared/data --model fast runs/a/model

The last five slices of each stack are degraded, segmented, and scored by IoU at
probability 0.5, at the stack's own pixels.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from sparse import iou
from systems import N_TEST, STACKS, read

from napari_mitoseg.inference.predict import predict_maps
from napari_mitoseg.inference.resampling import Planes, resize_planes
from napari_mitoseg.inference.settings import InferenceSettings
from napari_mitoseg.jobs import drain
from napari_mitoseg.models.zoo import TrainedModel, load_model
from napari_mitoseg.volume import Array, Volume

NANOMETRES = (8, 12, 16)
DEVIATIONS = (10, 25, 50)
SIGMAS = (1.5, 3)
CONTRAST, GREY, QUALITY, MEDIAN = 0.3, 128, 30, 5
LIGHT = (0.5, 1.3)
"""Of the left and of the right edge."""


def coarsened(planes: Planes, spacing: float, wanted: float) -> Planes:
    """Scale slices to other pixels."""
    height, width = (round(n * spacing / wanted) for n in planes.shape[1:])
    return resize_planes(planes, (height, width))


def noisy(planes: Planes, deviation: float) -> Planes:
    """Add Gaussian noise."""
    random = np.random.default_rng(0)
    return planes + deviation * random.standard_normal(planes.shape, np.float32)


def flattened(planes: Planes) -> Planes:
    """Take contrast away."""
    return GREY + CONTRAST * (planes - GREY)


def compressed(planes: Planes) -> Planes:
    """Save slices as JPEG, and read them."""
    return np.stack([_through_jpeg(plane) for plane in planes])


def _through_jpeg(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    with BytesIO() as file:
        Image.fromarray(plane.astype(np.uint8)).save(file, "jpeg", quality=QUALITY)
        return np.asarray(Image.open(file), dtype=np.float32)


def lit(planes: Planes) -> Planes:
    """Brighten slices from left to right."""
    return planes * np.linspace(*LIGHT, planes.shape[-1], dtype=np.float32)


def degradations(spacing: float) -> Iterator[tuple[str, Callable[[Planes], Planes]]]:
    """Name what is done to a stack with this spacing along y and x."""
    yield "as it is", lambda planes: planes
    for wanted in NANOMETRES:
        change = partial(coarsened, spacing=spacing, wanted=wanted)
        yield f"pixels of {wanted} nm", change
    for deviation in DEVIATIONS:
        yield f"noise, σ {deviation} grey values", partial(noisy, deviation=deviation)
    for sigma in SIGMAS:
        blurred = partial(ndimage.gaussian_filter, sigma=(0, sigma, sigma))
        yield f"blur, σ {sigma:g} pixels", blurred
    median = partial(ndimage.median_filter, size=(1, MEDIAN, MEDIAN))
    yield f"median of {MEDIAN} × {MEDIAN} pixels", median
    yield f"{CONTRAST:.0%} of the contrast", flattened
    yield f"JPEG of quality {QUALITY}", compressed
    yield f"light from {LIGHT[0]:.0%} to {LIGHT[1]:.0%}", lit


def score(planes: Planes, truth: Array, name: str, model: TrainedModel) -> str:
    """Segment what has become of a stack, and return its IoU."""
    z, *fine = STACKS[name]
    pairs = zip(fine, truth.shape[1:], planes.shape[1:], strict=True)
    y, x = (pixel * n_before / n_now for pixel, n_before, n_now in pairs)
    grey = np.clip(np.round(planes), 0, 255).astype(np.uint8)
    job = predict_maps(Volume(grey, (z, y, x), name), model, InferenceSettings())
    semantic = drain(job).semantic.astype(np.float32) / 255
    return f"{iou(resize_planes(semantic, truth.shape[1:]) > 0.5, truth):.3f}"


def main() -> int:
    """Print a row for each degradation and a column for each model and stack."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", nargs="+", required=True, help="names or folders")
    arguments = parser.parse_args()
    models = [load_model(name) for name in arguments.model]
    for stack, (_, _, spacing) in STACKS.items():
        known = read(stack, arguments.data, slice(-N_TEST, None))
        planes, truth = known.image.read().astype(np.float32), known.labels.read() > 0
        print(f"| {stack} |", " | ".join(arguments.model), "|")
        print("|---|" + "---|" * len(models))
        for what, change in degradations(spacing):
            degraded = change(planes)
            cells = (score(degraded, truth, stack, model) for model in models)
            print(f"| {what} |", " | ".join(cells), "|", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
