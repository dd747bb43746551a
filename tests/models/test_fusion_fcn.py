"""The fusion FCN: sizes, channels and parameters by hand; pooling in windows."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.models.architectures import FusionFCN
from napari_mitoseg.models.dilated_resnet import Bottleneck, DilatedResNet50
from napari_mitoseg.models.fusion_fcn import Inception
from napari_mitoseg.models.pyramid_pooling import PyramidPooling, mean_over_windows
from napari_mitoseg.models.receptive_field import Reach


@pytest.fixture(scope="module")
def published() -> FusionFCN:
    """The network of the paper without memory for its weights."""
    with torch.device("meta"):
        network = FusionFCN.from_config()
    assert isinstance(network, FusionFCN)
    return network.eval()


def sizes(network: FusionFCN, side: int) -> dict[str, tuple[int, ...]]:
    """Return channels, Y and X of what each child or stage makes of an image."""
    made: dict[str, tuple[int, ...]] = {}

    def note(name: str) -> None:
        def hook(_layer: nn.Module, _given: object, out: Tensor) -> None:
            made[name] = tuple(out.shape[1:])

        network.get_submodule(name).register_forward_hook(hook)

    for name in ("backbone.stem", "pyramid", "refine", "head"):
        note(name)
    for parent in ("backbone.stages", "rises", "pyramid.levels"):
        for n in range(len(network.get_submodule(parent))):
            note(f"{parent}.{n}")
    network(torch.empty(1, 1, side, side, device="meta"))
    return made


def test_sizes_of_every_stage_for_the_patch_of_the_paper(published):
    """512×512: an eighth is 64; pooled maps lie on every second position of it."""
    made = sizes(published, 512)
    assert made["backbone.stem"] == (64, 512, 512)
    assert [made[f"backbone.stages.{n}"] for n in range(4)] == [
        (256, 128, 128),
        (512, 64, 64),
        (1024, 64, 64),
        (2048, 64, 64),
    ]
    assert {made[f"pyramid.levels.{n}"] for n in range(4)} == {(512, 32, 32)}
    assert made["pyramid"] == (4096, 64, 64)
    assert [made[f"rises.{n}"] for n in range(3)] == [
        (256, 128, 128),
        (128, 256, 256),
        (64, 512, 512),
    ]
    assert made["refine"] == (64, 512, 512)
    assert made["head"] == (1, 512, 512)


def convolution(kernel: int, n_in: int, n_out: int) -> int:
    """Weights, and two values a channel for the normalisation."""
    return kernel**2 * n_in * n_out + 2 * n_out


def stage(n_in: int, width: int, count: int) -> int:
    """Bottlenecks of width, width, 4 × width; the first with a shortcut."""
    n_out = 4 * width
    inner = convolution(3, width, width) + convolution(1, width, n_out)
    first = convolution(1, n_in, width) + convolution(1, n_in, n_out)
    return first + count * inner + (count - 1) * convolution(1, n_out, width)


def rise(n_in: int, n_out: int) -> int:
    """Four 1×1 from all channels, a 3×3 and a 5×5 within; a 4×4 with bias."""
    part = n_out // 4
    inside = convolution(3, part, part) + convolution(5, part, part)
    return 4 * convolution(1, n_in, part) + inside + 16 * n_out**2 + n_out


def test_backbone_has_the_parameters_of_resnet_50(published):
    """25 557 032 with 1000 classes (2 049 000) and two colours more (2 · 3136)."""
    stages = [(64, 64, 3), (256, 128, 4), (512, 256, 6), (1024, 512, 3)]
    expected = convolution(7, 1, 64) + sum(stage(*each) for each in stages)
    found = sum(p.numel() for p in published.backbone.parameters())
    assert found == expected == 25_557_032 - 2_049_000 - 2 * 3136


def test_parameters_counted_by_hand(published):
    pyramid = 4 * convolution(1, 2048, 512)
    rises = rise(4096, 256) + rise(256, 128) + rise(128, 64)
    ends = convolution(3, 128, 64) + 64 + 1
    backbone = sum(p.numel() for p in published.backbone.parameters())
    expected = backbone + pyramid + rises + ends
    assert published.count_parameters() == expected == 30_424_449


def test_blocks_3_and_4_are_dilated_and_blocks_1_and_2_strided(published):
    spatial = [
        [bottleneck.spatial.conv for bottleneck in stage]
        for stage in published.backbone.stages
    ]
    assert [len(each) for each in spatial] == [3, 4, 6, 3]
    assert [each[0].stride[0] for each in spatial] == [2, 2, 1, 1]
    assert all(c.stride == (1, 1) for each in spatial for c in each[1:])
    assert [{c.dilation[0] for c in each} for each in spatial] == [{1}, {1}, {2}, {4}]


def test_a_bottleneck_adds_its_input():
    """With the last convolution silenced, what leaves is what came in, above 0."""
    bottleneck = Bottleneck(8, 2).eval()
    nn.init.zeros_(bottleneck.expand.conv.weight)
    features = torch.randn(1, 8, 5, 5)
    with torch.inference_mode():
        torch.testing.assert_close(bottleneck(features), features.relu())


def test_windows_are_those_of_pspnet_on_its_patches(published):
    assert published.pyramid.windows == (60, 30, 20, 10)


@pytest.mark.parametrize("window", [2, 4, 12])
def test_mean_over_windows_by_brute_force(window):
    features = torch.randn(1, 2, 8, 6, generator=torch.Generator().manual_seed(0))
    found = mean_over_windows(features, window)[0].numpy()
    plane = features[0].numpy()
    for y, x in np.ndindex(4, 3):
        top, left = 2 * y + 1 - window // 2, 2 * x + 1 - window // 2
        inside = plane[:, max(top, 0) : top + window, max(left, 0) : left + window]
        np.testing.assert_allclose(found[:, y, x], inside.mean((1, 2)), atol=1e-6)


def test_a_window_that_reaches_everywhere_gives_the_mean_of_all():
    features = torch.randn(1, 1, 12, 12)
    means = mean_over_windows(features, 22)[0, 0]
    torch.testing.assert_close(means, features.mean().expand(6, 6))


def test_pyramid_keeps_the_features_and_adds_as_many():
    pyramid = PyramidPooling(8, 12).eval()
    features = torch.randn(1, 8, 14, 14)
    with torch.inference_mode():
        out = pyramid(features)
    assert out.shape == (1, 16, 14, 14)
    assert torch.equal(out[:, :8], features)


def test_reach_of_the_pyramid_by_hand():
    """Position 5 lies between pooled 2 (4, 5) and 3; 12 wide: −1–10 and 1–12."""
    assert PyramidPooling(8, 12).needs(Reach(5, 5)) == Reach(-1, 12)


def test_inception_has_four_branches_of_a_quarter():
    module = Inception(6, 8)
    parts = (module.point, module.small, module.large, module.pooled)
    kernels = [
        [c.kernel_size[0] for c in part.modules() if isinstance(c, nn.Conv2d)]
        for part in parts
    ]
    assert kernels == [[1], [1, 3], [1, 5], [1]]
    out = module.eval()(torch.randn(1, 6, 7, 7))
    assert out.shape == (1, 8, 7, 7)


def test_detail_comes_through_the_skip_connection():
    """With everything from above silenced, one pixel changes its neighbourhood."""
    network = FusionFCN.from_config({"width": 4, "window": 96}).eval()
    with torch.inference_mode():
        network.refine.conv.weight[:, :4] = 0
        image = torch.zeros(1, 1, 32, 32)
        changed = image.clone()
        changed[..., 16, 16] = 1.0
        differs = (network(image) != network(changed))[0, 0].nonzero()
    assert differs.min(dim=0).values.tolist() >= [12, 12]
    assert differs.max(dim=0).values.tolist() <= [20, 20]
    assert len(differs) > 1


def test_tiles_with_the_halo_equal_the_whole():
    torch.manual_seed(0)
    network = FusionFCN.from_config({"width": 4, "window": 96}).eval()
    reach = network.halo[1]
    margin = -(-reach // 16) * 16
    image = torch.randn(1, 1, 16, 2 * margin + 96)
    with torch.inference_mode():
        whole = network(image)[..., margin + 32 : margin + 64]
        tile = network(image[..., 32 : 2 * margin + 64])[..., margin : margin + 32]
    torch.testing.assert_close(tile, whole, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("config", [{"window": 100}, {"width": 6}, {"window": 48}])
def test_settings_that_do_not_divide_are_refused(config):
    with pytest.raises(InvalidParameterError, match=r"multiple|equal to 96"):
        FusionFCN.from_config(config)


def test_backbone_gives_detail_and_features_of_an_eighth():
    backbone = DilatedResNet50(3, width=4).eval()
    with torch.inference_mode():
        detail, features = backbone(torch.zeros(1, 3, 32, 48))
    assert detail.shape == (1, 4, 32, 48)
    assert features.shape == (1, 128, 4, 6)
    assert backbone.n_out == 128
