"""How the threshold of seeds and the fate of parts without one change the instances.

    python benchmarks/seeds.py --data ../shared/data --model fast \
        --unseen sbem_brain=runs/no_sbem/model sstem_vnc=runs/no_vnc/model

The default chain over the slices held out, over whole stacks that a model has never
seen, and over three images of muscle, whose mitochondria touch and whose truth is of
instances; that of the stacks is their connected components.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from systems import MUSCLE, N_TEST, STACKS, models_of, read, read_muscle

from napari_mitoseg.evaluation import evaluate
from napari_mitoseg.inference.predict import predict_maps
from napari_mitoseg.inference.settings import InferenceSettings
from napari_mitoseg.jobs import drain
from napari_mitoseg.labelling import label_components
from napari_mitoseg.maps import ProbabilityMaps
from napari_mitoseg.models.zoo import TrainedModel, load_model
from napari_mitoseg.postprocessing import (
    DEFAULT_CHAIN,
    Chain,
    SeededWatershed,
    SeedMap,
)
from napari_mitoseg.training.dense_data import LabelledVolume
from napari_mitoseg.volume import Array, Volume

THRESHOLDS = (0.6, 0.7, 0.8, 0.9)


class Given(NamedTuple):
    """One stack or image, its maps and its instances."""

    image: Volume
    maps: ProbabilityMaps
    truth: Array


def predict(stack: LabelledVolume, truth: Array, model: TrainedModel) -> Given:
    """Predict a stack."""
    maps = drain(predict_maps(stack.image, model, InferenceSettings()))
    return Given(stack.image, maps, truth)


def from_stack(name: str, data: Path, part: slice, model: TrainedModel) -> Given:
    """Predict slices of a stack."""
    stack = read(name, data, part)
    truth, _ = label_components(stack.labels.read() > 0, 26)
    return predict(stack, truth, model)


def chain_with(threshold: float, unseeded: str) -> Chain:
    """Return the default chain with other seeds."""
    changed = {
        "seed-map": SeedMap(semantic=threshold),
        "seeded-watershed": SeededWatershed.parse({"unseeded": unseeded}),
    }
    return Chain([changed.get(step.name, step) for step in DEFAULT_CHAIN.steps])


def score(given: Sequence[Given], chain: Chain) -> str:
    """Return mean IoU, AP50 and AP75, and how many objects there are, as cells."""
    rows = []
    for image, maps, truth in given:
        labels = drain(chain.run(maps, image=image)).labels
        volumes = (Volume(one, maps.spacing) for one in (labels, truth))
        found = evaluate(*volumes, instances=True).by_name()
        scores = [found[name] or 0 for name in ("foreground_iou", "ap50", "ap75")]
        rows.append([*scores, labels.max(), len(np.unique(truth)) - 1])
    *scores, n_found, n_true = np.mean(rows, axis=0)
    cells = [f"{value:.3f}" for value in scores]
    return " | ".join([*cells, f"{n_found:.0f} of {n_true:.0f}"])


def main() -> int:
    """Print a table for each stack."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="fast", help="name or folder")
    parser.add_argument(
        "--unseen", nargs="*", default=[], help="STACK=FOLDER of models without it"
    )
    arguments = parser.parse_args()
    data, model = arguments.data, load_model(arguments.model)
    held = slice(-N_TEST, None)
    tables = {
        f"{name}, slices held out": [from_stack(name, data, held, model)]
        for name in STACKS
    }
    for name, other in models_of(arguments.unseen):
        tables[f"{name}, never seen"] = [from_stack(name, data, slice(None), other)]
    muscle = read_muscle(data)
    tables[MUSCLE] = [predict(one, one.labels.read(), model) for one in muscle]
    print("| stack | seeds above | without one | IoU | AP50 | AP75 | objects |")
    print("|---|---|---|---|---|---|---|")
    for title, stacks in tables.items():
        for threshold in THRESHOLDS:
            for unseeded in ("keep", "drop"):
                cells = score(stacks, chain_with(threshold, unseeded))
                print(f"| {title} | {threshold} | {unseeded} | {cells} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
