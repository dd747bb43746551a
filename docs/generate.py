"""Write the reference pages that the registries know best.

Run ``python docs/generate.py`` after changing a step, a network, a setting or a
command; ``--check`` only says whether a page is out of date.
"""

import inspect
import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from numpydoc.docscrape import NumpyDocString
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from napari_mitoseg import postprocessing, preprocessing
from napari_mitoseg.cli import app
from napari_mitoseg.evaluation import (
    AveragePrecision,
    ErrorCounts,
    OverlapScores,
    PartitionScores,
    ThresholdScores,
)
from napari_mitoseg.inference.settings import InferenceSettings
from napari_mitoseg.models.architectures import Network, architectures
from napari_mitoseg.models.interpolation import InterpolationNetwork
from napari_mitoseg.models.public import PUBLIC, PublicModel
from napari_mitoseg.models.zoo import EMBEDDED, ModelCard, read_card
from napari_mitoseg.morphology import ALL_FAMILIES, ColumnInfo, Family, families
from napari_mitoseg.morphology.family import INDEX
from napari_mitoseg.morphology.mesh import mesh_object
from napari_mitoseg.morphology.skeleton import skeletonize_object
from napari_mitoseg.morphology.summary import summarize
from napari_mitoseg.params import Params, unit_of
from napari_mitoseg.proofreading.operations import operations
from napari_mitoseg.proofreading.suspicions import suspicions
from napari_mitoseg.steps import NamedStep
from napari_mitoseg.training.appearance import AppearanceSettings
from napari_mitoseg.training.augmentations import augmentations
from napari_mitoseg.training.dense_settings import DenseSettings
from napari_mitoseg.training.geometry import GeometrySettings

FOLDER = Path(__file__).parent / "reference"
SOURCE = "<!-- Written by docs/generate.py from the code; change it there. -->"
HEAD = "| setting | means | allowed | default |\n|---|---|---|---|"
BOUNDS = {"ge": "≥ {}", "gt": "> {}", "le": "≤ {}", "lt": "< {}"}

EXACTNESS = """## How exact they are

Measured on balls, ellipsoids, tubes, rings and branched tubes turned at random, at
spacings of 40, 6, 6 nm, 15, 16, 16 nm and 30, 8, 10 nm (`tests/morphology`), against
their closed forms. *Thick* is an object at least four voxels across along every axis.

| descriptor | thick objects | three voxels across | largest error of 252 thick shapes |
|---|---|---|---|
| volume | 1 % | 6 % | 0.7 % |
| surface area, sphericity | 3 % | 4 % | 1.5 % |
| complexity index | 9 %, three times that of the area | 12 % | 5 % |
| principal axes | 1 % | 4 % | 1 % |
| solidity, by which it is too low | 5 %, of thin tubes 8 % | 10 % | 7 % |
| centreline length | 3 %, of ellipsoids 5 % | 4 % | 1.8 % |
| branches, branch points, end points, loops | exact | exact | none |
| mean calibre | 5 % | 20 % | 4 % |
| least calibre | 20 % | 30 % | 17 %, at a crossing |
| contact area | 12 % | | |

Limits to know:

- An object of one or two slices shows too little of itself for anything but its
  volume; what lies within a voxel's length of an edge is rounded off (a box of
  6 × 30 × 20 voxels loses 13 % of its surface).
- A sheet, a disc for example, has a surface and a volume, but no centreline.
- Where a side of the volume cuts an object, `touches_border` is true, and all figures
  are those of the part that is there; the face of the cut counts as surface.
- Very large objects, more than two million voxels after those in a slice have been put
  together to about half the slice distance, are looked at more coarsely."""


def pages() -> dict[str, str]:
    """Return the text of each page by its file name."""
    return {
        "preprocessing.md": steps_page(
            "Preprocessing steps",
            "What can be done to the image before the network sees it.",
            dict(preprocessing.steps.items()),
        ),
        "postprocessing.md": steps_page(
            "Post-processing steps",
            "What leads from the network's probability maps to instances. Steps are "
            "run in the order of the chain; a chain whose order makes no sense is "
            "refused.",
            dict(postprocessing.steps.items()),
        ),
        "models.md": models_page(),
        "inference.md": page(
            "Inference settings",
            "How a network is applied; the `inference` part of a recipe.",
            [table(InferenceSettings)],
        ),
        "augmentations.md": augmentations_page(),
        "training.md": page(
            "Training on dense labels",
            "What `napari-mitoseg train` and the Train widget can be told.",
            [table(DenseSettings)],
        ),
        "scores.md": scores_page(),
        "proofreading.md": proofreading_page(),
        "descriptors.md": descriptors_page(),
        "command-line.md": command_line_page(),
    }


