"""What the Proofread widget sends into a thread, as jobs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_mitoseg.annotation.encoding import as_annotation
from napari_mitoseg.exporting import save_labels
from napari_mitoseg.io.limits import check_copy
from napari_mitoseg.jobs import Job, Progress
from napari_mitoseg.proofreading import (
    Change,
    Evidence,
    LabelEditor,
    ObjectIndex,
    Operation,
    ReviewQueue,
    Suspicion,
    index_labels,
)
from napari_mitoseg.proofreading import rank as rank_objects
from napari_mitoseg.proofreading.label_array import WritableArray
from napari_mitoseg.proofreading.reviewed import annotate_reviewed
from napari_mitoseg.proofreading.workspace import Workspace
from napari_mitoseg.volume import Array, Volume


def index(labels: WritableArray) -> Job[ObjectIndex]:
    """Find box and size of every object; see `index_labels`."""
    return (yield from index_labels(labels))


def preview(editor: LabelEditor, wanted: Sequence[Operation]) -> Job[list[Change]]:
    """Work out what operations on large objects would change."""
    found = []
    for done, operation in enumerate(wanted):
        yield Progress(done, len(wanted), operation.title)
        found.append(editor.preview(operation))
    return found


def copy(volume: Volume) -> Job[Array]:
    """Read labels into memory, slice by slice."""
    check_copy(volume.data)
    copied = np.empty(volume.shape, volume.dtype)
    for z in range(len(copied)):
        yield Progress(z, len(copied), "Copying")
        copied[z] = volume.read_slice(z)
    return copied


def save(labels: Volume, path: Path) -> Job[Path]:
    """Write labels in the format its name asks for; see `save_labels`."""
    return (yield from save_labels(labels, path))


def rank(
    workspace: Workspace, evidence: Evidence, reasons: Sequence[Suspicion]
) -> Job[ReviewQueue]:
    """Rank all objects by how suspicious they are; see `proofreading.rank`."""
    return (yield from rank_objects(workspace, evidence, reasons))


def annotate(
    workspace: Workspace,
    slices: Sequence[int],
    objects: Sequence[int],
    onto: Array | None,
) -> Job[Array]:
    """Turn what was reviewed into annotation; see `annotate_reviewed`."""
    yield Progress(0, 1, "Making the annotation")
    before = None if onto is None else as_annotation(onto)
    return annotate_reviewed(
        workspace, slices=slices, objects=objects, onto=before
    ).labels
