"""Labels to edit: the same objects in memory, in chunks, and as one slice."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import zarr

from napari_mitoseg.proofreading import LabelEditor

Make = Callable[[np.ndarray], Any]


def in_memory(labels: np.ndarray) -> np.ndarray:
    return labels.copy()


def in_view(labels: np.ndarray) -> np.ndarray:
    """Labels that do not lie one behind the other in memory."""
    return labels.copy(order="F")


def in_chunks(labels: np.ndarray) -> zarr.Array:
    chunks = (3, 16, 16)[-labels.ndim :]
    stored = zarr.create_array(
        {}, shape=labels.shape, chunks=chunks, dtype=labels.dtype
    )
    stored[...] = labels
    return stored


def ellipsoids(shape: tuple[int, int, int] = (8, 30, 34)) -> np.ndarray:
    """Ten of them, of uint16, some touching, some cut by the side."""
    rng = np.random.default_rng(3)
    labels = np.zeros(shape, np.uint16)
    grid = np.indices(shape)
    for label in range(1, 11):
        centre = rng.uniform(0, shape)[:, None, None, None]
        radii = np.array([2.5, 6, 6])[:, None, None, None]
        labels[(((grid - centre) / radii) ** 2).sum(axis=0) < 1] = label
    return labels


STORAGE = {"memory": in_memory, "view": in_view, "zarr": in_chunks}


@pytest.fixture(scope="session", params=STORAGE)
def stored(request: pytest.FixtureRequest) -> Make:
    """Each way in turn to hold labels."""
    return STORAGE[request.param]


@pytest.fixture(scope="session")
def in_zarr() -> Make:
    """Put labels into chunks of 3 x 16 x 16."""
    return in_chunks


@pytest.fixture(scope="session")
def blobs() -> Callable[..., np.ndarray]:
    """Make ten ellipsoids of uint16; takes a shape."""
    return ellipsoids


@pytest.fixture
def editor(stored: Make) -> LabelEditor:
    """An editor of the ellipsoids."""
    return LabelEditor(stored(ellipsoids()), (40.0, 10.0, 10.0))
