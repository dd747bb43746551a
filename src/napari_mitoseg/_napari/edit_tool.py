"""An operation in the making: its settings, and what was clicked or drawn for it."""

from collections.abc import Sequence

import numpy as np

from napari_mitoseg.proofreading import Operation
from napari_mitoseg.proofreading.operations import Point
from napari_mitoseg.volume import Spacing

CLICKS = frozenset({"point", "points"})
LINES = frozenset({"line", "outline", "normal"})
FEWEST_POINTS, FEWEST_CORNERS = 2, 3
ACROSS = (1.0, 0.0, 0.0)
"""Of a plane that lies in a slice: the direction it faces."""
LONGEST_LINE = 200
"""Points that a drawn line is thinned to."""


class EditTool:
    """What an operation still needs before it can be previewed.

    Parameters
    ----------
    settings : Operation
        With everything but what is picked in the image.
    spacing : tuple of float or None
        Distance between voxel centres in nm, ZYX; None where it is not known.

    Attributes
    ----------
    settings : Operation
        As given, or as the form has it since.
    label : int
        The object that was clicked or drawn on; 0 where none was.
    points : list of tuple of int
        Clicked voxels, ZYX.
    line : list of tuple of int
        Voxels under the line that was drawn.
    """

    def __init__(self, settings: Operation, spacing: Spacing | None = None) -> None:
        self.settings = settings
        self._spacing = spacing or (1.0, 1.0, 1.0)
        self.clear()

    @property
    def picks(self) -> tuple[str, ...]:
        """Fields that are clicked or drawn; see `Operation.picks`."""
        return self.settings.picks

    @property
    def takes_clicks(self) -> bool:
        """Whether clicks are places for it rather than a selection."""
        return bool(CLICKS & {*self.picks})

    @property
    def takes_lines(self) -> bool:
        """Whether a line is drawn for it, so that the camera must stay."""
        return bool(LINES & {*self.picks})

    @property
    def makes_new(self) -> bool:
        """Whether it is drawn where no object need be."""
        return "outline" in self.picks

    def clear(self) -> None:
        """Forget what was clicked and drawn."""
        self.label = 0
        self.points: list[Point] = []
        self.line: list[Point] = []

    def click(self, point: Point, label: int) -> None:
        """Take a click on an object; a click on another one begins again.

        Parameters
        ----------
        point : tuple of int
            Voxel, ZYX.
        label : int
            The object there.
        """
        if label != self.label:
            self.clear()
        self.label = label
        self.line.clear()
        if "points" not in self.picks:
            self.points.clear()
        if point not in self.points:
            self.points.append(point)

    def draw(self, line: Sequence[Point], label: int) -> None:
        """Take a line drawn over an object, in place of an earlier one."""
        step = max(1, len(line) // LONGEST_LINE)
        self.line = list(dict.fromkeys([*line[::step], line[-1]]))
        self.points = [self.line[len(self.line) // 2]] if "point" in self.picks else []
        self.label = label

    def wanted(self, selection: Sequence[int]) -> str:
        """Say what is missing.

        Parameters
        ----------
        selection : sequence of int
            Selected objects.

        Returns
        -------
        str
            What to do; empty where nothing is missing.
        """
        if self.makes_new:
            few = len(self.line) < FEWEST_CORNERS
            return "Drag around the new object in a slice." if few else ""
        if "line" in self.picks:
            return "" if len(self.line) > 1 else "Drag a line across the object."
        if "points" in self.picks:
            missing = FEWEST_POINTS - len(self.points)
            return "Click once in each part of the object." if missing > 0 else ""
        if "normal" in self.picks:
            how = "Click to cut along the slice, or drag to cut along a line."
            return "" if self.points else how
        if "point" in self.picks:
            return "" if self.points else "Click on the place in the object."
        return "" if selection else "Click on an object."

    def operations(self, selection: Sequence[int]) -> list[Operation]:
        """Return what is to be done.

        Parameters
        ----------
        selection : sequence of int
            Selected objects.

        Returns
        -------
        list of Operation
            One for all objects, or one for each.
        """
        found: dict[str, object] = {
            "labels": tuple(selection),
            "points": tuple(self.points),
            "line": tuple(self.line),
            "outline": tuple(self.line),
            "normal": self._normal(),
            "target": (*selection, 0, 0)[1],
        }
        if self.points:
            found["point"] = self.points[-1]
        picked = {name: found[name] for name in self.picks if name in found}
        if "label" not in self.picks:
            return [self._with(picked)]
        return [self._with({**picked, "label": n}) for n in self._objects(selection)]

    def _objects(self, selection: Sequence[int]) -> Sequence[int]:
        """Return the objects that it is done on, one by one."""
        if self.takes_clicks or self.takes_lines:
            return (self.label,)
        return selection[:1] if "target" in self.picks else selection

    def _normal(self) -> tuple[float, ...]:
        """Return the direction across a drawn line within its slice, in nm."""
        if len(self.line) < 2:
            return ACROSS
        along = np.subtract(self.line[-1], self.line[0]) * np.array(self._spacing)
        sliced = next((n for n in range(3) if not along[n]), 0)
        first, second = (n for n in range(3) if n != sliced)
        normal = [0.0, 0.0, 0.0]
        normal[first], normal[second] = float(along[second]), -float(along[first])
        return tuple(normal)

    def _with(self, picked: dict[str, object]) -> Operation:
        kind = type(self.settings)
        settings = {name: getattr(self.settings, name) for name in kind.model_fields}
        return kind.parse({**settings, **picked})
