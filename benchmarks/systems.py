"""Every published system, trained for the same time on the same slices, in one table.

    python benchmarks/systems.py --data ../shared/data --out runs/systems --minutes 5

The first slices of each stack are learned from (the last fifth of them is kept back to
choose the best weights by), the last five are predicted and scored: IoU, Dice and mean
IoU of the foreground mask, AP-75 of its instances (the truth is semantic: its instances
are its connected components).  Seconds are those of the whole recipe, memory is the
peak of training and predicting.  Each row is made in a process of its own and kept in
``--out``, so the benchmark may be interrupted and gone on with.  ``processor_time.py``
counts the minutes of one thread instead of those on the wall.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cc3d
import numpy as np
import tifffile

from napari_mitoseg.evaluation import evaluate
from napari_mitoseg.inference.settings import InferenceSettings
from napari_mitoseg.jobs import drain
from napari_mitoseg.models.zoo import TrainedModel, load_model
from napari_mitoseg.pipeline import Result, run_recipe
from napari_mitoseg.preprocessing import Pipeline
from napari_mitoseg.recipe import Recipe
from napari_mitoseg.training.dense import train_dense
from napari_mitoseg.training.dense_data import LabelledVolume
from napari_mitoseg.training.dense_settings import DenseSettings
from napari_mitoseg.volume import Spacing, Volume

Steps = list[dict[str, Any]]

N_TEST = 5
PLAIN: Steps = [{"step": "threshold", "value": 0.5}, {"step": "connected-components"}]
SCORES = {
    "iou": "foreground_iou",
    "dice": "dice",
    "mean_iou": "mean_iou",
    "ap75": "ap75",
}
RECIPES = Path(__file__).parent.parent / "docs" / "recipes"


def behind(recipe: str) -> Steps:
    """Return the post-processing of a published recipe."""
    steps: Steps = Recipe.load(RECIPES / recipe).postprocessing.model_dump()
    return steps


@dataclass(frozen=True)
class System:
    """A row of the table.

    Attributes
    ----------
    title : str
        What it is called there.
    architecture : str
        The network.
    config : dict
        Its settings, where they are not the defaults.
    before, behind : list of dict
        Steps of the recipe.
    trained_as : str
        Another row, whose model this one uses; it differs in the recipe only.
    """

    title: str
    architecture: str
    config: dict[str, Any] = field(default_factory=dict)
    before: Steps = field(default_factory=list)
    behind: Steps = field(default_factory=lambda: PLAIN)
    trained_as: str = ""


EQUALIZED: Steps = [{"step": "equalize"}]
WINDOW = {"window": 192}
SYSTEMS = {
    "fast": System("fast (default network)", "fast"),
    "unet2d": System("2D U-Net, 32 filters", "unet2d"),
    "spatial-continuity": System("spatial continuity, dense", "spatial-continuity"),
    "resunet2d": System("2D Res-UNet", "resunet2d"),
    "resunet3d": System("3D Res-UNet", "resunet3d"),
    "cascade-1": System("cascade 1, cues", "cascade", {"strategy": "multi-cue"}),
    "cascade-2": System("cascade 2, median", "cascade", {"strategy": "median-filter"}),
    "cascade-3": System(
        "cascade 3, fusion", "cascade", {"strategy": "multi-slice-fusion"}
    ),
    "resunet-r": System("Res-UNet-R", "resunet-r"),
    "resunet-h": System("Res-UNet-H", "resunet-h"),
    "fusion-fcn": System("fusion FCN, no CRF", "fusion-fcn", WINDOW, EQUALIZED),
    "fusion-fcn-crf": System(
        "fusion FCN + CRF",
        "fusion-fcn",
        WINDOW,
        EQUALIZED,
        behind("fusion-fcn.json"),
        trained_as="fusion-fcn",
    ),
    "patch-cnn": System("patch CNN, map alone", "patch-cnn"),
    "patch-cnn-full": System(
        "patch CNN",
        "patch-cnn",
        behind=behind("patch-cnn.json"),
        trained_as="patch-cnn",
    ),
}
STACKS: dict[str, Spacing] = {
    "sbem_brain": (40, 5.9, 5.9),
    "sstem_vnc": (50, 4.6, 4.6),
}
MUSCLE = "tem_muscle_2d"
MUSCLE_SPACING: Spacing = (40.0, 5.0, 5.0)
"""A guess, from the size of the mitochondria."""


@dataclass(frozen=True)
class Row:
    """What was measured."""

    iou: float
    dice: float
    mean_iou: float
    ap75: float
    parameters: int
    minutes: float
    seconds_per_mvoxel: float
    steps: int
    gigabytes: float = 0.0


def read(stack: str, data: Path, part: slice) -> LabelledVolume:
    """Read some slices of a stack and its truth."""
    spacing = STACKS[stack]
    image = tifffile.imread(data / stack / "image.tif")[part]
    truth = tifffile.imread(data / stack / "mitochondria.tif")[part] > 0
    return LabelledVolume(
        Volume(image, spacing, stack), Volume(truth.astype(np.uint8), spacing, stack)
    )


def read_muscle(data: Path) -> list[LabelledVolume]:
    """Read the images of muscle, each for itself; their truth is of instances."""
    images = tifffile.imread(data / MUSCLE / "image.tif")
    truth = tifffile.imread(data / MUSCLE / "mitochondria_instances.tif")
    return [
        LabelledVolume(
            Volume(image[None], MUSCLE_SPACING, MUSCLE),
            Volume(labels[None].astype(np.int32), MUSCLE_SPACING, MUSCLE),
        )
        for image, labels in zip(images, truth, strict=True)
    ]


def models_of(given: Sequence[str]) -> Iterator[tuple[str, TrainedModel]]:
    """Load the models of arguments ``STACK=FOLDER``."""
    for one in given:
        stack, _, folder = one.partition("=")
        yield stack, load_model(folder)


def measure(name: str, stack: str, arguments: argparse.Namespace) -> Row:
    """Train one system, or take the model of the row that has it, and score it."""
    system = SYSTEMS[name]
    before = Pipeline.parse(system.before)
    folder = arguments.out / "models" / f"{stack}-{system.trained_as or name}"
    known = read(stack, arguments.data, slice(-N_TEST))
    image = before(known.image)
    settings = DenseSettings(
        architecture=system.architecture,
        config=system.config,
        minutes=arguments.minutes,
        seed=arguments.seed,
    )
    record = arguments.out / f"{stack}-{system.trained_as}.json"
    if record.is_file():
        trained = json.loads(record.read_text(encoding="utf-8"))
        minutes, steps = trained["minutes"], trained["steps"]
    else:
        began = time.monotonic()
        volumes = [LabelledVolume(image, known.labels)]
        steps = drain(train_dense(volumes, settings, folder=folder)).steps
        minutes = (time.monotonic() - began) / 60
    test = read(stack, arguments.data, slice(-N_TEST, None))
    recipe = Recipe(
        preprocessing=before,
        model=str(folder),
        inference=InferenceSettings(),
        postprocessing=system.behind,
    )
    began = time.monotonic()
    result = drain(run_recipe(test.image, recipe))
    seconds = time.monotonic() - began
    return Row(
        **score(result, test),
        parameters=load_model(folder).network.count_parameters(),
        minutes=minutes,
        seconds_per_mvoxel=seconds / (test.image.read().size / 1e6),
        steps=steps,
    )


def score(result: Result, test: LabelledVolume) -> dict[str, float]:
    """Compare a result with the truth."""
    truth = cc3d.connected_components(test.labels.read(), connectivity=26)
    spacing = test.image.spacing
    found = Volume(result.segmentation.labels, spacing)
    scores = evaluate(found, Volume(truth, spacing), instances=True).by_name()
    return {row: float(scores[name] or 0) for row, name in SCORES.items()}


def in_process(name: str, stack: str, arguments: argparse.Namespace) -> Row | None:
    """Measure one system in a process of its own, or read what was measured."""
    record = arguments.out / f"{stack}-{name}.json"
    if not record.is_file():
        again = [sys.executable, *sys.orig_argv[1:]]
        child = subprocess.Popen([*again, "--one", name, "--stacks", stack])
        _, status, used = os.wait4(child.pid, 0)
        if status:
            print(f"  {name} failed on {stack}", flush=True)
            return None
        row = json.loads(record.read_text(encoding="utf-8"))
        row["gigabytes"] = used.ru_maxrss / 2**20
        record.write_text(json.dumps(row, indent=1), encoding="utf-8")
    return Row(**json.loads(record.read_text(encoding="utf-8")))


def report(stack: str, arguments: argparse.Namespace) -> None:
    """Print the table of a stack."""
    print(f"\n{stack}: {arguments.minutes:g} minutes each, last {N_TEST} slices scored")
    print(
        "| system | IoU | Dice | mIoU | AP-75 | parameters | minutes | steps | "
        "s / Mvoxel | GB |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    for name in arguments.systems:
        row = in_process(name, stack, arguments)
        if row is not None:
            print(
                f"| {SYSTEMS[name].title} | {row.iou:.3f} | {row.dice:.3f} | "
                f"{row.mean_iou:.3f} | {row.ap75:.3f} | {row.parameters / 1e6:.2f} M | "
                f"{row.minutes:.1f} | {row.steps} | {row.seconds_per_mvoxel:.2f} | "
                f"{row.gigabytes:.1f} |",
                flush=True,
            )


def main() -> int:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stacks", nargs="*", default=list(STACKS))
    parser.add_argument("--systems", nargs="*", default=list(SYSTEMS), choices=SYSTEMS)
    parser.add_argument("--one", choices=SYSTEMS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for stack in arguments.stacks:
        if arguments.one:
            record = arguments.out / f"{stack}-{arguments.one}.json"
            row = asdict(measure(arguments.one, stack, arguments))
            record.write_text(json.dumps(row, indent=1), encoding="utf-8")
        else:
            report(stack, arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
