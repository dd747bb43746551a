"""Measure the Annotate widget while it trains: first prediction, and how it reacts.

    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/training_window.py

sbem_brain from $MITOSEG_DATA or ../shared/data is labelled at every fifth slice and
trained from scratch; with --scrub the z slider is moved all the time. Printed are the
seconds until the slice on screen is first predicted, the gaps between ticks of the
event loop, and the IoU on the slices that were not labelled.
"""

import argparse
import os
import tempfile
from time import perf_counter
from typing import Any

import napari
import numpy as np
from gui_responsiveness import DATA, SPACING, Ticker, row, scrub, stack, wait

from napari_mitoseg._napari.annotate import AnnotateWidget
from napari_mitoseg._napari.annotation_tasks import TrainingChoices
from napari_mitoseg._napari.training_layers import FINAL, PREVIEW
from napari_mitoseg.io import read_labels


def open_labelled(truth: Any) -> tuple[Any, AnnotateWidget]:
    """Open the window with every fifth slice labelled."""
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1280, 800)
    keywords = {"scale": SPACING, "units": ("nm",) * 3, "name": "stack"}
    viewer.add_image(stack().read(), **keywords)
    widget = AnnotateWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Annotate and train", area="right")
    widget.begin()
    wait(lambda: widget.annotation is not None and not widget.is_busy)
    for z in widget.proposals.proposed:
        widget.go_to(z)
        widget.annotation.start_from(z, truth[z])
        widget.toggle_complete()
    return viewer, widget


def main() -> None:
    """Measure everything once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=6.0)
    parser.add_argument("--scrub", action="store_true", help="move the z slider")
    given = parser.parse_args()
    folder = os.environ.get("MITOSEG_DATA", DATA)
    truth = read_labels(f"{folder}/sbem_brain/mitochondria.tif").read() > 0
    with tempfile.TemporaryDirectory() as own:
        os.environ["MITOSEG_ANNOTATIONS"] = f"{own}/annotations"
        os.environ["MITOSEG_MODELS"] = f"{own}/models"
        viewer, widget = open_labelled(truth)
        widget.training.start.set_name("scratch")
        widget.training.set_choices(
            TrainingChoices(time="limited", minutes=given.minutes)
        )
        ticker = Ticker()
        scrubbing = scrub(viewer) if given.scrub else None
        start = perf_counter()
        widget.start_training()
        wait(lambda: f"stack {PREVIEW}" in viewer.layers)
        row("first prediction on screen", f"{perf_counter() - start:.1f} s")
        wait(lambda: not widget.is_busy)
        stop = perf_counter()
        if scrubbing is not None:
            scrubbing.stop()
        row("training and predicting", f"{stop - start:.0f} s")
        gaps = ticker.between(start, stop)
        row("event loop, median", f"{np.median(gaps):.0f} ms")
        row("event loop, 99.9th percentile", f"{np.percentile(gaps, 99.9):.0f} ms")
        row("event loop, longest", f"{gaps.max():.0f} ms")
        others = [z for z in range(len(truth)) if z not in widget.annotation.complete]
        found = viewer.layers[f"stack {FINAL}"].data[others] > 127
        both = (found & truth[others]).sum()
        row("IoU on the other slices", f"{both / (found | truth[others]).sum():.3f}")
        row("said", widget.status.text())
        viewer.close()


if __name__ == "__main__":
    main()
