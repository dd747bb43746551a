"""Every registered network keeps the contract of `Network`."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.models.architectures import Network, architectures
from napari_mitoseg.models.blocks import fuse_batch_norm
from napari_mitoseg.models.zoo import ModelCard, load_model, save_model

SMALL = {
    "fast": {"widths": [4, 6, 8]},
    "efficient-unet": {"widths": [4, 6, 8]},
    "ensemble": {
        "members": [
            {"architecture": "fast", "config": {"widths": [4, 6], "context": 1}},
            {"architecture": "efficient-unet", "config": {"widths": [4, 6, 8]}},
        ]
    },
    "unet2d": {"width": 4, "levels": 2},
    "fusion-fcn": {"width": 4, "window": 96},
    "patch-cnn": {"width": 4},
    "resunet-r": {"widths": [3, 4, 5]},
    "resunet-h": {"widths": [3, 4, 5]},
    "detector": {"widths": [4, 6]},
    "resunet2d": {"widths": [4, 6, 8]},
    "resunet3d": {"widths": [3, 4, 5], "z_halvings": 1},
    "cascade": {
        "detector": {"widths": [4, 6]},
        "segmentation": {"widths": [3, 4], "z_halvings": 0},
    },
    "spatial-continuity": {
        "segmentation": {
            "architecture": "fast",
            "config": {"widths": [4, 6], "context": 1, "outputs": ["semantic"]},
        },
        "refinement": {"config": {"width": 4, "levels": 2, "context": 1, "extra": 1}},
        "masks": "probability",
    },
}


SATURATING = (torch.nn.ReLU, torch.nn.ReLU6, torch.nn.ELU, torch.nn.Sigmoid)


def build(name: str) -> Network:
    """Return a small network whose normalisation layers are not trivial."""
    torch.manual_seed(0)
    network = architectures[name].from_config(SMALL.get(name))
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d | torch.nn.BatchNorm3d):
            layer.running_mean.uniform_(-0.5, 0.5)
            layer.running_var.uniform_(0.5, 2.0)
            torch.nn.init.uniform_(layer.weight, 0.5, 1.5)
    return network.eval()


def image_for(network: Network, multiples: tuple[int, int, int], n: int = 1) -> Tensor:
    """Return noise of a legal size."""
    z, y, x = (k * d for k, d in zip(multiples, network.divisor, strict=True))
    size = (
        (n, 1, z, y, x) if network.dimensions == 3 else (n, network.in_channels, y, x)
    )
    return torch.randn(size, generator=torch.Generator().manual_seed(1))


@pytest.fixture(params=architectures.names())
def network(request: pytest.FixtureRequest) -> Network:
    """Each architecture in turn, small."""
    return build(request.param)


@pytest.mark.parametrize("name", architectures.names())
@settings(max_examples=6, deadline=None)
@given(multiples=st.tuples(*[st.integers(1, 3)] * 3))
def test_any_legal_size_gives_maps_of_that_size(
    name: str, multiples: tuple[int, int, int]
) -> None:
    network = build(name)
    image = image_for(network, multiples)
    with torch.inference_mode():
        logits = network(image)
    assert logits.shape == (1, len(network.outputs), *image.shape[2:])
    assert logits.isfinite().all()


def test_every_weight_gets_a_gradient(network: Network) -> None:
    network.train()
    network(image_for(network, (2, 2, 2), n=2)).square().sum().backward()
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:  # trained by itself, such as a detector
            continue
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_same_input_same_output_and_batch_items_do_not_mix(network: Network) -> None:
    image = image_for(network, (2, 2, 2), n=2)
    with torch.inference_mode():
        once, twice, alone = network(image), network(image), network(image[1:])
    torch.testing.assert_close(once, twice, rtol=0, atol=0)
    torch.testing.assert_close(once[1:], alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (4, 2)])
def test_the_middle_of_patches_is_what_forward_says_of_it(
    network: Network, size: tuple[int, int]
) -> None:
    """Pixel n // 2 is the middle one, as in patches that training cuts."""
    image = image_for(network, (1, 32 // network.divisor[1], 32 // network.divisor[2]))
    with torch.inference_mode():
        whole, middle = network(image), network.forward_middle(image, size)
    y, x = (16 - n // 2 for n in size)
    expected = whole[..., y : y + size[0], x : x + size[1]]
    torch.testing.assert_close(middle, expected, rtol=1e-5, atol=1e-5)


def test_saved_and_loaded_network_is_equal(network: Network, tmp_path: Path) -> None:
    name = next(n for n, kind in architectures.items() if type(network) is kind)
    card = ModelCard(name="copy", architecture=name, spacing=(40, 8, 8))
    save_model(network, card, tmp_path)
    loaded = load_model(tmp_path)
    image = image_for(network, (1, 1, 1))
    with torch.inference_mode():
        torch.testing.assert_close(
            loaded.network(image), network(image), rtol=0, atol=0
        )
    assert loaded.card.halo == network.halo
    assert loaded.card.outputs == network.outputs


def test_input_beyond_the_halo_does_not_matter_and_at_the_halo_does(
    network: Network,
) -> None:
    """The declared halo is the receptive field: no smaller and no larger."""
    axes = (2, 3, 4) if network.dimensions == 3 else (2, 3)
    for axis, radius, divisor in zip(
        axes, network.halo[-len(axes) :], network.divisor[-len(axes) :], strict=True
    ):
        reach = measure_reach(network, axis, radius, divisor)
        assert reach == radius, f"axis {axis}"


def measure_reach(network: Network, axis: int, radius: int, divisor: int) -> int:
    """Return how far from it an output voxel is influenced along one axis.

    Every weight is made positive and every activation linear, so that no influence
    can cancel or be cut off, and the gradient shows it all.
    """
    open_up(network)
    n = 2 * (radius // divisor + 2)
    multiples = [1, 1, 1]
    multiples[axis - 2 + (3 - network.dimensions)] = n
    image = image_for(network, (multiples[0], multiples[1], multiples[2])).double()
    image.requires_grad_()
    logits = network.double()(image)
    middle = n * divisor // 2
    reaches = []
    for position in range(middle, middle + divisor):
        (gradient,) = torch.autograd.grad(
            logits.select(axis, position).sum(), image, retain_graph=True
        )
        others = [k for k in range(image.ndim) if k != axis]
        touched = gradient.abs().sum(others).nonzero().flatten()
        ends = touched.min().item(), touched.max().item()
        reaches.append(max(position - ends[0], ends[1] - position))
    return int(max(reaches))


def open_up(network: Network) -> None:
    """Make weights positive, activations linear and pooling an average."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_().add_(0.01)
    for module in network.modules():
        for name, child in module.named_children():
            if isinstance(child, SATURATING):
                setattr(module, name, torch.nn.Identity())


@pytest.fixture(autouse=True)
def average_instead_of_maximum(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A maximum hides all inputs but one: the test of the halo averages instead."""
    if "halo" in request.node.name:
        average = torch.nn.functional.avg_pool2d
        for module in ("fast", "unet2d", "dilated_resnet", "fusion_fcn"):
            monkeypatch.setattr(f"napari_mitoseg.models.{module}.max_pool2d", average)
        monkeypatch.setattr(
            "napari_mitoseg.models.patch_cnn.max_pool2d", average_of_four
        )


def average_of_four(
    features: Tensor, size: int, stride: int, dilation: int = 1
) -> Tensor:
    """Average pooling of 2×2 with holes, which torch lacks."""
    assert (size, stride) == (2, 1)
    rows = features[..., dilation:, :] + features[..., :-dilation, :]
    return (rows[..., dilation:] + rows[..., :-dilation]) / 4


def test_context_is_the_halo_along_z_in_two_dimensions(network: Network) -> None:
    if network.dimensions == 2:
        assert network.halo[0] == network.context
        assert network.divisor[0] == 1


def test_folding_batch_normalisation_changes_nothing(network: Network) -> None:
    image = image_for(network, (2, 2, 2))
    with torch.inference_mode():
        before = network(image)
        fuse_batch_norm(network)
        after = network(image)
    torch.testing.assert_close(after, before, rtol=1e-5, atol=1e-5)
    kinds = torch.nn.BatchNorm2d | torch.nn.BatchNorm3d
    assert not any(isinstance(layer, kinds) for layer in network.modules())


def test_folding_a_network_in_training_is_refused(network: Network) -> None:
    with pytest.raises(RuntimeError, match="eval"):
        fuse_batch_norm(network.train())


def test_unknown_setting_is_refused(network: Network) -> None:
    with pytest.raises(InvalidParameterError, match="colour"):
        type(network).from_config({"colour": 1})
