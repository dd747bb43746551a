"""Several networks and their mean."""

from typing import Any

import pytest
import torch

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.models.architectures import architectures

FAST = {"architecture": "fast", "config": {"widths": [4, 6], "context": 1}}
DEEP = {"architecture": "efficient-unet", "config": {"widths": [4, 6, 8]}}


def ensemble(*members: Any) -> Any:
    return architectures["ensemble"].from_config({"members": members}).eval()


def test_the_logits_are_the_mean_of_those_of_the_members() -> None:
    network = ensemble(FAST, DEEP)
    image = torch.randn(2, 3, 32, 48)
    with torch.inference_mode():
        apart = [member(image) for member in network.members]
        torch.testing.assert_close(network(image), (apart[0] + apart[1]) / 2)


def test_it_needs_what_the_most_demanding_member_needs() -> None:
    network = ensemble(FAST, DEEP)
    alone = [
        architectures[m["architecture"]].from_config(m["config"]) for m in (FAST, DEEP)
    ]
    assert network.divisor == (1, 8, 8)
    assert network.halo[1] >= max(one.halo[1] for one in alone)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            {"architecture": "fast", "config": {"context": 0}},
            "context is 1 .* 0 for fast",
        ),
        (
            {"architecture": "fast", "config": {"context": 1, "outputs": ["semantic"]}},
            "outputs is",
        ),
        ({"architecture": "fast", "config": {"context": 1, "extra": 1}}, "extra is 0"),
        ({"architecture": "resunet-r"}, "resunet-r cannot join"),
    ],
)
def test_members_that_do_not_go_together_are_refused(other, message) -> None:
    with pytest.raises(InvalidParameterError, match=message):
        ensemble(FAST, other)


def test_one_member_is_none() -> None:
    with pytest.raises(InvalidParameterError, match="members"):
        ensemble(FAST)
