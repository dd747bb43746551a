"""The command that makes the shipped weights runs, on data made here."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_mitoseg.models.zoo import ModelCard, load_model

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"

ALONE = ", each as a single image"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """One stack with truth."""
    folder = tmp_path / "data" / "discs"
    folder.mkdir(parents=True)
    y, x = np.mgrid[:80, :80]
    truth = np.repeat((np.hypot(y - 40, x - 40) < 15)[None], 4, axis=0)
    noise = np.random.default_rng(0).normal(150, 10, truth.shape)
    image = (noise - 60 * truth).astype(np.uint8)
    for name, stack in (("image", image), ("mitochondria", truth.astype(np.uint8))):
        tifffile.imwrite(folder / f"{name}.tif", stack, photometric="minisblack")
    return folder.parent


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    """The shipped configuration, made small."""
    values = json.loads((BENCHMARKS / "train_default.json").read_text(encoding="utf-8"))
    values["sources"] = [
        {"name": "discs", "spacing": [40, 8, 8], "train": [0, 2], "test": [2, 4]}
    ]
    values["synthetic"] = {"seeds": []}
    values["card"] |= {"config": {"widths": [4, 8]}, "scores": []}
    for stage in values["stages"]:
        stage |= {"steps": 2, "batch": 2, "patch": [1, 32, 32], "validate_every": 2}
    path = tmp_path / "configuration.json"
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


def train(data: Path, configuration: Path, out: Path, *more: str) -> ModelCard:
    script = BENCHMARKS / "train_default.py"
    options = {"--data": data, "--config": configuration, "--out": out}
    words = [str(word) for pair in options.items() for word in pair]
    subprocess.run(
        [sys.executable, script, *words, "--device", "cpu", *more], check=True
    )
    return load_model(out / "model").card


@pytest.mark.slow
def test_command_writes_a_scored_model(
    data: Path, configuration: Path, tmp_path: Path
) -> None:
    card = train(data, configuration, tmp_path / "out")

    scored = "discs, slices 2–3"
    assert [score.data for score in card.scores] == [scored, f"{scored}{ALONE}"]
    assert card.patch == (1, 32, 32)


@pytest.mark.slow
def test_a_model_says_what_was_left_out(
    data: Path, configuration: Path, tmp_path: Path
) -> None:
    shutil.copytree(data / "discs", data / "other")
    values = json.loads(configuration.read_text(encoding="utf-8"))
    values["sources"].append(values["sources"][0] | {"name": "other"})
    values["card"]["data"] = ["discs: grey discs", "other: the same"]
    configuration.write_text(json.dumps(values), encoding="utf-8")

    card = train(data, configuration, tmp_path / "out", "--leave-out", "other")

    assert card.data == ("discs: grey discs",)
    assert card.command.endswith("--leave-out other")
    assert [(one.data, one.seen) for one in card.scores] == [
        ("discs, slices 2–3", "same stack"),
        (f"discs, slices 2–3{ALONE}", "same stack"),
        ("other, slices 0–3", "never"),
        (f"other, slices 0–3{ALONE}", "never"),
    ]
