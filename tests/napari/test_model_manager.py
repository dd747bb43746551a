"""The manager of models: list, install, trust, export, remove."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from qtpy.QtWidgets import QMessageBox

from napari_mitoseg._napari.model_box import ModelBox
from napari_mitoseg._napari.model_manager import ModelManager
from napari_mitoseg._napari.model_tasks import listed_models
from napari_mitoseg._napari.model_words import describe
from napari_mitoseg.exchange.export import export_model
from napari_mitoseg.jobs import drain
from napari_mitoseg.models import zoo
from napari_mitoseg.models.architectures import Fast
from napari_mitoseg.models.zoo import ModelCard, model_names, save_model

CARD = ModelCard(
    name="Mine & others",
    architecture="fast",
    spacing=(40, 8, 8),
    citation=("A paper",),
    licence="MIT",
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(zoo.FOLDER_VARIABLE, str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A model of this program in an archive."""
    torch.manual_seed(0)
    save_model(Fast.from_config({"widths": [4, 6]}), CARD, tmp_path / "fast")
    out = tmp_path / "model.zip"
    drain(export_model(str(tmp_path / "fast"), out, "mitoseg"))
    return out


@pytest.fixture
def graph(package: Path) -> Path:
    """The same as TorchScript."""
    out = package.with_name("graph.pt")
    drain(export_model(str(package.with_name("fast")), out, "torchscript"))
    return out


@pytest.fixture
def manager(home: Path, qtbot: Any) -> ModelManager:
    shown = ModelManager()
    qtbot.addWidget(shown)
    return shown


def wait(manager: ModelManager, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: not manager.runner.is_busy, timeout=30_000)


def test_public_models_are_listed_behind_those_that_are_here(
    manager: ModelManager,
) -> None:
    texts = [manager.list.item(n).text() for n in range(manager.list.count())]
    assert texts[:2] == ["accurate", "fast"]
    assert "MitoNet_v1  (can be downloaded)" in texts
    manager.list.setCurrentRow(texts.index("kind-seashell  (can be downloaded)"))
    shown = manager.details.toPlainText()
    assert "CC-BY-4.0" in shown
    assert "b3ffbe1d9d227c53" in shown
    assert manager.download.isEnabled()
    assert not manager.remove_button.isEnabled()
    assert not manager.export_button.isEnabled()


def test_install_export_and_remove(
    manager: ModelManager, package: Path, home: Path, qtbot: Any
) -> None:
    box = ModelBox("fast", manages=True)
    qtbot.addWidget(box)
    lost: list[Exception] = []
    box.failed.connect(lost.append)
    manager.changed.connect(box.refresh)
    manager.name.setText("Travelled")
    manager.install(str(package))
    wait(manager, qtbot)
    assert "Travelled is installed." in manager.status.text()
    assert manager.chosen is not None
    assert manager.chosen.folder == home / "travelled"
    assert manager.name.text() == ""
    assert box.set_name("Travelled")
    out = package.with_name("again.zip")
    manager.export("mitoseg", (), out)
    wait(manager, qtbot)
    assert out.is_file()
    assert str(out) in manager.status.text()
    manager.remove()
    wait(manager, qtbot)
    assert "Travelled" not in model_names()
    assert box.name == "fast"
    assert [str(one) for one in lost] == [
        "The model 'Travelled' is no longer here; 'fast' is chosen."
    ]
    assert not box.set_name("Travelled")


def test_the_model_that_was_removed_gives_way_to_the_default(
    home: Path, qtbot: Any
) -> None:
    for name in ("A", "B"):
        card = CARD.model_copy(update={"name": name})
        save_model(Fast.from_config({"widths": [4, 6]}), card, home / name)
    box = ModelBox("fast")
    qtbot.addWidget(box)
    assert box.set_name("A")
    shutil.rmtree(home / "B")
    box.refresh()
    assert box.name == "A"
    save_model(Fast.from_config({"widths": [4, 6]}), card, home / "B")
    box.refresh()
    shutil.rmtree(home / "A")
    box.refresh()
    assert box.name == "fast"


def test_what_a_package_says_of_itself_does_not_fill_the_screen(
    manager: ModelManager,
) -> None:
    manager.resize(760, 560)
    manager.say("It is known that " * 2000)
    assert manager.minimumSizeHint().height() < 700
    assert len(manager.status.text()) < 700
    manager.say("Removed.")
    assert manager.status.text() == "Removed."
    assert not manager.status.toolTip()


@pytest.mark.parametrize("answer", ["Yes", "No"])
def test_a_program_is_asked_about(
    answer: str,
    manager: ModelManager,
    graph: Path,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def question(*texts: Any) -> Any:
        asked.append(texts[-1])
        return QMessageBox.StandardButton[answer]

    monkeypatch.setattr(QMessageBox, "question", question)
    manager.name.setText("Graph")
    manager.install(str(graph))
    qtbot.waitUntil(lambda: bool(asked), timeout=30_000)
    wait(manager, qtbot)
    if answer == "Yes":
        qtbot.waitUntil(lambda: "Graph" in model_names(), timeout=30_000)
        wait(manager, qtbot)
    assert ("Graph" in model_names()) is (answer == "Yes")
    assert len(asked) == 1
    assert "program" in asked[0]


def test_what_is_wrong_is_said(
    manager: ModelManager, package: Path, tmp_path: Path, qtbot: Any
) -> None:
    manager.install(str(tmp_path / "nothing.zip"))
    wait(manager, qtbot)
    assert "is no model" in manager.status.text()
    manager.spacing.setText("thirty")
    manager.install(str(package))
    assert "30, 8, 8" in manager.status.text()
    manager.spacing.setText("")
    manager.address.setText("http://example.org/model.zip")
    manager.from_address.click()
    wait(manager, qtbot)
    assert "https" in manager.status.text()


def test_details_are_text_not_markup(home: Path) -> None:
    (listed,) = [one for one in listed_models() if one.card.name == "fast"]
    sly = listed.card.model_copy(update={"description": "<img src=x>"})
    shown = describe(type(listed)(sly))
    assert "&lt;img" in shown
    assert "<img" not in shown
