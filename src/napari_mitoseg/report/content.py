"""What a report is about."""

from dataclasses import dataclass

from napari_mitoseg.morphology import MeasurementTable
from napari_mitoseg.volume import LazyArray, Volume


@dataclass(frozen=True, eq=False)
class ReportContent:
    """Labels, their measurements, and where they come from.

    Attributes
    ----------
    labels : Volume
        Objects; 0 is background.  A few slices are read, and a coarse copy.
    table : MeasurementTable
        Measurements of these labels, with the family ``size`` at least.
    image : Volume or None
        The image under the outlines, of the same shape.
    tissue : array or None
        Where there is tissue, of the same shape: what density and volume fraction
        refer to; everything where absent.
    recipe : str
        JSON of the recipe that made the labels; empty where it is not known.
    """

    labels: Volume
    table: MeasurementTable
    image: Volume | None = None
    tissue: LazyArray | None = None
    recipe: str = ""

    @property
    def is_flat(self) -> bool:
        """Whether there is one slice only."""
        return self.labels.shape[0] == 1
