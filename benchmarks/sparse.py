"""What training from sparse annotations reaches: ablation, labels, time.

    python benchmarks/sparse.py --data ../shared/data --out runs/sparse
    python benchmarks/sparse.py --epfl FOLDER --out runs/epfl

For each stack: the target run (``headline``), the ablation of the paper's Table 2
(− / affine / + MPP / + SCM, and N_se alone with all of the time), IoU against the
number of labelled slices (Fig. 4), and IoU against wall time.  IoU is taken at the
stack's own pixels over all slices that were not labelled, at probability 0.5, nothing
else done.  Mean of the seeds.

A finished run is kept in ``--out`` and not repeated, so the benchmark may be
interrupted and gone on with.  ``--start scratch`` (the default) never saw any stack;
``--start STACK=DIR`` gives a model to start from for one stack, which must not have
seen that stack: ``train_default.py --leave-out STACK`` makes one.

The EPFL folder holds ``training.tif``, ``training_groundtruth.tif``, ``testing.tif``
and ``testing_groundtruth.tif``; it is run with the preset ``paper``, every fifth slice
of the training stack labelled, and scored on the test stack, as in the paper's Table 1.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_mitoseg.annotation.encoding import Annotation
from napari_mitoseg.inference.predict import predict_maps
from napari_mitoseg.inference.settings import InferenceSettings
from napari_mitoseg.jobs import Progress, drain
from napari_mitoseg.models.zoo import load_model
from napari_mitoseg.training.sparse import train_sparse
from napari_mitoseg.training.sparse_report import SparseProgress, SparseResult
from napari_mitoseg.training.sparse_settings import SCRATCH, SparseSettings
from napari_mitoseg.volume import Spacing, Volume

Mask = NDArray[np.bool_]

EPFL_SPACING = (5.0, 5.0, 5.0)
ABLATION: dict[str, tuple[dict[str, bool], str]] = {
    "−": ({"affine": False}, "coarse"),
    "affine": ({}, "coarse"),
    "affine + MPP": ({}, "filtered"),
    "affine + MPP + SCM": ({}, "final"),
    "N_se, all the time": ({"refine": False}, "coarse"),
}
"""What is switched off in a run, and which of its masks is the row: S_c, S_f, final."""


@dataclass(frozen=True)
class Stack:
    """A stack with truth, and the slices that are labelled."""

    name: str
    spacing: Spacing
    labelled: tuple[int, ...]


STACKS = (
    Stack("sbem_brain", (40, 5.9, 5.9), (0, 5, 10, 15)),
    Stack("sstem_vnc", (50, 4.6, 4.6), (0, 5, 10)),
)


@dataclass(frozen=True)
class Case:
    """One training: what is remembered of it is found under its key."""

    stack: str
    labelled: tuple[int, ...]
    seed: int
    minutes: float | None
    start: str
    preset: str = "fast"
    switches: dict[str, bool] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Return a file name that says all of it."""
        off = "".join(f"-{k}={int(v)}" for k, v in self.switches.items())
        slices = "_".join(map(str, self.labelled))
        start = Path(self.start).name
        if start == "model":
            start = Path(self.start).parent.name
        return (
            f"{self.stack}-{self.preset}-{slices}-{start}-"
            f"{self.minutes or 'own'}min-seed{self.seed}{off}"
        )


Row = tuple[str, Case, str]
"""Name of a row, a run of it, and which of its masks counts."""


def read_stack(stack: Stack, data: Path) -> tuple[Volume, Mask]:
    """Read image and truth."""
    image = tifffile.imread(data / stack.name / "image.tif")
    truth = tifffile.imread(data / stack.name / "mitochondria.tif") > 0
    return Volume(image, stack.spacing, stack.name), truth


def annotate(truth: Mask, labelled: Sequence[int]) -> Annotation:
    """Return the annotation that labels some slices completely."""
    painted = np.zeros(truth.shape, np.uint8)
    painted[list(labelled)] = 1 + truth[list(labelled)].astype(np.uint8)
    return Annotation(painted)


def iou(found: Mask, truth: Mask) -> float:
    """Return intersection over union."""
    return float((found & truth).sum() / (found | truth).sum())


