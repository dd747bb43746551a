"""What N_sp is shown: which masks, which images, and truth of neighbours only."""

import numpy as np
import pytest
import torch

from napari_mitoseg.models.architectures import architectures
from napari_mitoseg.training.appearance import NO_APPEARANCE
from napari_mitoseg.training.geometry import NO_GEOMETRY
from napari_mitoseg.training.patches import TrainingStack, draw_centre
from napari_mitoseg.training.refinement import RefinementBatches
from napari_mitoseg.training.settings import FitSettings

DEPTH, SIDE = 6, 16
IS_TRUTH = torch.tensor([False, False, True, False, False, False])


def numbered(first: float) -> torch.Tensor:
    """Slices that say by their value which they are."""
    return (first + torch.arange(DEPTH))[:, None, None].expand(-1, SIDE, SIDE).clone()


STACK = TrainingStack(numbered(100.0), (numbered(0) > 2).int())


def batches(**changes: object) -> RefinementBatches:
    given = {
        "coarse": numbered(10.0),
        "truth": numbered(20.0),
        "is_truth": IS_TRUTH,
        "middle": True,
        "uses_truth": False,
        "truth_share": 0.0,
    }
    return RefinementBatches(**(given | changes))


def network(context: int, extra: int) -> torch.nn.Module:
    config = {"width": 2, "levels": 1, "context": context, "extra": extra}
    return architectures["unet2d"].from_config(config | {"outputs": ["semantic"]})


@pytest.mark.parametrize(
    ("changes", "z", "expected"),
    [
        ({}, 3, [11, 12, 13, 14, 15]),
        ({}, 0, [10, 10, 10, 11, 12]),  # nearest-slice padding
        ({"middle": False}, 3, [11, 12, 0, 14, 15]),
        ({"uses_truth": True}, 3, [11, 22, 13, 14, 15]),
        ({"uses_truth": True}, 2, [10, 11, 12, 13, 14]),  # never its own truth
    ],
)
def test_masks_of_a_slice(
    changes: dict[str, object], z: int, expected: list[int]
) -> None:
    planes = batches(**changes).planes(network(2, 0), STACK, z)
    assert planes[:, 0, 0].tolist() == expected


def test_images_follow_the_masks() -> None:
    planes = batches().planes(network(1, 3), STACK, 5)
    assert planes[:, 0, 0].tolist() == [14, 15, 15, 104, 105, 105]


@pytest.mark.parametrize(("share", "only"), [(1.0, True), (0.0, False)])
def test_a_batch_is_drawn_from_truth_as_often_as_told(share: float, only: bool) -> None:
    settings = FitSettings(
        patch=(1, 8, 8), batch=40, geometry=NO_GEOMETRY, appearance=NO_APPEARANCE
    )
    inputs, target, known = batches(truth_share=share)(
        network(0, 0), [STACK], settings, 0, torch.device("cpu")
    )
    slices = set((inputs[:, 0, 0, 0] - 10).int().tolist())
    assert (slices == {2}) is only
    assert inputs.shape == (40, 1, 8, 8)
    assert target.shape == known.shape == (40, 1, 1, 8, 8)
    wanted = (inputs[:, 0] - 10 > 2).float()
    torch.testing.assert_close(target[:, 0, 0], wanted)


def test_the_same_step_is_the_same_batch() -> None:
    settings = FitSettings(patch=(1, 8, 8), batch=4)
    drawn = [
        batches()(network(1, 1), [STACK], settings, step, torch.device("cpu"))[0]
        for step in (7, 7, 8)
    ]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_centres_on_mitochondria() -> None:
    labels = torch.zeros((DEPTH, SIDE, SIDE), dtype=torch.int32)
    labels[4, 3, 5] = 1
    stack = TrainingStack(numbered(0), labels)
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        assert draw_centre(stack, torch.tensor([4]), 1.0, generator) == (4, 3, 5)
    places = {draw_centre(stack, torch.tensor([1]), 1.0, generator) for _ in range(9)}
    assert np.unique([z for z, _, _ in places]).tolist() == [1]
    assert len(places) > 1
