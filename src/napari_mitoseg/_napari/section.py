"""Parts of a panel that fold away, and rows that line up."""

from collections.abc import Mapping

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QGridLayout,
    QLabel,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

LABEL = "row-label"
"""Object name of the labels that form the left column of a panel."""

HEADING = "font-weight: bold; border-top: 1px solid #5a6069; padding-top: 3px;"


class FoldButton(QToolButton):
    """A title with an arrow that folds a widget away.

    Parameters
    ----------
    title : str
        Always visible.
    content : QWidget
        Folded away at first.
    """

    def __init__(self, title: str, content: QWidget) -> None:
        super().__init__()
        self._content = content
        self.setText(title)
        self.setAutoRaise(True)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setStyleSheet("padding: 1px;")
        self.clicked.connect(self._on_clicked)
        self.set_expanded(False)

    @property
    def is_expanded(self) -> bool:
        """Whether the content is unfolded."""
        return not self._content.isHidden()

    def set_expanded(self, expanded: bool) -> None:
        """Unfold or fold the content."""
        self._content.setVisible(expanded)
        arrow = Qt.ArrowType.DownArrow if expanded else Qt.ArrowType.RightArrow
        self.setArrowType(arrow)

    def _on_clicked(self) -> None:
        self.set_expanded(not self.is_expanded)


class Section(QWidget):
    """Content under a title that folds it away.

    Parameters
    ----------
    title : str
        Always visible.
    content : QWidget
        Folded away at first.
    """

    def __init__(self, title: str, content: QWidget) -> None:
        super().__init__()
        self.button = FoldButton(title, content)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.button)
        layout.addWidget(content)
        content.setContentsMargins(14, 0, 0, 0)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)


def row_label(text: str, tip: str = "") -> QLabel:
    """Return a label for the left column of a panel."""
    label = QLabel(text)
    label.setObjectName(LABEL)
    label.setToolTip(tip)
    return label


def labelled_rows(rows: Mapping[str, QWidget]) -> QGridLayout:
    """Lay boxes out under one another, each behind its label.

    Parameters
    ----------
    rows : mapping of str to QWidget
        Boxes by the text of their label, which gets their tooltip.

    Returns
    -------
    QGridLayout
        Labels in its first column, boxes in its second, which grows.
    """
    grid = QGridLayout()
    grid.setSpacing(4)
    grid.setColumnStretch(1, 1)
    for n, (title, box) in enumerate(rows.items()):
        grid.addWidget(row_label(title, box.toolTip()), n, 0)
        grid.addWidget(box, n, 1)
    return grid


def heading(text: str) -> QLabel:
    """Return the title of a part of a panel that does not fold away."""
    label = QLabel(text)
    label.setStyleSheet(HEADING)
    return label


def line_up(*widgets: QWidget) -> None:
    """Give the labels of the left column one width, over several boxes."""
    labels = [label for one in widgets for label in one.findChildren(QLabel, LABEL)]
    width = max((label.sizeHint().width() for label in labels), default=0)
    for label in labels:
        label.setMinimumWidth(width)
