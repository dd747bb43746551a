"""Time merge, delete and undo as the user of the Proofread widget has them.

Scatters a thousand objects over 165 × 768 × 1024 voxels, in memory or in a zarr, opens
napari with the widget, and presses the keys.  Prints the milliseconds of the edit, of
handing what has changed to the canvas, of marking the selection, and of drawing the
canvas; and, to compare with, of napari's own redraw of the whole slice.

    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/proofreading_window.py

With ``--zarr`` the labels are on disk.

What is aimed at is 50 ms for the edit and what is changed in the canvas.
"""

import argparse
import tempfile
from functools import partial
from time import monotonic
from typing import Any

import napari
import numpy as np
import zarr
from editing import IN_MEMORY, N_OBJECTS, SPACING, Timings, neighbours, scatter

from napari_mitoseg._napari import edit_session
from napari_mitoseg._napari.proofread import ProofreadWidget
from napari_mitoseg._napari.waiting import wait_until as wait
from napari_mitoseg.proofreading import Delete, Merge, Operation, ReviewQueue
from napari_mitoseg.proofreading.review import ReviewItem

CHUNK = (16, 128, 128)


def make_labels(*, on_disk: bool, folder: str) -> Any:
    """Return the volume."""
    if on_disk:
        labels = zarr.create_array(
            f"{folder}/labels.zarr", shape=IN_MEMORY, dtype="uint32", chunks=CHUNK
        )
    else:
        labels = np.zeros(IN_MEMORY, np.uint32)
    scatter(labels, N_OBJECTS)
    return labels


def open_widget(labels: Any) -> tuple[napari.Viewer, ProofreadWidget]:
    """Open napari with the widget on the volume."""
    viewer = napari.Viewer(show=True)
    viewer.window._qt_window.resize(1280, 800)
    viewer.add_labels(labels, name="labels", scale=SPACING, units=("nm",) * 3)
    widget = ProofreadWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Proofread labels", area="right")
    start = monotonic()
    widget.start()
    wait(lambda: widget.session is not None)
    print(f"  Start: {monotonic() - start:.1f} s")
    return viewer, widget


def watch_redraw(timings: Timings) -> None:
    """Time how long it takes to hand a change to the canvas."""
    redraw = edit_session.redraw_change

    def timed(*args: Any, **options: Any) -> None:
        with timings.of("  of it, to the canvas"):
            redraw(*args, **options)

    edit_session.redraw_change = timed


def time_edits(viewer: napari.Viewer, widget: ProofreadWidget, repeats: int) -> Timings:
    """Merge, delete and undo what is on screen."""
    timings, session, control = Timings(), widget.session, widget.control
    nearest = neighbours(session.editor)
    watch_redraw(timings)
    canvas = viewer.window._qt_viewer.canvas.native
    chosen = np.random.default_rng(1).choice([*session.editor.index], repeats, False)
    items = [ReviewItem(label=int(label)) for label in chosen]
    widget.review.take(ReviewQueue(items), "Chosen")
    for label in chosen.tolist():
        widget.review.look_at(label)
        wait(lambda: not control._soon.isActive())
        todo: list[Operation] = [
            Merge(labels=(nearest(label), label)),
            Delete(labels=(label,)),
        ]
        for operation in todo:
            steps = {operation.name: partial(session.apply, operation)}
            for name, step in {**steps, "undo": session.undo}.items():
                with timings.of(name):
                    step()
                with timings.of("mark the selection"):
                    control._show()
                with timings.of("draw the canvas"):
                    canvas.grabFramebuffer()
                wait(lambda: not widget.review._follow.isActive())
        with timings.of("napari's whole redraw"):
            session.layer.refresh()
    return timings


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--zarr", action="store_true", help="labels on disk")
    parser.add_argument("--repeats", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        labels = make_labels(on_disk=given.zarr, folder=folder)
        viewer, widget = open_widget(labels)
        print(f"{IN_MEMORY} voxels, {len(widget.session.editor.index)} objects")
        time_edits(viewer, widget, given.repeats).show()
        viewer.close()


if __name__ == "__main__":
    main()
