"""The description of a BioImage.IO package that holds one of our models."""

import re
from dataclasses import dataclass
from typing import Any

from napari_mitoseg import __version__
from napari_mitoseg.models.base import Network
from napari_mitoseg.models.zoo import ModelCard
from napari_mitoseg.volume import Shape

FORMAT = "0.5.3"
OWN = "napari_mitoseg"
"""Key of our part of a description's ``config``."""

RDF = "rdf.yaml"
README = "README.md"
COVER = "cover.png"
TEST_INPUT, TEST_OUTPUT = "test_input.npy", "test_output.npy"
INPUT_ID, OUTPUT_ID = "image", "maps"
MOST_HALO: Shape = (8, 64, 64)
"""Halo that is asked of other tools: the receptive field is a multiple of what
matters, and its tiles would not fit into memory."""

_DOI = re.compile(r"10\.\d{4,9}/[^\s,;]+")
_SPDX = re.compile(
    r"(CC0-1\.0|CC-BY(-NC)?(-SA|-ND)?-\d\.0|MIT|Apache-2\.0|BSD-[23]-Clause"
    r"|(L|A)?GPL-[23]\.[01]-(only|or-later))"
)
_NAME_LIMIT, _TEXT_LIMIT = 128, 1024


@dataclass(frozen=True)
class PackedFile:
    """A file of a package.

    Attributes
    ----------
    name : str
        Within the package.
    sha256 : str
        Of its content.
    """

    name: str
    sha256: str

    @property
    def entry(self) -> dict[str, Any]:
        """The file as descriptions name it."""
        return {"source": self.name, "sha256": self.sha256}


def packed_halo(network: Network) -> Shape:
    """Return the halo that other tools are asked to give, ZYX voxels."""
    z, y, x = (min(h, m) for h, m in zip(network.halo, MOST_HALO, strict=True))
    return (z, y, x) if network.dimensions == 3 else (0, y, x)


