"""The cascade: what its strategies draw, and what passes from stage to stage."""

import numpy as np
import pytest
import torch

from napari_mitoseg.boxes import Boxes
from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.models.architectures import Cascade
from napari_mitoseg.models.cascade import Finding

SMALL = {
    "detector": {"widths": [4, 6]},
    "segmentation": {"widths": [3, 4], "z_halvings": 0},
}
STRATEGIES = ("multi-cue", "median-filter", "multi-slice-fusion")
SHAPE = (3, 3)
BOX, NONE = Boxes.of([(0, 0, 2, 2)]), Boxes.of([])


def build(**changes):
    torch.manual_seed(0)
    return Cascade.from_config(SMALL | changes).eval()


def finding(boxes, *pixels):
    mask = np.zeros((3, 3), bool)
    for y, x in pixels:
        mask[y, x] = True
    return Finding(boxes, mask)


def test_the_defaults_are_the_papers():
    network = Cascade.from_config()
    assert network.config.strategy == "multi-slice-fusion"
    assert network.segmentation.in_channels == 2
    assert [n % d for n, d in zip((32, 256, 256), network.divisor, strict=True)] == [
        0, 0, 0,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("strategy", "n_cues"),
    [("multi-cue", 2), ("median-filter", 1), ("multi-slice-fusion", 1)],
)
def test_cues_stand_beside_the_image(strategy, n_cues):
    network = build(strategy=strategy)
    image = torch.randn(2, 1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        cues = network.find_cues(image)
        assert cues.shape == (2, n_cues, 3, 8, 8)
        both = torch.cat([image, cues], dim=1)
        torch.testing.assert_close(network(image), network.segmentation(both))
        torch.testing.assert_close(network(both), network.segmentation(both))


def test_fusion_draws_boxes_also_where_one_was_missed():
    drawn = build().draw([finding(BOX), finding(NONE), finding(BOX)], SHAPE)
    assert drawn.shape == (3, 1, 3, 3)
    assert (drawn[:, 0] // 255).tolist() == [[[1, 1, 0], [1, 1, 0], [0, 0, 0]]] * 3


def test_median_takes_out_transients_and_closes_gaps():
    network = build(strategy="median-filter")
    here, blip = (0, 0), (2, 2)
    findings = [finding(NONE, here), finding(NONE, blip), finding(NONE, here)]
    drawn = network.draw(findings, SHAPE)[:, 0] // 255
    assert drawn[:, 0, 0].tolist() == [1, 1, 1]
    assert drawn[:, 2, 2].tolist() == [0, 0, 0]


def test_multi_cue_gives_the_mask_and_the_map_of_the_3d_network():
    network = build(strategy="multi-cue")
    told = np.full((2, 3, 3), 100, np.uint8)
    drawn = network.draw([finding(BOX, (1, 1)), finding(BOX)], SHAPE, told)
    assert drawn.shape == (2, 2, 3, 3)
    assert drawn[0, 0].sum() == drawn[0, 0, 1, 1] == 255
    assert (drawn[:, 1] == 100).all()
    with pytest.raises(InvalidParameterError, match="3D network"):
        network.draw([finding(BOX)], SHAPE)


def test_only_multi_cue_has_a_network_more():
    assert [build(strategy=s).bottom_up is not None for s in STRATEGIES] == [
        True, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("strategy", "reach"),
    [("multi-cue", 0), ("median-filter", 3), ("multi-slice-fusion", 4)],
)
def test_how_many_slices_matter(strategy, reach):
    network = build(strategy=strategy, median=3, fusion={"reach": 4})
    assert network.reach == reach


def test_what_makes_the_cues_stays_fixed_while_training():
    network = build(strategy="multi-cue").train()
    assert network.training
    assert network.segmentation.training
    assert not network.detector.training
    assert not network.bottom_up.training
    learned = {
        n.split(".")[0] for n, p in network.named_parameters() if p.requires_grad
    }
    assert learned == {"segmentation"}


def test_all_weights_are_counted():
    network = build(strategy="multi-cue")
    stages = (network.detector, network.bottom_up, network.segmentation)
    expected = sum(p.numel() for stage in stages for p in stage.parameters())
    assert network.count_parameters() == expected


@pytest.mark.parametrize("stage", [{"extra": 1}, {"outputs": ["boundary"]}])
def test_second_stages_that_do_not_fit_are_refused(stage):
    with pytest.raises(InvalidParameterError, match="second stage"):
        build(segmentation=SMALL["segmentation"] | stage)
