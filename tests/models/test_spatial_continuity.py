"""The model that puts N_se and N_sp in a row."""

import pytest
import torch

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.models.architectures import SpatialContinuity, architectures

SMALL = {
    "segmentation": {"config": {"width": 2, "levels": 1, "outputs": ["semantic"]}},
    "refinement": {"config": {"width": 2, "levels": 1, "context": 1}},
}


def build(**changes):
    torch.manual_seed(0)
    return architectures["spatial-continuity"].from_config(SMALL | changes).eval()


def test_the_defaults_are_the_published_networks():
    network = architectures["spatial-continuity"].from_config()
    assert isinstance(network, SpatialContinuity)
    n_se, n_sp = network.segmentation, network.refinement
    assert (n_se.in_channels, n_sp.in_channels) == (1, 15)
    assert n_se.outputs == n_sp.outputs == network.outputs == ("semantic",)
    for part in (n_se, n_sp):
        assert round(part.count_parameters() / 1e5) == pytest.approx(77, abs=1)
    assert (network.context, network.views, network.masks) == (7, 8, "binary")


@pytest.mark.parametrize("masks", ["binary", "probability"])
def test_forward_is_one_network_after_the_other(masks):
    network = build(masks=masks)
    image = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        coarse = torch.cat(
            [network.segmentation(image[:, z, None]).sigmoid() for z in range(3)], dim=1
        )
        given = (coarse > 0.5).float() if masks == "binary" else coarse
        expected = network.refinement(given)
        torch.testing.assert_close(network(image), expected)


def test_the_refining_network_may_see_the_image():
    network = build(
        refinement={"config": {"width": 2, "levels": 1, "context": 1, "extra": 1}}
    )
    masks = torch.zeros(1, 3, 4, 4)
    with torch.inference_mode():
        dark, bright = (
            network.refine(masks, torch.full((1, 1, 4, 4), v)) for v in (-1.0, 1.0)
        )
    assert not torch.equal(dark, bright)


@pytest.mark.parametrize(
    "changes",
    [
        {"segmentation": {"architecture": "resunet-r"}},
        {"segmentation": {"config": {"outputs": ["boundary"]}}},
        {"segmentation": {"config": {"extra": 1}}},
        {"refinement": {"config": {"extra": 2}}},
    ],
)
def test_networks_that_cannot_stand_in_a_row_are_refused(changes):
    with pytest.raises(InvalidParameterError, match="two dimensions"):
        build(**changes)


def test_without_the_middle_mask_it_does_not_matter():
    network = build(
        refinement={"config": {"width": 2, "levels": 1, "context": 1, "extra": 3}},
        middle=False,
    )
    masks, image = torch.rand(1, 3, 4, 4), torch.randn(1, 3, 4, 4)
    changed = masks.clone()
    changed[:, 1] = 1 - changed[:, 1]
    neighbour = masks.clone()
    neighbour[:, 2] = 1 - neighbour[:, 2]
    with torch.inference_mode():
        plain, same, other = (
            network.refine(m, image) for m in (masks, changed, neighbour)
        )
    assert torch.equal(plain, same)
    assert not torch.equal(plain, other)


def test_image_neighbours_may_reach_farther_than_the_masks():
    network = build(
        segmentation={"config": {"width": 2, "levels": 1, "outputs": ["semantic"]}},
        refinement={"config": {"width": 2, "levels": 1, "context": 0, "extra": 5}},
    )
    assert network.context == network.halo[0] == 2
    image = torch.randn(1, 5, 4, 4)
    with torch.inference_mode():
        coarse = network.segmentation(image[:, 2:3])[:, :1].sigmoid()
        assert torch.allclose(network(image), network.refine(coarse, image))
