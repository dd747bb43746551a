"""Keys of the Proofread widget: letters that napari leaves free on a labels layer."""

OPERATIONS = {
    "merge": "G",
    "delete": "D",
    "split-by-seeds": "S",
    "split-by-line": "K",
    "split-by-distance": "T",
    "cut-at-plane": "W",
    "erase-branch": "Y",
    "fill-holes": "H",
    "smooth": "O",
    "grow": "U",
    "shrink": "J",
    "interpolate": "I",
}
"""Of each operation, in the order in which they are offered."""

APPLY, CANCEL = "A", "Q"
NEW_OBJECT = "Shift-N"
NEXT, CORRECT, FIXED = "N", "C", "R"


def shown(key: str) -> str:
    """Return a key as people write it."""
    return key.replace("-", "+")
