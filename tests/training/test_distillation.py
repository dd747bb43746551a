"""Learning from what a teacher says."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.models.architectures import architectures
from napari_mitoseg.models.base import Network
from napari_mitoseg.training.distillation import distilled
from napari_mitoseg.training.fit import Batch
from napari_mitoseg.training.patches import TrainingStack
from napari_mitoseg.training.settings import FitSettings

CPU = torch.device("cpu")
SETTINGS = FitSettings(patch=(1, 16, 16), batch=2)


def network(**config: Any) -> Network:
    torch.manual_seed(0)
    return architectures["fast"].from_config({"widths": [4, 6], **config})


def drawn(known: Tensor) -> Any:
    """Return a way to draw one batch, all of it mitochondrion."""
    generator = torch.Generator().manual_seed(1)
    image = torch.randn(2, 3, 24, 24, generator=generator)

    def draw(
        _network: Network,
        _stacks: Sequence[TrainingStack],
        _settings: FitSettings,
        _step: int,
        _device: torch.device,
    ) -> Batch:
        return image, torch.ones_like(known), known

    return draw


def test_target_is_the_mean_of_truth_and_what_the_teacher_says() -> None:
    teacher, known = network(), torch.ones(2, 2, 1, 16, 16)
    known[0, 0, 0, 3, 5] = 0
    draw = drawn(known)
    image, target, now_known = distilled(teacher, 0.25, draw)(
        network(), [], SETTINGS, 0, CPU
    )
    with torch.inference_mode():
        said = teacher.eval().forward_middle(image, (16, 16)).sigmoid()[:, :, None]
    expected = 0.25 * said + 0.75
    expected[0, 0, 0, 3, 5] = said[0, 0, 0, 3, 5]
    torch.testing.assert_close(target, expected)
    assert (said < 0.99).any()
    assert now_known.eq(1).all()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"context": 2}, "in_channels are 3, the student's 5"),
        ({"outputs": ("semantic",)}, "outputs"),
    ],
)
def test_teachers_that_see_or_say_something_else_are_refused(
    config: dict[str, Any], message: str
) -> None:
    draw = distilled(network(), 0.5, drawn(torch.ones(2, 2, 1, 16, 16)))
    with pytest.raises(InvalidParameterError, match=message):
        draw(network(**config), [], SETTINGS, 0, CPU)
