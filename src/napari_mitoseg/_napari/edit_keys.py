"""Words and keys of the Proofread widget: letters that napari leaves free.

The keys act on the layer that is corrected while it is selected, and nowhere else.
"""

from typing import NamedTuple

from napari_mitoseg.proofreading import Operation, operations

APPLY, CANCEL = "A", "Q"
BRUSH = "Shift-N"
NEXT, PREVIOUS, CORRECT, FIXED = "N", "Shift-B", "C", "R"
PICKED = frozenset(
    {"label", "labels", "target", "between"}
    | {"point", "points", "line", "outline", "normal"}
)
"""What can be clicked or drawn in the image, see `Operation.picks`."""


class Offer(NamedTuple):
    """How an operation is offered.

    Attributes
    ----------
    name : str
        In the registry.
    group : str
        Row in which its button stands.
    word : str
        On the button.
    key : str
        As napari writes it; empty for none.
    """

    name: str
    group: str
    word: str
    key: str


KNOWN = (
    Offer("merge", "Objects", "Merge", "G"),
    Offer("delete", "Objects", "Delete", "D"),
    Offer("separate-pieces", "Objects", "Pieces", "Shift-S"),
    Offer("split-by-seeds", "Split", "Points", "S"),
    Offer("split-by-line", "Split", "Line", "K"),
    Offer("split-by-distance", "Split", "Necks", "T"),
    Offer("cut-at-plane", "Cut", "Plane", "W"),
    Offer("erase-branch", "Cut", "Branch", "Y"),
    Offer("relabel-in-slices", "Cut", "Slices", "Shift-R"),
    Offer("fill-holes", "Shape", "Holes", "H"),
    Offer("smooth", "Shape", "Smooth", "O"),
    Offer("grow", "Shape", "Grow", "U"),
    Offer("shrink", "Shape", "Shrink", "J"),
    Offer("new-object", "Draw", "Outline", "Shift-O"),
    Offer("interpolate", "Draw", "Between", "I"),
)


def offers() -> list[Offer]:
    """Return how all operations are offered, those without a place of their own last.

    Returns
    -------
    list of Offer
        Without operations that need something which cannot be clicked or drawn.
    """
    known = [one for one in KNOWN if one.name in operations]
    others = {*operations} - {one.name for one in known}
    more = [Offer(n, "More", operations[n].title, "") for n in sorted(others)]
    return [one for one in (*known, *more) if _can_be_picked(operations[one.name])]


def shown(key: str) -> str:
    """Return a key as people write it."""
    return key.replace("Shift-", "⇧")


def _can_be_picked(kind: type[Operation]) -> bool:
    return {*kind.picks} <= PICKED