def run_case(case: Case, volume: Volume, truth: Mask, out: Path) -> dict[str, Any]:
    """Train and score, or read what was scored before."""
    record = out / f"{case.key}.json"
    if record.is_file():
        known: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
        return known
    settings = SparseSettings(
        preset=case.preset,
        minutes=case.minutes,
        start=case.start,
        seed=case.seed,
        **case.switches,
    )
    annotation = annotate(truth, case.labelled)
    began = time.monotonic()
    first_preview: list[float] = []

    def watch(progress: Progress) -> None:
        shown = isinstance(progress, SparseProgress) and progress.preview is not None
        if shown and not first_preview:
            first_preview.append(time.monotonic() - began)

    job = train_sparse(volume, annotation, settings, folder=out / "models" / case.key)
    result = drain(job, watch)
    seconds = time.monotonic() - began
    scores = {
        **asdict(case),
        **score(result, truth, case.labelled),
        "seconds": round(seconds, 1),
        "first_preview": round(first_preview[0], 1) if first_preview else None,
    }
    out.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(scores, indent=1), encoding="utf-8")
    print(f"  {case.key}: IoU {scores['final']:.4f} in {seconds:.0f} s", flush=True)
    return scores


def score(result: SparseResult, truth: Mask, labelled: Sequence[int]) -> dict[str, Any]:
    """Score all three predictions on the slices that were not labelled."""
    rest = [z for z in range(len(truth)) if z not in labelled]
    maps = {
        "coarse": result.coarse,
        "filtered": result.filtered,
        "final": result.final,
    }
    scores: dict[str, Any] = {
        name: iou(found[rest] > 127, truth[rest]) for name, found in maps.items()
    }
    return {
        **scores,
        "by_slice": {z: iou(result.final[z] > 127, truth[z]) for z in rest},
        "held_out": result.iou,
    }


def headline(stack: Stack, arguments: argparse.Namespace) -> Iterator[Case]:
    """Yield the runs of the target figure."""
    for seed in arguments.seeds:
        yield Case(
            stack.name,
            stack.labelled,
            seed,
            arguments.minutes,
            start_of(stack, arguments),
        )


