"""A dock widget that works on one image layer, and can open it."""

from pathlib import Path

from napari.components import ViewerModel
from qtpy.QtWidgets import QWidget

from napari_mitoseg._napari import tasks
from napari_mitoseg._napari.image_box import ImageBox
from napari_mitoseg._napari.layers import show_scale_bar
from napari_mitoseg._napari.panel import Panel


class StackPanel(Panel):
    """Base of the dock widgets that begin with a stack.

    Parameters
    ----------
    viewer : ViewerModel
        Where layers come from and go to.
    """

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(viewer, parent)
        self.image = ImageBox(viewer)
        self.image.opening.connect(self.open_stack)

    def open_stack(self, path: Path) -> None:
        """Open a stack in a thread and choose it."""
        self.run(self._on_opened, tasks.open_stack, path)

    def _on_opened(self, opened: tasks.OpenedStack) -> None:
        self.image.add(opened)
        show_scale_bar(self.viewer)
        self.say(f"Opened {opened.path.name}.")
