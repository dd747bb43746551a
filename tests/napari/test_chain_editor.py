"""The editor of a chain offers what is legal and nothing else."""

from typing import Any

import pytest

from napari_mitoseg._napari.chain_editor import ChainEditor
from napari_mitoseg.postprocessing import DEFAULT_CHAIN, Chain
from napari_mitoseg.preprocessing import Pipeline
from napari_mitoseg.steps import StepSequence

SHORT = Chain([{"step": "threshold"}, {"step": "connected-components"}])


@pytest.fixture
def editor(qtbot: Any) -> ChainEditor:
    widget = ChainEditor(SHORT)
    qtbot.addWidget(widget)
    return widget


def names(sequence: StepSequence) -> list[str]:
    return [step.name for step in sequence.steps]


def test_offers_exactly_the_legal_steps(editor: ChainEditor) -> None:
    legal = {name for n in range(len(SHORT) + 1) for name in SHORT.legal_next(n)}
    assert set(editor.legal_additions()) == legal
    assert "seeded-watershed" not in legal  # needs a seed map


def test_add_puts_a_step_where_it_is_legal(editor: ChainEditor, qtbot: Any) -> None:
    editor.add_button.menu().aboutToShow.emit()
    titles = {action.text(): action for action in editor.add_button.menu().actions()}
    with qtbot.waitSignal(editor.changed):
        titles["Remove small"].trigger()
    assert names(editor.value) == ["threshold", "connected-components", "remove-small"]
    with qtbot.waitSignal(editor.changed):
        editor.add_button.menu().aboutToShow.emit()
        titles = {a.text(): a for a in editor.add_button.menu().actions()}
        titles["Seed map"].trigger()
    assert names(editor.value)[1] == "seed-map"


def test_steps_the_chain_needs_cannot_be_removed(editor: ChainEditor) -> None:
    assert [row.remove.isEnabled() for row in editor.rows] == [False, False]
    assert not editor.rows[0].down.isEnabled()
    assert not editor.rows[1].up.isEnabled()


@pytest.mark.parametrize("sequence", [DEFAULT_CHAIN, SHORT])
def test_buttons_agree_with_the_chain(qtbot: Any, sequence: Chain) -> None:
    widget = ChainEditor(sequence)
    qtbot.addWidget(widget)
    last = len(sequence) - 1
    for n, row in enumerate(widget.rows):
        assert row.remove.isEnabled() == sequence.can_remove(n)
        assert row.up.isEnabled() == (n > 0 and sequence.can_move(n, n - 1))
        assert row.down.isEnabled() == (n < last and sequence.can_move(n, n + 1))


def test_remove_and_reset(qtbot: Any) -> None:
    widget = ChainEditor(DEFAULT_CHAIN)
    qtbot.addWidget(widget)
    with qtbot.waitSignal(widget.changed):
        widget.rows[-1].remove.click()
    assert names(widget.value) == names(DEFAULT_CHAIN)[:-1]
    with qtbot.waitSignal(widget.changed):
        widget.reset_button.click()
    assert widget.value == DEFAULT_CHAIN


def test_move(qtbot: Any) -> None:
    widget = ChainEditor(Pipeline([{"step": "invert"}, {"step": "equalize"}]))
    qtbot.addWidget(widget)
    widget.rows[1].up.click()
    assert names(widget.value) == ["equalize", "invert"]
    widget.rows[0].down.click()
    assert names(widget.value) == ["invert", "equalize"]


def test_edit_keeps_the_row_and_its_form(editor: ChainEditor, qtbot: Any) -> None:
    row = editor.rows[0]
    row.title.click()
    slider: Any = row.form.editor("value")
    with qtbot.waitSignal(editor.changed) as changed:
        slider.setValue(0.7)
    assert changed.args[0].model_dump()[0] == {"step": "threshold", "value": 0.7}
    assert editor.rows[0] is row
    assert row.values.text() == "0.7"


def test_unfolded_steps_stay_unfolded(editor: ChainEditor) -> None:
    editor.rows[0].title.click()
    editor.legal_additions()
    editor.set_value(SHORT)
    assert editor.rows[0].title.is_expanded
    assert not editor.rows[1].title.is_expanded
