"""What can be done for a stack that a model has never seen, without training.

    python benchmarks/adaptation.py --data ../shared/data --model sbem_brain=DIR

DIR is a model that was trained without the stack, by ``train_default.py --leave-out
STACK``.  The stack is shown larger and smaller, with other contrast, and in several
views; the network is given the batch-norm statistics of the stack, half or all of the
way; and what it says is smoothed along z.  Scored by IoU at the stack's own pixels, at
probability 0.5 and at the best threshold there is (which takes the truth to find).
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from crf import tell
from numpy.typing import NDArray
from systems import models_of, read
from torch.nn.functional import interpolate

from napari_mitoseg.inference.predict import predict_maps
from napari_mitoseg.inference.settings import InferenceSettings
from napari_mitoseg.jobs import drain
from napari_mitoseg.models.normalize import normalize_slice
from napari_mitoseg.models.zoo import TrainedModel
from napari_mitoseg.postprocessing import AverageZ, MedianZ, State
from napari_mitoseg.preprocessing import Pipeline
from napari_mitoseg.volume import Volume

SETTINGS: dict[str, dict[str, Any]] = {
    "as it is": {},
    **{f"zoom {zoom:g}": {"zoom": zoom} for zoom in (0.7, 0.85, 1.2, 1.4)},
    "four views": {"augmentation": 4},
}
STEPS: dict[str, list[dict[str, Any]]] = {
    "CLAHE": [{"step": "clahe"}],
    "equalize": [{"step": "equalize"}],
}
EXPONENTS = (0.7, 1.4)
SHARES = (0.5, 1.0)
SMOOTHING = (MedianZ(), AverageZ(), AverageZ(weight=0.3))
MULTIPLE = 32
"""Of pixels, that a slice is cut to where statistics are taken."""


def predict(
    what: str,
    volume: Volume,
    truth: NDArray[np.bool_],
    model: TrainedModel,
    settings: dict[str, Any],
) -> None:
    """Predict, and print the scores."""
    job = predict_maps(volume, model, InferenceSettings.parse(settings))
    tell(what, drain(job).semantic, truth)


@contextmanager
def statistics_of(volume: Volume, model: TrainedModel, share: float) -> Iterator[None]:
    """Move the batch-norm statistics of a 2D network towards those of a stack."""
    network = model.network
    before = {name: value.clone() for name, value in network.state_dict().items()}
    layers = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the plain mean over all that is seen
        layer.train()
    with torch.inference_mode():
        for patch in _slices(volume, model):
            network(patch)
    network.eval()
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    after = network.state_dict()
    moved = {
        name: torch.lerp(value, after[name], share) if "running" in name else value
        for name, value in before.items()
    }
    network.load_state_dict(moved)
    yield
    network.load_state_dict(before)


def _slices(volume: Volume, model: TrainedModel) -> Iterator[torch.Tensor]:
    """Yield slices with their neighbours, as the network is given them."""
    pairs = zip(volume.spacing, model.card.spacing, strict=True)
    _, *ratio = (native / wanted for native, wanted in pairs)
    stack = torch.stack(
        [
            torch.from_numpy(normalize_slice(volume.read_slice(z)))
            for z in range(len(volume.data))
        ]
    )[None]
    scaled = interpolate(stack, scale_factor=ratio, mode="bilinear", antialias=True)
    height, width = (n // MULTIPLE * MULTIPLE for n in scaled.shape[2:])
    reach = model.network.context
    for z in range(reach, scaled.shape[1] - reach):
        yield scaled[:, z - reach : z + reach + 1, :height, :width].contiguous()


def report(volume: Volume, truth: NDArray[np.bool_], model: TrainedModel) -> None:
    """Print all scores of a model on a stack."""
    print(f"  {volume.name}", flush=True)
    for what, settings in SETTINGS.items():
        predict(what, volume, truth, model, settings)
    for what, steps in STEPS.items():
        predict(what, Pipeline.parse(steps)(volume), truth, model, {})
    for exponent in EXPONENTS:
        curved = 255 * (volume.read() / 255.0) ** exponent
        other = Volume(curved.astype(np.uint8), volume.spacing, volume.name)
        predict(f"grey values to the {exponent:g}", other, truth, model, {})
    for share in SHARES:
        with statistics_of(volume, model, share):
            predict(f"its statistics, {share:.0%}", volume, truth, model, {})
    maps = drain(predict_maps(volume, model, InferenceSettings()))
    for step in SMOOTHING:
        after = step.apply(State(maps, image=volume)).maps
        tell(" ".join(map(str, step.model_dump().values())), after.semantic, truth)


def main() -> int:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", nargs="+", required=True, metavar="STACK=DIR")
    arguments = parser.parse_args()
    for stack, model in models_of(arguments.model):
        given = read(stack, arguments.data, slice(None))
        report(given.image, given.labels.read() > 0, model)
    return 0


if __name__ == "__main__":
    sys.exit(main())
