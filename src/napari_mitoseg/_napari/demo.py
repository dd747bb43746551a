"""The demo: napari opens on a sample stack and segments it."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_mitoseg.errors import JobError, MitoSegError
from napari_mitoseg.jobs import drain
from napari_mitoseg.maps import FULL
from napari_mitoseg.recipe import Recipe

if TYPE_CHECKING:
    from napari_mitoseg._napari.segment import SegmentWidget

WINDOW = (1280, 800)
SCREENSHOT = "screenshot.png"
LONGEST_S = 600.0


def run_demo(*, headless: bool = False, out: Path | None = None) -> None:
    """Open napari on the synthetic sample and segment it with the default model.

    Parameters
    ----------
    headless : bool
        Wait for the end, write the results and a screenshot, and close.  Without any
        screen, not even a virtual one, napari cannot draw: the picture is then the
        middle slice with its mitochondria.
    out : Path, optional
        Folder for what `headless` writes.

    Raises
    ------
    MitoSegError
        If napari is not installed, there is no screen to open it on, or the
        segmentation fails.
    """
    if not _has_screen():
        if not headless:
            msg = (
                "There is no screen to open napari on. Write the results into a folder "
                "instead: napari-mitoseg demo --headless --out DIR"
            )
            raise MitoSegError(msg)
        _segment_unseen(out or Path("demo-output"))
        return
    try:
        import napari  # noqa: PLC0415
    except ImportError as error:
        msg = (
            "The demo needs napari, which is not installed. Install it with: "
            'pip install "napari-mitoseg[all]"'
        )
        raise MitoSegError(msg) from error
    widget = open_demo()
    if not headless:
        napari.run()
        return
    try:
        _finish(widget, out or Path("demo-output"))
    finally:
        widget.viewer.close()


def open_demo() -> "SegmentWidget":
    """Open a viewer with the sample and the widget, and start the run.

    Returns
    -------
    SegmentWidget
        Running.
    """
    import napari  # noqa: PLC0415

    from napari_mitoseg._napari.layers import show_scale_bar  # noqa: PLC0415
    from napari_mitoseg._napari.sample_data import synthetic  # noqa: PLC0415
    from napari_mitoseg._napari.segment import SegmentWidget  # noqa: PLC0415

    viewer: Any = napari.Viewer(title="napari-mitoseg demo")
    viewer.window.resize(*WINDOW)
    for data, keywords, kind in synthetic():
        getattr(viewer, f"add_{kind}")(data, **keywords)
    show_scale_bar(viewer)
    widget = SegmentWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Segment mitochondria", area="right")
    viewer.dims.set_current_step(0, viewer.dims.nsteps[0] // 2)
    widget.start_run()
    return widget


def _has_screen() -> bool:
    """Say whether Qt finds a screen with OpenGL."""
    if sys.platform != "linux":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _segment_unseen(out: Path) -> None:
    """Segment the sample and write what napari would, without opening it."""
    from skimage.color import label2rgb  # noqa: PLC0415
    from skimage.io import imsave  # noqa: PLC0415

    from napari_mitoseg.outputs import write_result  # noqa: PLC0415
    from napari_mitoseg.pipeline import run_recipe  # noqa: PLC0415
    from napari_mitoseg.samples import synthetic_em  # noqa: PLC0415

    volume, _ = synthetic_em()
    result = drain(run_recipe(volume, Recipe()))
    drain(write_result(result, out, "tiff"))
    middle = volume.shape[0] // 2
    labels = result.segmentation.labels[middle]
    plane = volume.read_slice(middle)
    picture = label2rgb(labels, plane, alpha=0.4, bg_label=0)  # type: ignore[no-untyped-call]
    imsave(out / SCREENSHOT, (picture * FULL).astype("uint8"), check_contrast=False)


def _finish(widget: "SegmentWidget", out: Path) -> None:
    """Wait for the run, then write what it found and what it looked like."""
    from napari_mitoseg._napari.segment import RUN  # noqa: PLC0415

    _wait_while_busy(widget)
    if RUN not in widget.shown:
        msg = f"The demo did not come to its end: {widget.status.text()}"
        raise JobError(msg)
    widget.save_results(out, "tiff")
    _wait_while_busy(widget)
    viewer: Any = widget.viewer
    viewer.screenshot(str(out / SCREENSHOT), canvas_only=False, flash=False)


def _wait_while_busy(widget: "SegmentWidget") -> None:
    """Let the window work until the widget has nothing more to do."""
    from napari_mitoseg._napari.waiting import wait_until  # noqa: PLC0415

    with suppress(TimeoutError):  # what there is not, is said
        wait_until(lambda: not widget.is_busy, LONGEST_S)