def augmentations_page() -> str:
    """Describe every augmentation, and what the fused ones can be told."""
    parts = [step_part(name, step) for name, step in augmentations.items()]
    fused = {"deformation": GeometrySettings, "appearance": AppearanceSettings}
    settings = [
        f"## Settings of `{name}`\n\n{table(params)}" for name, params in fused.items()
    ]
    about = (
        "How patches are varied while a network is trained. `train --augmentation` "
        "chooses one of some chains of them; from Python any chain can be given, "
        '`FitSettings(augmentations=[{"step": "rotation"}, ...])`. Without one, '
        "`deformation` and `appearance` are made."
    )
    return page("Augmentations", about, [*parts, *settings])


def proofreading_page() -> str:
    """Describe every operation on objects, and all that makes one suspicious."""
    about = (
        "What the *Proofread* widget can do to objects, and why it shows some of them "
        "first. From Python, `LabelEditor(labels, spacing)` can `apply`, `preview`, "
        "`undo` and `redo` them: `editor.apply(Merge(labels=(3, 8)))`. Operations read "
        "and write only the boxes of the objects they are given; points are voxels, "
        "z, y, x. Numbers in nm need the spacing of the labels."
    )
    review = (
        "# Suspicions\n\nEach gives an object a score from 0 to 1 and says why; an "
        "object's place in the review queue is that of 1 − Π (1 − weight × score). "
        "Those that lack what they need, a spacing or a probability, say nothing."
    )
    done = [step_part(name, step) for name, step in operations.items()]
    looked_for = [step_part(name, step) for name, step in suspicions.items()]
    return page("Operations on objects", about, [*done, review, *looked_for])


def page(title: str, about: str, parts: list[str]) -> str:
    """Put a page together."""
    return "\n\n".join([f"# {title}", SOURCE, about, *parts]) + "\n"


def steps_page(title: str, about: str, steps: Mapping[str, type[NamedStep]]) -> str:
    """Describe every step of a registry."""
    return page(title, about, [step_part(name, step) for name, step in steps.items()])


def step_part(name: str, step: type[NamedStep]) -> str:
    """Describe one step: title, what it does, its settings."""
    return "\n\n".join([f"## {step.title}", f"`{name}`", *prose(step), table(step)])


def models_page() -> str:
    """Describe the trained models of the package and all networks."""
    folders = sorted(path.parent for path in EMBEDDED.glob("*/model.json"))
    trained = [card_part(read_card(folder)) for folder in folders]
    networks = [network_part(name, n) for name, n in architectures.items()]
    return page(
        "Models",
        "Trained models come with the package or lie in a folder of your own; a "
        "network is what a model is trained with.",
        [*trained, *map(public_part, PUBLIC), *networks, restoring_part()],
    )


def public_part(public: PublicModel) -> str:
    """Describe a model that can be downloaded."""
    lines = [
        f"- Read about it: <{public.page}>",
        f"- Download: <{public.url}>",
        f"- sha256: {public.sha256 or 'not given by its publisher'}",
        f"- By: {', '.join(public.card.authors)}",
        f"- Doi: {public.card.doi}",
    ]
    about = "\n".join(lines)
    install = f"`napari-mitoseg install-model {public.card.name} --trust`"
    return f"{card_part(public.card)}\n{about}\n\nInstall it: {install}"


def card_part(card: ModelCard) -> str:
    """Describe one trained model."""
    z, y, x = card.spacing
    lines = [
        f"- Network: `{card.architecture}`",
        f"- Spacing of training: {z:g}, {y:g}, {x:g} nm (z, y, x)",
        f"- Gives: {', '.join(card.outputs)}",
        *(f"- {score}: {score.how}" for score in card.scores),
        *(f"- Trained on: {data}" for data in card.data),
        f"- Terms: {card.licence or 'not stated'}",
        *(f"- Cite: {citation}" for citation in card.citation),
        *(f"- Known failure: {limit}" for limit in card.limits),
    ]
    listed = "\n".join(line.rstrip() for line in lines)
    return "\n\n".join([f"## Model `{card.name}`", card.description, listed])


def network_part(name: str, network: type[Network]) -> str:
    """Describe one network and its settings."""
    parts = [f"## Network `{name}`", *prose(network), table(network.Config)]
    return "\n\n".join(parts)


def scores_page() -> str:
    """Describe every score that `evaluate` prints."""
    parts = [
        ("Masks", OverlapScores),
        ("Matched instances", ThresholdScores),
        ("Average precision", AveragePrecision),
        ("Divisions into segments", PartitionScores),
        ("Errors by kind", ErrorCounts),
    ]
    return page(
        "Scores",
        "What `napari-mitoseg evaluate` prints, and the *Evaluate* widget shows. All "
        "but the first part compares instances. `jaccard` is `foreground_iou` under "
        "its other name. The scores of matched instances have the IoU that a match "
        "needs behind their name: `f1@0.5`, `f1@0.75`.",
        [score_part(title, scores) for title, scores in parts],
    )


