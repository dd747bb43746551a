"""The terms of weights that travel."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.exchange.export import export_model
from napari_mitoseg.jobs import drain
from napari_mitoseg.models.zoo import OWN_DATA


def test_terms_that_weights_have_are_not_changed(tmp_path: Path) -> None:
    out = tmp_path / "fast.zip"
    with pytest.raises(InvalidParameterError, match="Non-commercial use only"):
        drain(export_model("fast", out, "mitoseg", licence="CC-BY-4.0"))
    assert not out.exists()


def test_a_model_of_ones_own_data_gets_a_licence(
    tmp_path: Path, write_model: Any
) -> None:
    folder, out = write_model("fast"), tmp_path / "mine.zip"
    path = folder / "model.json"
    card = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(card | {"licence": OWN_DATA}), encoding="utf-8")
    drain(export_model(str(folder), out, "mitoseg", licence="CC0-1.0"))
    with zipfile.ZipFile(out) as archive:
        assert json.loads(archive.read("model.json"))["licence"] == "CC0-1.0"
