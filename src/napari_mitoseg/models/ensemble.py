"""Networks that look at the same image, and their mean."""

from functools import reduce
from math import lcm
from typing import cast

import torch
from torch import Tensor, nn

from napari_mitoseg.errors import InvalidParameterError

# Members may be any of these and more, which importing registers.
from napari_mitoseg.models import efficient_unet, fast  # noqa: F401
from napari_mitoseg.models.base import Network, architectures
from napari_mitoseg.models.receptive_field import Reach, radius
from napari_mitoseg.models.stage import Stage
from napari_mitoseg.params import Params, param


class EnsembleConfig(Params):
    """Settings of `Ensemble`."""

    members: tuple[Stage, ...] = param(
        (Stage(architecture="fast"), Stage(architecture="efficient-unet")),
        min_length=2,
        max_length=8,
        description="Networks that see the same slices and give the same maps.",
    )


@architectures.register("ensemble")
class Ensemble(Network):
    """Mean of several networks: of what one alone takes for mitochondria, less stays.

    Takes as long as all of them together.

    Parameters
    ----------
    config : EnsembleConfig
        The networks.

    Attributes
    ----------
    members : ModuleList of Network
        In the order of the settings.

    Raises
    ------
    InvalidParameterError
        When members are not planar, or see or give something else than the first.

    Notes
    -----
    Logits are averaged, which is the geometric mean of the odds [1]_.

    References
    ----------
    .. [1] Hinton (2002), Training products of experts by minimizing contrastive
       divergence, Neural Computation 14, 1771-1800.
    """

    Config = EnsembleConfig
    dimensions = 2

    def __init__(self, config: EnsembleConfig) -> None:
        super().__init__(config)
        members = [stage.build() for stage in config.members]
        for stage, member in zip(config.members, members, strict=True):
            _check(stage, member, members[0])
        self.members = nn.ModuleList(members)
        first = members[0]
        self.context, self.extra = first.context, first.extra
        self.outputs = first.outputs
        self.turns = all(member.turns for member in members)
        stride = lcm(*(member.divisor[1] for member in members))
        self.divisor = (1, stride, stride)
        reach = radius(self.needs, stride)
        self.halo = (self.context, reach, reach)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits of the middle slice, ``(B, len(outputs), Y, X)``."""
        return torch.stack([member(image) for member in self.members]).mean(0)

    def needs(self, reach: Reach) -> Reach:
        """Return what an interval of the output depends on, along y or x."""
        needed = (cast(Network, member).needs(reach) for member in self.members)
        return reduce(Reach.joined, needed)


def _check(stage: Stage, member: Network, first: Network) -> None:
    """Refuse a member that cannot be averaged with the first."""
    if member.dimensions != Ensemble.dimensions:
        msg = (
            f"{stage.architecture} cannot join an ensemble, because it is not planar. "
            "Choose fast, efficient-unet or unet2d."
        )
        raise InvalidParameterError(msg)
    for what in ("context", "extra", "outputs"):
        own, theirs = getattr(member, what), getattr(first, what)
        if own != theirs:
            msg = (
                f"Members of an ensemble see and give the same, but {what} is {theirs} "
                f"for the first and {own} for {stage.architecture}."
            )
            raise InvalidParameterError(msg)
