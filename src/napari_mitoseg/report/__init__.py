"""One page that shows what a volume holds: pictures, distributions, numbers, recipe."""

from napari_mitoseg.report.content import ReportContent
from napari_mitoseg.report.write import write_report

__all__ = ["ReportContent", "write_report"]
