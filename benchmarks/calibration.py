"""Reliability of the confidence: of objects with it, how many are mitochondria.

    python benchmarks/calibration.py --data ../shared/data --model fast \
        --unseen sbem_brain=DIR sstem_vnc=DIR --figure docs/images/reliability.png

Slices held out of the training of MODEL, to which its calibration was fitted, are
taken in halves: fitted to every other slice, shown for the rest.  Each DIR is a model
trained without the stack: there its card's calibration is shown on all slices.
"""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from numpy.typing import NDArray
from systems import N_TEST, STACKS, models_of, read

from napari_mitoseg.evaluation.calibration import fit_calibration, judge_objects
from napari_mitoseg.inference.predict import predict_maps
from napari_mitoseg.inference.settings import InferenceSettings
from napari_mitoseg.jobs import drain
from napari_mitoseg.maps import FULL, confidence
from napari_mitoseg.models.zoo import TrainedModel, load_model

EDGES = np.array([0, 0.2, 0.4, 0.6, 0.75, 0.85, 0.95, 1.0001])
FEWEST = 5
"""Objects that a point of the diagram needs."""


class Judged(NamedTuple):
    """Objects, what the model thought of them, and whether they are mitochondria."""

    mean: NDArray[np.float64]
    is_right: NDArray[np.bool_]


def judge(stack: str, data: Path, model: TrainedModel) -> list[Judged]:
    """Predict a stack and judge the objects of each slice."""
    given = read(stack, data, slice(None))
    truth = given.labels.read() > 0
    semantic = drain(predict_maps(given.image, model, InferenceSettings())).semantic
    pairs = zip(semantic / FULL, truth, strict=True)
    return [Judged(*judge_objects(found[None], true[None])) for found, true in pairs]


def together(parts: list[Judged]) -> Judged:
    """Join the objects of several slices."""
    return Judged(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def crossed(parts: list[Judged]) -> tuple[NDArray, NDArray[np.bool_]]:
    """Fit to every other slice and return the confidence of the objects of the rest."""
    halves = together(parts[::2]), together(parts[1::2])
    pairs = [
        (confidence(shown.mean, fit_calibration(*fitted)), shown.is_right)
        for fitted, shown in (halves, halves[::-1])
    ]
    sure, is_right = zip(*pairs, strict=True)
    return np.concatenate(sure), np.concatenate(is_right)


def report(what: str, sure: NDArray, is_right: NDArray[np.bool_]) -> NDArray:
    """Print and return the points of a reliability diagram: confidence, share."""
    numbers = np.digitize(sure, EDGES) - 1
    points, error = [], 0.0
    print(f"{what}: {len(sure)} objects, {is_right.mean():.2f} of them right")
    for number in range(len(EDGES) - 1):
        inside = numbers == number
        if not inside.any():
            continue
        mean, share = sure[inside].mean(), is_right[inside].mean()
        error += inside.mean() * abs(mean - share)
        print(f"  confidence {mean:.2f}: {share:.2f} right of {inside.sum()}")
        if inside.sum() >= FEWEST:
            points.append((mean, share))
    print(f"  expected calibration error {error:.3f}", flush=True)
    return np.array(points)


def main() -> int:
    """Print the tables and draw the diagram."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="fast")
    parser.add_argument("--unseen", nargs="*", default=[], metavar="STACK=DIR")
    parser.add_argument("--figure", type=Path)
    arguments = parser.parse_args()
    curves = {}
    model = load_model(arguments.model)
    for stack in STACKS:
        held = judge(stack, arguments.data, model)[-N_TEST:]
        title = f"{stack}, slices held out"
        curves[title] = report(title, *crossed(held))
    for stack, model in models_of(arguments.unseen):
        mean, is_right = together(judge(stack, arguments.data, model))
        title = f"{stack}, never seen"
        curves[title] = report(
            title, confidence(mean, model.card.calibration), is_right
        )
    if arguments.figure:
        draw(curves, arguments.figure)
    return 0


def draw(curves: dict[str, NDArray], path: Path) -> None:
    """Draw the diagram."""
    mpl.use("Agg")
    figure, axes = plt.subplots(figsize=(4.5, 4.2), layout="constrained")
    axes.plot([0, 1], [0, 1], "--", color="0.6", label="as it should be")
    for title, points in curves.items():
        dashed = ":" if "never" in title else "-"
        axes.plot(*points.T, dashed, marker="o", label=title)
    axes.set(xlabel="confidence", ylabel="share that are mitochondria", xlim=(0, 1))
    axes.set_ylim(0, 1)
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    sys.exit(main())
