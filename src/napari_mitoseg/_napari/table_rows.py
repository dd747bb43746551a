"""Rows of tables: low, whole ones selected, without numbers of their own."""

from qtpy.QtWidgets import QAbstractItemView, QTableView

ROW_HEIGHT = 22


def set_up_rows(view: QTableView) -> None:
    """Give a table the rows that all tables have.

    Parameters
    ----------
    view : QTableView
        Changed in place.
    """
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.setWordWrap(False)
    if (numbers := view.verticalHeader()) is not None:
        numbers.hide()
        numbers.setMinimumSectionSize(ROW_HEIGHT)
        numbers.setDefaultSectionSize(ROW_HEIGHT)
