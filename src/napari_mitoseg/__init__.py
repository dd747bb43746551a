"""Mitochondria in electron microscopy, segmented, counted and measured.

Importing this package loads neither torch nor napari: each public name is fetched
from its module when it is first used.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "MitoSegError": "errors",
    "Progress": "jobs",
    "drain": "jobs",
    "ProbabilityMaps": "maps",
    "Region": "volume",
    "Volume": "volume",
}

__all__ = ["__version__", *sorted(_HOMES)]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    """Fetch a public name from the module it lives in."""
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """List the public names, fetched or not."""
    return sorted(__all__)
