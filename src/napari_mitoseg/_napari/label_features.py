"""Measurements as features of a layer, beside what others have put there."""

from collections.abc import Mapping
from typing import Any

from napari.layers import Labels

from napari_mitoseg.volume import Array

INDEX = "index"
OURS = "napari-mitoseg features"
"""Key in the metadata of a layer: the names of the columns that were written here."""


def put_features(layer: Labels, columns: Mapping[str, Array]) -> None:
    """Write measurements into the features of a layer.

    Parameters
    ----------
    layer : napari.layers.Labels
        Columns of earlier measurements give way; all other columns stay, with the
        label they belong to.
    columns : mapping of str to ndarray, shape (n,)
        Measurements, ``index`` first.
    """
    before = layer.features
    gone = {*columns, *layer.metadata.get(OURS, ())} - {INDEX}
    kept = before.drop(columns=[name for name in before if name in gone])
    # napari brings pandas, and we need not.
    new: Any = type(before)(dict(columns))
    others = [name for name in kept if name != INDEX]
    if others:
        if INDEX not in kept:
            # To napari, a table without labels has those of its rows.
            kept = kept.assign(**{INDEX: range(len(kept))})
        new = new.merge(kept.drop_duplicates(INDEX), on=INDEX, how="left")
    layer.features = new
    layer.metadata[OURS] = [name for name in columns if name != INDEX]
