"""An operation in the making: its settings, and what was clicked or drawn for it."""

from collections.abc import Sequence

from napari_mitoseg.proofreading import Operation

Point = tuple[int, int, int]
CLICKS = frozenset({"point", "points"})
LINES = frozenset({"line"})
FEWEST_POINTS = 2
LONGEST_LINE = 200
"""Points that a drawn line is thinned to."""


class EditTool:
    """What an operation still needs before it can be previewed.

    Parameters
    ----------
    settings : Operation
        With everything but what is picked in the image.

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

    def __init__(self, settings: Operation) -> None:
        self.settings = settings
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
    def takes_several(self) -> bool:
        """Whether it is one operation on all that is selected."""
        return "labels" in self.picks

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
        if "points" not in self.picks:
            self.points.clear()
        if point not in self.points:
            self.points.append(point)

    def draw(self, line: Sequence[Point], label: int) -> None:
        """Take a line drawn over an object, in place of an earlier one."""
        step = max(1, len(line) // LONGEST_LINE)
        thinned = [*line[::step], line[-1]]
        self.line = [one for n, one in enumerate(thinned) if one not in thinned[:n]]
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
        if self.takes_lines:
            return "" if len(self.line) > 1 else "Drag a line across the object."
        if "points" in self.picks:
            missing = FEWEST_POINTS - len(self.points)
            return "Click once in each part of the object." if missing > 0 else ""
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
        found: dict[str, object] = {"labels": tuple(selection)}
        found |= {"points": tuple(self.points), "line": tuple(self.line)}
        if self.points:
            found["point"] = self.points[-1]
        picked = {name: found[name] for name in self.picks if name in found}
        if "label" not in self.picks:
            return [self._with(picked)]
        chosen = (self.label,) if self.takes_clicks or self.takes_lines else selection
        return [self._with({**picked, "label": label}) for label in chosen]

    def _with(self, picked: dict[str, object]) -> Operation:
        settings = {n: getattr(self.settings, n) for n in type(self.settings).model_fields}
        return type(self.settings).parse({**settings, **picked})