def ablation(stack: Stack, arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield the rows of Table 2, each adding to the one before, and one more.

    N_se has the same time in all rows but the last, which gives it that of N_sp too.
    """
    start = start_of(stack, arguments)
    for row, (switches, mask) in ABLATION.items():
        for seed in arguments.seeds:
            basic = Case(stack.name, stack.labelled, seed, arguments.minutes, start)
            yield row, replace(basic, switches=switches), mask


def fewer_and_more(stack: Stack, depth: int) -> list[tuple[int, ...]]:
    """Return labelled slices of about 1, 2, 4 and 8 in number, evenly spread."""
    spread = (
        tuple(int(z) for z in np.linspace(0, depth - 1, n + 2).round()[1:-1])
        for n in (1, 2, 8)
    )
    return sorted([*spread, stack.labelled], key=len)


def start_of(stack: Stack, arguments: argparse.Namespace) -> str:
    """Return what training on a stack starts from, which must not have seen it."""
    named = dict(text.split("=", 1) for text in arguments.start if "=" in text)
    plain = [text for text in arguments.start if "=" not in text]
    start = str(named.get(stack.name, plain[0] if plain else SCRATCH))
    seen = () if start == SCRATCH else load_model(start).card.data
    if any(line.startswith(stack.name) for line in seen):
        sys.exit(f"{start} was trained on {stack.name}: its figures would be no use.")
    return start


def fig_4(stack: Stack, depth: int, arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield runs with fewer and with more labelled slices."""
    start = start_of(stack, arguments)
    for labelled in fewer_and_more(stack, depth):
        for seed in arguments.seeds:
            case = Case(stack.name, labelled, seed, arguments.minutes, start)
            yield f"{len(labelled)} slices", case, "final"


def by_time(stack: Stack, arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield runs that take less time."""
    start = start_of(stack, arguments)
    for minutes in (1.0, 2.0, 4.0, arguments.minutes):
        for seed in arguments.seeds:
            case = Case(stack.name, stack.labelled, seed, minutes, start)
            yield f"{minutes:g} min", case, "final"


def report(stack: Stack, arguments: argparse.Namespace) -> None:
    """Run and print everything that is asked for about one stack."""
    volume, truth = read_stack(stack, arguments.data)
    print(f"\n{stack.name}, start {start_of(stack, arguments)}")

    def run(case: Case) -> dict[str, Any]:
        return run_case(case, volume, truth, arguments.out)

    if "headline" in arguments.parts:
        print_headline([run(case) for case in headline(stack, arguments)])
    tables = {
        "ablation": ablation(stack, arguments),
        "slices": fig_4(stack, len(truth), arguments),
        "time": by_time(stack, arguments),
    }
    for part, cases in tables.items():
        if part in arguments.parts:
            rows: dict[str, list[float]] = {}
            for row, case, mask in cases:
                rows.setdefault(row, []).append(run(case)[mask])
            print_table(part, rows)


def print_headline(runs: Sequence[dict[str, Any]]) -> None:
    """Print the target figure."""
    finals = [run["final"] for run in runs]
    print(
        f"  IoU on the other slices {mean(finals):.4f} "
        f"({', '.join(f'{v:.4f}' for v in finals)}), "
        f"S_c {mean(run['coarse'] for run in runs):.4f}, "
        f"S_f {mean(run['filtered'] for run in runs):.4f}; "
        f"{max(run['seconds'] for run in runs):.0f} s at most, first preview after "
        f"{max(run['first_preview'] or 0 for run in runs):.0f} s",
        flush=True,
    )


def print_table(title: str, rows: dict[str, list[float]]) -> None:
    """Print means and single values."""
    print(f"  {title}")
    for row, values in rows.items():
        listed = ", ".join(f"{v:.4f}" for v in values)
        print(f"    {row:22s} {mean(values):.4f}   ({listed})", flush=True)


def report_epfl(arguments: argparse.Namespace) -> None:
    """Train as in the paper and score on the test stack."""
    parts = {
        name: tifffile.imread(arguments.epfl / f"{name}.tif")
        for name in (
            "training",
            "training_groundtruth",
            "testing",
            "testing_groundtruth",
        )
    }
    volume = Volume(parts["training"], EPFL_SPACING, "epfl")
    truth = parts["training_groundtruth"] > 0
    labelled = tuple(range(2, len(truth), 5))[:32]
    values = []
    for seed in arguments.seeds:
        case = Case("epfl", labelled, seed, None, SCRATCH, preset="paper")
        record = arguments.out / f"{case.key}-test.json"
        if not record.is_file():
            settings = SparseSettings(preset="paper", seed=seed)
            folder = arguments.out / "models" / f"epfl-paper-seed{seed}"
            job = train_sparse(
                volume, annotate(truth, labelled), settings, folder=folder, resume=True
            )
            model = drain(job).model
            test = Volume(parts["testing"], EPFL_SPACING, "epfl test")
            maps = drain(predict_maps(test, model, InferenceSettings(augmentation=8)))
            found, wanted = maps.semantic > 127, parts["testing_groundtruth"] > 0
            record.write_text(json.dumps({"iou": iou(found, wanted)}), encoding="utf-8")
        values.append(json.loads(record.read_text(encoding="utf-8"))["iou"])
    print_table("EPFL, 32 labelled slices (paper: 0.890)", {"test stack": values})


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--epfl", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", nargs="*", default=[SCRATCH])
    parser.add_argument("--stacks", nargs="*", default=[one.name for one in STACKS])
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--minutes", type=float, default=6.5)
    parser.add_argument(
        "--parts",
        nargs="*",
        default=["headline", "ablation", "slices", "time"],
        choices=["headline", "ablation", "slices", "time"],
    )
    return parser.parse_args()


def main() -> int:
    """Run what was asked for."""
    arguments = parse_arguments()
    if arguments.data:
        for stack in STACKS:
            if stack.name in arguments.stacks:
                report(stack, arguments)
    if arguments.epfl:
        report_epfl(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
