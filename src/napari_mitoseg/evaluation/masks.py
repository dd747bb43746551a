"""Masks that are to be compared object by object."""

from typing import Literal

from napari_mitoseg.evaluation.runs import iter_regions
from napari_mitoseg.jobs import Job, Progress
from napari_mitoseg.labelling import label_components
from napari_mitoseg.volume import Volume

LabelKind = Literal["auto", "semantic", "instances"]


def tell_apart(labels: Volume, kind: LabelKind = "auto") -> Job[Volume]:
    """Give the objects of a mask numbers, as a training does with its labels.

    Parameters
    ----------
    labels : Volume of int
        A mask, or instances.
    kind : {"auto", "semantic", "instances"}
        Whether it is a mask; ``"auto"``: if one number occurs beside 0.

    Yields
    ------
    Progress
        One a slab, and one for the labelling.

    Returns
    -------
    Volume
        The connected parts (26 neighbours) of a mask, numbered from 1. Instances, and
        a mask in one part, are given back as they were.
    """
    if kind == "instances":
        return labels
    if kind == "auto" and not (yield from _is_mask(labels)):
        return labels
    yield Progress(0, 1, f"Numbering the objects of {labels.name}")
    numbered, n = label_components(labels.read() > 0, 26)
    return labels if n < 2 else Volume(numbered, labels.spacing, labels.name)


def _is_mask(labels: Volume) -> Job[bool]:
    """Say whether exactly one number occurs beside 0, and above it."""
    only = 0
    regions = list(iter_regions(labels))
    for done, region in enumerate(regions):
        yield Progress(done, len(regions), f"Looking at {labels.name}")
        values = labels.read(region)
        found = values[values != 0]
        if not found.size:
            continue
        only = only or int(found[0])
        if only < 0 or (found != only).any():
            return False
    return only > 0