def packed_size(network: Network) -> Shape:
    """Return the least size of an input: more than the halo on both sides."""
    z, y, x = (
        (2 * halo // divisor + 1) * divisor
        for halo, divisor in zip(packed_halo(network), network.divisor, strict=True)
    )
    return z, y, x


def describe_package(
    card: ModelCard,
    network: Network,
    weights: dict[str, dict[str, Any]],
    tests: tuple[PackedFile, PackedFile],
    attachments: tuple[PackedFile, ...],
) -> dict[str, Any]:
    """Return the description of a package.

    Parameters
    ----------
    card : ModelCard
        What is known about the model.
    network : Network
        The network.
    weights : dict of dict
        Entries by format.
    tests : tuple of PackedFile
        Test input and output.
    attachments : tuple of PackedFile
        More files.

    Returns
    -------
    dict
        What ``rdf.yaml`` holds.
    """
    before, behind = _tensors(card, network)
    before["test_tensor"], behind["test_tensor"] = (one.entry for one in tests)
    licence = _SPDX.fullmatch(card.licence.strip())
    cited = [entry for text in card.citation for entry in _citation(text)]
    known: dict[str, Any] = {
        "format_version": FORMAT,
        "type": "model",
        "name": _name(card.name),
        "description": (card.description or card.name)[:_TEXT_LIMIT],
        "authors": [{"name": name} for name in card.authors or ("not stated",)],
        "cite": cited,
        "documentation": README,
        "covers": [COVER],
        "tags": _tags(network),
        "inputs": [before],
        "outputs": [behind],
        "weights": weights,
        "attachments": [one.entry for one in attachments],
        "config": {OWN: _own_part(card, network)},
    }
    if licence:
        known["license"] = card.licence.strip()
    return known


def write_readme(card: ModelCard) -> str:
    """Return the documentation of a package.

    Parameters
    ----------
    card : ModelCard
        What is known about the model.

    Returns
    -------
    str
        Markdown.
    """
    spacing = ", ".join(f"{v:g}" for v in card.spacing)
    scores = [f"- {score}. {score.how}" for score in card.scores]
    parts = {
        f"# {card.name}": [card.description],
        "## Input": [
            f"Grey values of any range; mitochondria dark; {spacing} nm (z, y, x).",
            "The graph normalises every plane that it is given by itself, so give "
            "whole slices, or tiles that are large against what they show.",
        ],
        "## Output": [f"Probabilities, 0 to 1: {', '.join(card.outputs)}."],
        "## Training data": [f"- {one}" for one in card.data],
        "## Validation": scores or ["None is known."],
        "## Known failures": [f"- {one}" for one in card.limits],
        "## Licence": [card.licence or "None is stated."],
        "## Citation": [f"- {one}" for one in card.citation],
    }
    texts = ("\n".join([title, "", *lines]) for title, lines in parts.items() if lines)
    return "\n\n".join(texts) + "\n"


def _tensors(card: ModelCard, network: Network) -> tuple[dict[str, Any], ...]:
    """Describe input and output."""
    slices = [_slice_name(k) for k in range(-network.context, network.context + 1)]
    axes = range(3 - network.dimensions, 3)
    before = [{**_space(n, card), "size": _least(n, network)} for n in axes]
    behind = [{**_space(n, card), **_same(n, network)} for n in axes]
    return (
        {
            "id": INPUT_ID,
            "description": "Grey values; neighbouring slices are channels.",
            "axes": [{"type": "batch"}, _channels(slices), *before],
            "data": {"type": "float32"},
        },
        {
            "id": OUTPUT_ID,
            "description": "Probability maps.",
            "axes": [{"type": "batch"}, _channels([*network.outputs]), *behind],
            "data": {"type": "float32", "range": [0.0, 1.0]},
        },
    )


def _space(n: int, card: ModelCard) -> dict[str, Any]:
    """Describe axis n of z, y, x."""
    scale = card.spacing[n]
    return {"type": "space", "id": "zyx"[n], "unit": "nanometer", "scale": scale}


def _least(n: int, network: Network) -> dict[str, int]:
    return {"min": packed_size(network)[n], "step": network.divisor[n]}


def _same(n: int, network: Network) -> dict[str, Any]:
    """Say that a map has the size of the image, and what of it does not count."""
    halo = packed_halo(network)[n]
    size = {"size": {"tensor_id": INPUT_ID, "axis_id": "zyx"[n]}}
    return {**size, "halo": halo} if halo else size


def _channels(names: list[str]) -> dict[str, Any]:
    return {"type": "channel", "id": "channel", "channel_names": names}


def _slice_name(offset: int) -> str:
    """Name a channel by the slice it holds."""
    if offset == 0:
        return "slice"
    return f"slice_{'minus' if offset < 0 else 'plus'}_{abs(offset)}"


def _citation(text: str) -> list[dict[str, str]]:
    """Return an entry for what has an identifier; the rest stands in the README."""
    found = _DOI.search(text)
    return [{"text": text, "doi": found.group().rstrip(".)")}] if found else []


def _name(name: str) -> str:
    """Return a name that packages may have."""
    allowed = re.sub(r"[^A-Za-z0-9_+()\- ]", "-", name)
    return (allowed if len(allowed) >= 5 else f"{allowed} mitochondria")[:_NAME_LIMIT]


def _tags(network: Network) -> list[str]:
    return [
        "mitochondria",
        "electron-microscopy",
        "semantic-segmentation",
        "instance-segmentation" if "boundary" in network.outputs else "segmentation",
        f"{network.dimensions}d",
        "napari-mitoseg",
    ]


def _own_part(card: ModelCard, network: Network) -> dict[str, Any]:
    return {
        "software": f"napari-mitoseg {__version__}",
        "architecture": card.architecture,
        "context": network.context,
        "divisor": [*network.divisor],
        "halo": [*network.halo],
        "spacing": [*card.spacing],
        "normalization": "inside",
    }
