"""The interpolation network, against loops and numbers worked out by hand."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from napari_mitoseg.errors import InvalidParameterError, WeightsError
from napari_mitoseg.models.interpolation import (
    PUBLISHED,
    InterpolationNetwork,
    adaptive_convolution,
)
from napari_mitoseg.models.interpolation_file import (
    InterpolationCard,
    interpolation_folder,
    load_interpolation,
    save_interpolation,
)
from napari_mitoseg.models.zoo import list_models

SMALL = {"reach": 2, "widths": [4, 6]}


def small_network() -> InterpolationNetwork:
    torch.manual_seed(0)
    return InterpolationNetwork.from_config(SMALL).eval()


def naive(images: Tensor, row_taps: Tensor, column_taps: Tensor) -> Tensor:
    """Sum over every neighbour of every pixel, one at a time."""
    n, n_images, height, width = row_taps.shape
    image, rows, columns = (t.numpy() for t in (images, row_taps, column_taps))
    result = np.zeros_like(image)
    for b, y, x in np.ndindex(n_images, height, width):
        for i, j in np.ndindex(n, n):
            there_y = min(max(y + i - n // 2, 0), height - 1)
            there_x = min(max(x + j - n // 2, 0), width - 1)
            weight = rows[i, b, y, x] * columns[j, b, y, x]
            result[b, y, x] += weight * image[b, there_y, there_x]
    return torch.from_numpy(result)


@settings(max_examples=8, deadline=None)
@given(
    n=st.sampled_from([1, 3, 5]),
    shape=st.tuples(st.integers(1, 2), st.integers(1, 5), st.integers(1, 5)),
    seed=st.integers(0, 2**16),
)
def test_adaptive_convolution_equals_the_loop(
    n: int, shape: tuple[int, ...], seed: int
) -> None:
    chance = torch.Generator().manual_seed(seed)
    image = torch.randn(shape, generator=chance)
    rows = torch.randn((n, *shape), generator=chance)
    columns = torch.randn((n, *shape), generator=chance)
    found = adaptive_convolution(image, rows, columns)
    torch.testing.assert_close(found, naive(image, rows, columns))


def test_gradients_of_the_kernels_are_right() -> None:
    chance = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=chance, dtype=torch.float64)

    image = draw(2, 3, 4)
    kernels = [draw(3, 2, 3, 4).requires_grad_() for _ in range(2)]
    assert torch.autograd.gradcheck(
        lambda rows, columns: adaptive_convolution(image, rows, columns), kernels
    )


def test_a_fresh_network_gives_about_the_mean_of_the_neighbours() -> None:
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    pair = torch.stack([torch.sin(y / 9), torch.cos(x / 9)])[None]
    with torch.inference_mode():
        middle = small_network()(pair)
    assert middle.shape == (1, 32, 32)
    assert (middle - pair.mean(dim=1)).abs().max() < 0.25


def test_no_grey_value_is_invented() -> None:
    pair = torch.randn(2, 2, 16, 24)
    pair[1] = 0.75
    with torch.inference_mode():
        middle = small_network()(pair)
    assert middle[0].min() >= pair[0].min()
    assert middle[0].max() <= pair[0].max()
    torch.testing.assert_close(middle[1], torch.full((16, 24), 0.75))


def test_parameters_are_those_counted_by_hand() -> None:
    """Blocks of two 3×3 convolutions with two values a channel for normalisation."""

    def block(n_in: int, n_out: int) -> int:
        return 9 * n_in * n_out + 9 * n_out**2 + 4 * n_out

    reduce = 6 * 4 + 2 * 4
    head = (4 + 1) * (1 + 4 * 5)
    expected = block(8, 4) + block(4, 6) + reduce + block(4, 4) + head
    found = sum(p.numel() for p in small_network().parameters())
    assert found == expected


def test_published_kernels_are_51_wide() -> None:
    assert 2 * PUBLISHED.reach + 1 == 51
    network = InterpolationNetwork(PUBLISHED.model_copy(update={"widths": (4, 4)}))
    assert network.head.out_channels == 4 * 51 + 1
    assert PUBLISHED.widths == (32, 64, 128, 256, 512)


@pytest.mark.parametrize("config", [SMALL, {"reach": 9, "widths": [3]}])
def test_nothing_beyond_the_halo_counts(config: dict[str, object]) -> None:
    torch.manual_seed(0)
    network = InterpolationNetwork.from_config(config).eval()
    halo, divisor = network.halo[1], network.divisor[1]
    size = -(-(2 * halo + 8) // divisor) * divisor
    pair = torch.randn(1, 2, size, divisor)
    other = pair.clone()
    position = size // 2
    other[:, :, : position - halo] += 1
    other[:, :, position + halo + 1 :] -= 1
    with torch.inference_mode():
        before, after = network(pair), network(other)
    assert torch.equal(before[0, position], after[0, position])
    assert not torch.equal(before, after)


def test_halo_counts_kernel_and_network() -> None:
    assert InterpolationNetwork.from_config({"reach": 50, "widths": [3]}).halo[1] == 50
    assert InterpolationNetwork.from_config({"reach": 1, "widths": [3]}).halo[1] > 1


def test_save_and_load(tmp_path: Path) -> None:
    network, pair = small_network(), torch.randn(1, 2, 8, 8)
    card = InterpolationCard(data="stack", skipped=(3,), psnr=20.5)
    written = save_interpolation(network, card, tmp_path / "kept")
    loaded = load_interpolation(tmp_path / "kept")
    assert loaded.card == written
    assert (written.data, written.skipped, written.psnr) == ("stack", (3,), 20.5)
    assert written.config == {"reach": 2, "widths": [4, 6]}
    with torch.inference_mode():
        assert torch.equal(loaded.network(pair), network(pair))


def test_a_name_finds_a_network_among_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MITOSEG_MODELS", str(tmp_path))
    save_interpolation(
        small_network(), InterpolationCard(data="mine"), interpolation_folder("mine")
    )
    assert load_interpolation("mine").card.data == "mine"
    assert "mine" not in {card.name for card in list_models()}


def test_what_is_wrong_with_a_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"holds no interpolation\.json. Train"):
        load_interpolation(tmp_path)
    save_interpolation(small_network(), InterpolationCard(data="stack"), tmp_path)
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(WeightsError, match="damaged"):
        load_interpolation(tmp_path)
    (tmp_path / "interpolation.json").write_text('{"steps": -1}')
    with pytest.raises(WeightsError, match="steps"):
        load_interpolation(tmp_path)


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(InvalidParameterError, match="reach"):
        InterpolationNetwork.from_config({"reach": 0})
