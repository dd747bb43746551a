"""What is said about parameters that do not fit."""

import pytest

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.params import Params, param


class Inner(Params):
    """Some settings."""

    depth: int = param(1, description="How deep.", ge=1)


class Settings(Params):
    """Settings of something."""

    widths: tuple[int, ...] = param((8, 16), description="Channels.")
    inner: Inner = param(Inner(), description="More.")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"width": 3},
            "Settings has no setting 'width'. Did you mean 'widths'? "
            "Choose from: widths, inner.",
        ),
        ({"xyz": 3}, "Settings has no setting 'xyz'. Choose from: widths, inner."),
        ({"inner": {"deep": 1}}, "Settings has no setting 'inner.deep'."),
    ],
)
def test_an_unknown_setting_is_told_with_those_there_are(
    given: dict[str, object], said: str
) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        Settings.parse(given)
    assert str(caught.value) == said


def test_a_value_out_of_bounds_is_told_with_its_place() -> None:
    with pytest.raises(InvalidParameterError, match=r"inner\.depth.*given: 0"):
        Settings.parse({"inner": {"depth": 0}})
