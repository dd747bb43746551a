"""Measure what the journal costs while painting.

    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/painting.py

Strokes of thirty dabs are painted in a real window on an annotation of 20 x 1024 x 1024
voxels (or --shape), as the mouse paints them. Printed is the time of each mouse event,
of what happens when the button is released (the stroke is compared and written), and
the gap between two ticks of the event loop.
"""

import argparse
import os
import tempfile
from time import perf_counter
from typing import Any

import napari
import numpy as np
from gui_responsiveness import Ticker, row, wait
from qtpy.QtWidgets import QApplication

DABS, STROKES = 30, 60


def open_annotation(shape: tuple[int, int, int]) -> tuple[Any, Any]:
    """Open a window with an annotation of noise."""
    from napari_mitoseg._napari.annotate import AnnotateWidget

    viewer = napari.Viewer(show=True)
    viewer.window.resize(1280, 800)
    noise = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    keywords = {"scale": (50, 7, 7), "units": ("nm",) * 3}
    viewer.add_image(noise, name="noise", **keywords)
    widget = AnnotateWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Annotate", area="right")
    widget.begin()
    wait(lambda: widget.annotation is not None)
    return viewer, widget


def paint(widget: Any, rng: np.random.Generator) -> tuple[list[float], float]:
    """Paint one stroke; return the seconds of its events and of its end."""
    layer = widget.annotation.layer
    z = widget.annotation.current
    y, x = (int(rng.integers(100, n - 100)) for n in layer.data.shape[1:])
    events = []
    with layer.block_history():
        for step in range(DABS):
            start = perf_counter()
            layer.paint((z, y + step, x + 2 * step), layer.selected_label)
            events.append(perf_counter() - start)
            QApplication.processEvents()
        start = perf_counter()
    return events, perf_counter() - start


def rest(seconds: float) -> None:
    """Let the window work for a while."""
    end = perf_counter() + seconds
    wait(lambda: perf_counter() > end)


def timing(name: str, seconds: list[float]) -> None:
    """Print median, 99th percentile and longest in milliseconds."""
    ms = np.array(seconds) * 1e3
    worst = f"99 % {np.percentile(ms, 99):.2f}, longest {ms.max():.2f} ms"
    row(name, f"median {np.median(ms):.2f}, {worst}")


def main() -> None:
    """Measure everything once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", type=int, nargs=3, default=(20, 1024, 1024))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MITOSEG_ANNOTATIONS"] = folder
        viewer, widget = open_annotation(tuple(given.shape))
        rng, ticker = np.random.default_rng(1), Ticker()
        dabs, ends, begun = [], [], perf_counter()
        for _ in range(STROKES):
            events, end = paint(widget, rng)
            dabs += events
            ends.append(end)
            rest(0.05)
        gaps = ticker.between(begun, perf_counter()) / 1e3
        timing("mouse event (a dab)", dabs)
        timing("button released (journal)", ends)
        timing("gap of the event loop", [*gaps])
        for name, action in (
            ("mark complete", widget.toggle_complete),
            ("start from the neighbour", lambda: widget.start_slice("neighbour")),
        ):
            start = perf_counter()
            action()
            row(name, f"{(perf_counter() - start) * 1e3:.0f} ms")
            widget.go_to(widget.annotation.current + 1)
        row("journal", f"{widget.annotation.recorder.journal.size / 1e3:.0f} kB")
        viewer.close()


if __name__ == "__main__":
    main()