def descriptors_page() -> str:
    """Describe every column of a table of measurements."""
    parts = [family_part(families[name]) for name in ALL_FAMILIES]
    functions = {
        "How the surface is found": mesh_object,
        "How the centreline is found": skeletonize_object,
        "Sums of a volume": summarize,
    }
    explained = [
        "\n\n".join([f"## {title}", *prose(function)])
        for title, function in functions.items()
    ]
    about = (
        "What `napari-mitoseg measure` and the *Measure* widget write, one row an "
        f"object; the first column, `{INDEX.name}`, is the label. The unit is the last "
        "part of a column's name. Without a spacing, columns with a unit, and those "
        "that compare lengths in different directions, are left out: nothing is "
        "guessed. V is the volume, S the surface area, A the area and P the perimeter "
        "of an object. What does not exist, as the tortuosity of a ring, is NaN."
    )
    return page("Descriptors", about, [EXACTNESS, *parts, *explained])


def family_part(family: type[Family]) -> str:
    """Describe a family of descriptors."""
    parts = [f"## {family.title}", f"`{family.name}`", *prose(family)]
    parts.append(column_table(family.columns))
    if family.flat_columns and family.flat_columns != family.columns:
        parts += ["In single images:", column_table(family.flat_columns)]
    return "\n\n".join(parts)


def column_table(columns: tuple[ColumnInfo, ...]) -> str:
    """List columns, their units, definitions and sources."""
    rows = [
        f"| `{c.name}` | {c.title} | {c.unit} | {' '.join([c.tip, c.source]).strip()} |"
        for c in columns
    ]
    head = "| column | on screen | unit | means |\n|---|---|---|---|"
    return "\n".join([head, *rows])


def score_part(title: str, scores: type[Params]) -> str:
    """Describe a group of scores."""
    rows = [
        f"| `{name}` | {(field.description or '').replace('|', chr(92) + '|')} |"
        for name, field in scores.model_fields.items()
    ]
    listed = "\n".join(["| score | means |", "|---|---|", *rows])
    return "\n\n".join([f"## {title}", *prose(scores), listed])


def restoring_part() -> str:
    """Describe the network that restores slices; it is no model that segments."""
    head = "## Network of the step `restore`"
    parts = (head, *prose(InterpolationNetwork), table(InterpolationNetwork.Config))
    return "\n\n".join(parts)


def command_line_page() -> str:
    """Describe every command, in the words of ``--help``."""
    text: str = app.generate_docs(output_format="markdown")
    about = (
        "Exit status 0: everything asked for was written. Status 2: the input is not "
        "fit, and one line says what was given, what is allowed and what to do."
    )
    # Without its heading and contents: the page has its own, and a list of commands.
    body = text[text.index("**Commands**") :]
    return page("Command line", about, [body.strip()])


def prose(described: type) -> Iterator[str]:
    """Give summary, notes and references of a class."""
    parsed = NumpyDocString(inspect.getdoc(described) or "")
    for section in ("Summary", "Extended Summary", "Notes", "References"):
        text = "\n".join(parsed[section]).strip()
        if text:
            plain = text.replace("]_", "]").removeprefix(".. ")
            yield plain.replace("\n.. [", "\n\n[")


def table(params: type[Params]) -> str:
    """List the settings of a group of parameters."""
    rows = [row(name, field) for name, field in params.model_fields.items()]
    return "\n".join([HEAD, *rows]) if rows else "It has no settings."


def row(name: str, field: FieldInfo) -> str:
    """Write one setting as a row."""
    unit = unit_of(field)
    value = field.get_default(call_default_factory=True, validated_data={})
    is_explained = isinstance(value, GeometrySettings | AppearanceSettings)
    default = "see below" if is_explained else shown(value)
    cells = (
        f"`{name}`",
        field.description or "",
        f"{allowed(field)} {unit or ''}".strip(),
        default,
    )
    escaped = " | ".join(cell.replace("|", r"\|") for cell in cells)
    return f"| {escaped} |"


def allowed(field: FieldInfo) -> str:
    """Say which values a setting may have."""
    kind = field.annotation
    if kind is bool:
        return "true, false"
    if get_origin(kind) is Literal:
        return ", ".join(map(shown, get_args(kind)))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return ", ".join(shown(member) for member in kind)
    limits = [
        text.format(f"{getattr(bound, key):g}")
        for bound in field.metadata
        for key, text in BOUNDS.items()
        if hasattr(bound, key)
    ]
    return ", ".join(limits) or getattr(kind, "__name__", str(kind))


def shown(value: Any) -> str:
    """Write a value as JSON has it."""
    if value is PydanticUndefined:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value.value if isinstance(value, Enum) else value}"


def main() -> None:
    """Write the pages, or compare them with what is there."""
    stale = [
        name
        for name, text in pages().items()
        if not (FOLDER / name).is_file() or (FOLDER / name).read_text("utf-8") != text
    ]
    if "--check" in sys.argv:
        sys.exit(f"Out of date: {', '.join(stale)}" if stale else 0)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
