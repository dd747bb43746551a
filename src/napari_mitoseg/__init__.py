"""Mitochondria in electron microscopy: segmented, counted, measured.

Importing this package loads neither torch nor napari: each public name is fetched
from its module when it is first used.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "MitoSegError": "errors",
    "ProbabilityMaps": "maps",
    "Progress": "jobs",
    "Recipe": "recipe",
    "Region": "volume",
    "Volume": "volume",
    "drain": "jobs",
    "list_models": "models.zoo",
    "load_model": "models.zoo",
    "predict_maps": "inference.predict",
    "read_labels": "io",
    "read_volume": "io",
    "run_recipe": "pipeline",
}
"""The public names and the modules they live in."""

__all__ = ["__version__", *_HOMES]  # noqa: PLE0604 - the table holds names


def __getattr__(name: str) -> Any:
    """Fetch a public name from the module it lives in."""
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """List the public names, fetched or not."""
    return sorted([*globals(), *_HOMES])
