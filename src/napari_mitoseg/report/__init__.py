"""One page that shows what a volume holds: pictures, distributions, numbers, recipe."""

from napari_mitoseg.report.content import ReportContent
from napari_mitoseg.report.write import measure_and_report, write_report

__all__ = ["ReportContent", "measure_and_report", "write_report"]
