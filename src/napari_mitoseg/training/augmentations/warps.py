"""Augmentations that move pixels; those that follow on each other sample once."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from napari_mitoseg.params import param
from napari_mitoseg.training.augmentations.base import (
    Augmentation,
    Pair,
    augmentations,
    crop,
)
from napari_mitoseg.training.geometry import pixel_grid, sample_slices, uniform
from napari_mitoseg.training.targets import UNKNOWN

ELASTIC_REACH = 3
"""Displacements in standard deviations that windows leave room for."""


class Warp(Augmentation):
    """An augmentation that says where each pixel comes from."""

    acts_on = "places"

    def __call__(
        self, image: Tensor, labels: Tensor, size: int, generator: torch.Generator
    ) -> Pair:
        """Return patches sampled from windows."""
        return warp(image, labels, size, [self], generator)

    def displace(
        self, places: Tensor, n_sections: int, generator: torch.Generator
    ) -> Tensor:
        """Return where pixels come from.

        Parameters
        ----------
        places : Tensor, shape (B, S or 1, Y, X, 2)
            Where they are, pixels from the middle, x first; one for all sections, or
            one each.
        n_sections : int
            S.
        generator : torch.Generator
            All chance.

        Returns
        -------
        Tensor, shape (B, S or 1, Y, X, 2)
            Where to take them from.
        """
        raise NotImplementedError


def warp(
    image: Tensor,
    labels: Tensor,
    size: int,
    warps: Sequence[Warp],
    generator: torch.Generator,
) -> Pair:
    """Apply warps in order, sampling once.

    Parameters
    ----------
    image : Tensor, shape (B, S, W, W)
        Windows; bilinear.
    labels : Tensor, shape (B, L, W, W)
        Instance numbers; nearest neighbour.
    size : int
        Side of the patches.
    warps : sequence of Warp
        What to do.
    generator : torch.Generator
        All chance.

    Returns
    -------
    image : Tensor, shape (B, S, size, size)
        Reflected where something from outside the window was wanted.
    labels : Tensor, shape (B, L, size, size)
        Unlabelled there.  In 2.5D they move as the middle slice does.

    Notes
    -----
    Each sampling smooths the image a little, so one is better than four.  Patches that
    no warp has chosen are cut out exactly.
    """
    count, n_sections = image.shape[:2]
    straight = pixel_grid(size, generator.device)
    places = straight.expand(count, 1, -1, -1, -1)
    changed = torch.zeros(count, dtype=torch.bool, device=generator.device)
    for one in reversed(warps):
        chosen = one.choose(count, generator)
        moved = one.displace(places, n_sections, generator)
        places = torch.where(_wide(chosen), moved, places)
        changed |= chosen
    if not changed.any():
        return crop(image, size), crop(labels, size)
    own = _of_labels(places, n_sections, labels.shape[1])
    warped = _sample(image, places, "bilinear")
    found = _sample(labels, own, "nearest")
    found = torch.where(_is_outside(own, labels.shape[-1]), UNKNOWN, found)
    keep = ~changed[:, None, None, None]
    return (
        torch.where(keep, crop(image, size), warped),
        torch.where(keep, crop(labels, size), found),
    )


@augmentations.register("rotation")
class Rotation(Warp):
    """Turn patches about their middle.

    Notes
    -----
    By any angle up to the largest, so that windows are up to √2 times as wide as
    patches.  One of the eleven augmentations of the MitoEM challenge.

    References
    ----------
    .. [1] Wei et al. (2020), MitoEM dataset, doi:10.1007/978-3-030-59722-1_7; published
       as PyTorch Connectomics, Lin et al. (2021), doi:10.48550/arXiv.2112.05754.
    """

    name = "rotation"
    title = "Rotation"

    largest: float = param(
        180.0, ge=0, le=180, description="Largest angle either way.", unit="°"
    )

    def window(self, size: int) -> int:
        """Return the side of windows that hold every turned patch."""
        angle = math.radians(min(self.largest, 45.0))
        return _padded(size, size * (math.cos(angle) + math.sin(angle)))

    def displace(
        self,
        places: Tensor,
        n_sections: int,  # noqa: ARG002 - what every warp is given
        generator: torch.Generator,
    ) -> Tensor:
        """Turn the places of each patch."""
        limit = math.radians(self.largest)
        return _turned(places, uniform(len(places), -limit, limit, generator))


@augmentations.register("rescale")
class Rescale(Warp):
    """Magnify or shrink patches in the plane, each axis by itself if wanted.

    References
    ----------
    .. [1] Lin et al. (2021), PyTorch Connectomics, doi:10.48550/arXiv.2112.05754.
    """

    name = "rescale"
    title = "Rescale"

    smallest: float = param(0.8, gt=0.2, le=1, description="Smallest magnification.")
    largest: float = param(1.25, ge=1, le=4, description="Largest magnification.")
    keep_aspect: bool = param(False, description="Scale y and x alike.")

    def window(self, size: int) -> int:
        """Return the side of windows that hold what is shrunk most."""
        return _padded(size, size / self.smallest)

    def displace(
        self,
        places: Tensor,
        n_sections: int,  # noqa: ARG002 - what every warp is given
        generator: torch.Generator,
    ) -> Tensor:
        """Spread the places of each patch."""
        limits = math.log(self.smallest), math.log(self.largest)
        zoom = uniform(2 * len(places), *limits, generator).exp().view(-1, 2)
        if self.keep_aspect:
            zoom = zoom[:, :1].expand(-1, 2)
        return places / zoom[:, None, None, None, :]


@augmentations.register("elastic")
class Elastic(Warp):
    """Deform patches smoothly in the plane, all sections alike.

    Notes
    -----
    Control points on a regular grid move by normal deviates, and a cubic surface
    through them says how the pixels between them move.

    References
    ----------
    .. [1] Lin et al. (2021), PyTorch Connectomics, doi:10.48550/arXiv.2112.05754.
    """

    name = "elastic"
    title = "Elastic deformation"

    probability: float = param(
        0.75, ge=0, le=1, description="Share of patches that are changed."
    )
    amplitude: float = param(
        2.0,
        ge=0,
        le=32,
        unit="pixels",
        description="Largest standard deviation of the shift of a control point.",
    )
    distance: float = param(
        16.0, ge=4, le=256, description="Between control points.", unit="pixels"
    )

    def window(self, size: int) -> int:
        """Return the side of windows with room for all but rare displacements."""
        return _padded(size, size + 2 * ELASTIC_REACH * self.amplitude)

    def displace(
        self,
        places: Tensor,
        n_sections: int,  # noqa: ARG002 - what every warp is given
        generator: torch.Generator,
    ) -> Tensor:
        """Add a smooth random field."""
        count, _, height, width, _ = places.shape
        knots = [max(2, round(n / self.distance) + 1) for n in (height, width)]
        drawn = torch.randn(
            (count, 2, *knots), generator=generator, device=places.device
        )
        strength = uniform(count, 0, self.amplitude, generator)[:, None, None, None]
        smooth = interpolate(
            drawn * strength, (height, width), mode="bicubic", align_corners=True
        )
        return places + smooth.permute(0, 2, 3, 1)[:, None]


@augmentations.register("misalignment")
class Misalignment(Warp):
    """Shift or turn a section, or all sections beyond it, against the others.

    Notes
    -----
    Half of the patches have one section that slipped, the other half a jump after which
    all sections lie elsewhere.  The middle section stays where it is; in 3D the labels
    of a section move with it.  Patches of one section are left as they are.

    References
    ----------
    .. [1] Lin et al. (2021), PyTorch Connectomics, doi:10.48550/arXiv.2112.05754.
    """

    name = "misalignment"
    title = "Misalignment"

    displacement: float = param(
        16.0, ge=0, le=128, description="Largest shift along y and x.", unit="pixels"
    )
    turned: float = param(
        0.5,
        ge=0,
        le=1,
        description="Share of misalignments that are turns instead, by which corners "
        "move as far.",
    )

    def window(self, size: int) -> int:
        """Return the side of windows with room for the largest shift."""
        return _padded(size, size + 2 * self.displacement)

    def displace(
        self, places: Tensor, n_sections: int, generator: torch.Generator
    ) -> Tensor:
        """Move the places of some sections."""
        if n_sections == 1:
            return places
        count, size = len(places), places.shape[-2]
        moves = self._moving(count, n_sections, generator)
        turns = _wide(uniform(count, 0, 1, generator) < self.turned)
        reach = self.displacement
        shift = uniform(2 * count, -reach, reach, generator).view(count, 1, 1, 1, 2)
        largest = reach / (size / math.sqrt(2))
        angle = uniform(count, -largest, largest, generator)
        moved = torch.where(turns, _turned(places, angle), places + shift)
        return torch.where(moves[:, :, None, None, None], moved, places)

    @staticmethod
    def _moving(count: int, n_sections: int, generator: torch.Generator) -> Tensor:
        """Draw which sections move: bool, (B, S)."""
        middle = n_sections // 2
        first = uniform(count, 0, n_sections - 1, generator).floor()
        first = (first + (first >= middle))[:, None]
        section = torch.arange(n_sections, device=generator.device)[None]
        side = (first - middle).sign()
        beyond = (section - first) * side >= 0
        slips = (uniform(count, 0, 1, generator) < 0.5)[:, None]
        return torch.where(slips, section == first, beyond)


def _turned(places: Tensor, angle: Tensor) -> Tensor:
    """Turn the places of each patch about the middle."""
    sine, cosine = _wide(angle.sin())[..., 0], _wide(angle.cos())[..., 0]
    x, y = places.unbind(-1)
    return torch.stack([cosine * x - sine * y, sine * x + cosine * y], dim=-1)


def _of_labels(places: Tensor, n_sections: int, n_labels: int) -> Tensor:
    """Return where labels come from: of the middle section where only it has any."""
    if places.shape[1] == 1 or n_labels == n_sections:
        return places
    middle = n_sections // 2
    return places[:, middle : middle + 1]


def _sample(data: Tensor, places: Tensor, mode: str) -> Tensor:
    grid = places.expand(-1, data.shape[1], -1, -1, -1)
    return sample_slices(data, grid / ((data.shape[-1] - 1) / 2), mode)


def _is_outside(places: Tensor, window: int) -> Tensor:
    """Say which places lie in no pixel of the window: (B, S or 1, Y, X)."""
    return places.abs().amax(dim=-1) > window / 2


def _padded(size: int, needed: float) -> int:
    """Return a side that holds what is needed, and whose middle is that of `size`."""
    return size + 2 * math.ceil((needed - size) / 2 - 1e-6)


def _wide(values: Tensor) -> Tensor:
    """Shape one number a patch like places."""
    return values[:, None, None, None, None]
