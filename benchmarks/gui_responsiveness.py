"""Measure how smoothly the Segment widget works while the network runs.

    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/gui_responsiveness.py

A timer of 5 ms ticks in the event loop of a real window while the z slider is moved all
the time; a gap between two ticks is how long the window did not react. The stack is
sbem_brain from $MITOSEG_DATA or ../shared/data, 20 x 1024 x 1024, or a synthetic one.
"""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import QEventLoop, QTimer

from napari_mitoseg._napari.layers import show_scale_bar
from napari_mitoseg._napari.reader import image_data
from napari_mitoseg._napari.result_layers import INSTANCES
from napari_mitoseg._napari.segment import PREVIEW, RUN, SegmentWidget
from napari_mitoseg.io import read_volume
from napari_mitoseg.samples import synthetic_em
from napari_mitoseg.volume import Volume

TICK_MS = 5
SPACING = (40.0, 5.9, 5.9)
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


class Ticker:
    """Notes the time of each tick of the event loop."""

    def __init__(self) -> None:
        self._timer = QTimer()
        self._timer.timeout.connect(self._on_tick)
        self._last = perf_counter()
        self.gaps: list[tuple[float, float]] = []
        self._timer.start(TICK_MS)

    def _on_tick(self) -> None:
        now = perf_counter()
        self.gaps.append((now, now - self._last))
        self._last = now

    def between(self, start: float, stop: float) -> np.ndarray[Any, Any]:
        """Return the gaps within a time, in milliseconds."""
        return np.array([gap for at, gap in self.gaps if start <= at <= stop]) * 1e3


def wait(until: Callable[[], bool], seconds: float = 900) -> float:
    """Let the window work until something is true; return how long it took."""
    start = perf_counter()
    loop, timer = QEventLoop(), QTimer()
    timer.timeout.connect(lambda: loop.quit() if until() else None)
    timer.start(TICK_MS)
    QTimer.singleShot(int(seconds * 1000), loop.quit)
    if not until():
        loop.exec()
    timer.stop()
    if not until():
        msg = "The window did not come so far in time."
        raise TimeoutError(msg)
    return perf_counter() - start


def stack() -> Volume:
    """Return the real stack, or a synthetic one of its size."""
    folder = Path(os.environ.get("MITOSEG_DATA", DATA))
    path = folder / "sbem_brain" / "image.tif"
    if path.exists():
        return read_volume(path, spacing=SPACING)
    return synthetic_em((20, 1024, 1024), SPACING)[0]


def open_widget() -> tuple[Any, SegmentWidget]:
    """Open the window with the stack in memory."""
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1280, 800)
    volume = stack()
    _, keywords, _ = image_data(volume)
    viewer.add_image(volume.read(), **{**keywords, "name": "stack"})
    show_scale_bar(viewer)
    widget = SegmentWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Segment mitochondria", area="right")
    viewer.dims.set_current_step(0, 10)
    return viewer, widget


def scrub(viewer: Any) -> QTimer:
    """Move the z slider all the time, as an impatient user would."""
    timer = QTimer()

    def step() -> None:
        at = viewer.dims.current_step[0]
        viewer.dims.set_current_step(0, (at + 1) % 20)

    timer.timeout.connect(step)
    timer.start(150)
    return timer


def measure_run(viewer: Any, widget: SegmentWidget, ticker: Ticker) -> np.ndarray:
    """Return the gaps during a whole run, and print the worst ones."""
    scrubbing = scrub(viewer)
    start = perf_counter()
    widget.run_button.click()
    phases: list[tuple[float, str]] = []
    widget.runner.progressed.connect(
        lambda progress: phases.append((perf_counter() - start, progress.message))
    )
    wait(lambda: not widget.is_busy)
    stop = perf_counter()
    scrubbing.stop()
    row("run, whole stack", f"{stop - start:.1f} s")
    worst = sorted(ticker.gaps, key=lambda g: -g[1])[:5]
    for at, gap in worst:
        if start <= at <= stop:
            when = at - start
            near = [text for t, text in phases if t <= when][-1:] or ["start"]
            row("  long gap", f"{gap * 1e3:.0f} ms at {when:.1f} s, after: {near[0]}")
    return ticker.between(start, stop)


def measure_cancel(widget: SegmentWidget) -> float:
    """Return the seconds from Cancel until the panel is ready again."""
    widget.run_button.click()
    wait(lambda: widget.progress.bar.value() > 20)
    widget.progress.cancel.click()
    return wait(lambda: not widget.is_busy)


def measure_preview(widget: SegmentWidget) -> tuple[float, float]:
    """Return the seconds from the click to the mitochondria, and to all layers."""
    before = widget.shown.get(PREVIEW)
    widget.preview_button.click()

    def there() -> bool:
        shown = widget.shown.get(PREVIEW)
        return shown not in (None, before) and shown.layers.is_shown(INSTANCES)

    seen = wait(there)
    return seen, seen + wait(lambda: not widget.is_busy)


def measure_slider(widget: SegmentWidget, value: float) -> float:
    """Return the seconds from moving the threshold to the new layers."""
    before = widget.shown[RUN].result
    slider: Any = widget.postprocessing.rows[0].form.editor("value")
    slider.setValue(value)
    return wait(lambda: widget.shown[RUN].result is not before)


def row(what: str, value: str) -> None:
    """Print one line of the table."""
    print(f"{what:<34} {value}", flush=True)


def main() -> None:
    """Measure everything once."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    opened = perf_counter()
    viewer, widget = open_widget()
    ticker = Ticker()
    wait(lambda: not widget.estimator.is_busy and "about" in widget.estimate.text())
    ready = perf_counter()
    idle = ticker.between(opened, ready)
    row("opening: longest gap (torch loads)", f"{idle.max():.0f} ms")
    row("estimate", widget.estimate.text())
    for n in range(3):
        seen, done = measure_preview(widget)
        row(f"preview of one slice, {n + 1}", f"{seen:.2f} s, all layers {done:.2f} s")
    row("cancel", f"{measure_cancel(widget):.2f} s")
    gaps = measure_run(viewer, widget, ticker)
    row("event loop, median", f"{np.median(gaps):.1f} ms")
    row("event loop, 99.9th percentile", f"{np.percentile(gaps, 99.9):.0f} ms")
    row("event loop, longest", f"{gaps.max():.0f} ms")
    start = perf_counter()
    for value in (0.6, 0.4, 0.55):
        row(f"threshold to {value}", f"{measure_slider(widget, value):.2f} s")
    gaps = ticker.between(start, perf_counter())
    row("slider: longest gap", f"{gaps.max():.0f} ms")
    viewer.close()


if __name__ == "__main__":
    main()
