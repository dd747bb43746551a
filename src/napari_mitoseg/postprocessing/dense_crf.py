"""Fully connected conditional random field: maps follow the edges in the image."""

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from napari_mitoseg.jobs import Job, Progress, drain
from napari_mitoseg.maps import FULL
from napari_mitoseg.params import param
from napari_mitoseg.postprocessing.mean_field import (
    Appearance,
    Kernel,
    Smoothness,
    Width,
    grey_levels,
    mean_field,
)
from napari_mitoseg.postprocessing.state import Kind, State
from napari_mitoseg.postprocessing.step import WHOLE_SLICE, Reach, Step, steps
from napari_mitoseg.volume import Array, Spacing


@steps.register("dense-crf")
class DenseCrf(Step):
    """Let the probability map follow the image (fully connected CRF).

    Notes
    -----
    Each pixel of a slice is tied to all others [1]_: by the smoothness kernel to near
    ones, by the appearance kernel to those that are near and look alike. The energy is
    that of Eq. 1–3 of [1]_ with these two Gaussian kernels [2]_, the answer its
    mean-field approximation; slices do not see one another. The semantic map becomes
    nearly black and white, the boundary map stays as it is.

    The paper gives no values. The smoothness weight and the ten iterations are those
    of [3]_; widths are physical, and the grey values of each slice are compared on the
    range from its darkest to its brightest pixels.

    References
    ----------
    .. [1] Fusion fully convolutional network for mitochondria in ATUM-SEM stacks,
       section 2.3.
    .. [2] P. Krähenbühl, V. Koltun, "Efficient inference in fully connected CRFs with
       Gaussian edge potentials", NIPS 2011.
    .. [3] L.-C. Chen et al., "DeepLab", IEEE TPAMI 40(4), 834-848 (2018),
       doi:10.1109/TPAMI.2017.2699184.
    """

    name: ClassVar[str] = "dense-crf"
    title: ClassVar[str] = "Fully connected CRF"
    accepts: ClassVar[frozenset[Kind]] = frozenset({Kind.PROBABILITY})
    needs_image: ClassVar[bool] = True

    appearance: float = param(
        3.0,
        ge=0,
        le=100,
        description="What the agreement of near pixels that look alike is worth, in "
        "log-odds.",
    )
    appearance_width: float = param(
        60.0, gt=0, unit="nm", description="How far pixels that look alike may lie."
    )
    grey_width: float = param(
        0.1,
        gt=0.005,
        le=1,
        description="How much looking alike may differ, as a share of the grey range.",
    )
    smoothness: float = param(
        3.0,
        ge=0,
        le=100,
        description="What the agreement of near pixels is worth, in log-odds.",
    )
    smoothness_width: float = param(
        15.0, gt=0, unit="nm", description="How far near pixels lie."
    )
    iterations: int = param(
        10,
        ge=1,
        le=50,
        unit="iterations",
        advanced=True,
        description="How often all pixels are updated.",
    )

    @property
    def neighbourhood(self) -> Reach:
        """The slice of a voxel."""
        return WHOLE_SLICE

    def apply(self, state: State) -> State:
        """Refine the semantic map."""
        return drain(self.applying(state))

    def applying(self, state: State) -> Job[State]:
        """Refine the semantic map slice by slice; reports each."""
        image, maps = state.pictured(), state.maps
        semantic = np.empty_like(maps.semantic)
        for z, plane in enumerate(maps.semantic):
            semantic[z] = self.refined(plane, image.read_slice(z), maps.spacing)
            yield Progress(z + 1, len(semantic), self.title)
        return replace(state, maps=replace(maps, semantic=semantic))

    def reads(self, state: State) -> tuple[Any, ...]:
        """Return the maps and the image."""
        return state.maps, state.image

    def refined(self, semantic: Array, image: Array, spacing: Spacing) -> Array:
        """Refine one slice.

        Parameters
        ----------
        semantic : ndarray of uint8, shape (Y, X)
            Probability × 255.
        image : ndarray, shape (Y, X)
            The slice it was predicted from.
        spacing : tuple of float
            nm, ZYX.

        Returns
        -------
        ndarray of uint8, shape (Y, X)
            Mean-field probability × 255.
        """
        kernels = self._kernels(image, spacing)
        # An 8-bit 0 stands for anything below half a step, not for impossible.
        certain = np.array([0.5, FULL - 0.5], np.float32)
        probability = np.clip(semantic.astype(np.float32), *certain) / np.float32(FULL)
        marginal = mean_field(probability, kernels, self.iterations)
        return np.rint(marginal * FULL).astype(np.uint8)

    def _kernels(self, image: Array, spacing: Spacing) -> list[tuple[float, Kernel]]:
        near = _in_pixels(self.smoothness_width, spacing)
        height, width = image.shape
        smooth = Smoothness((height, width), near)
        kernels: list[tuple[float, Kernel]] = [(self.smoothness, smooth)]
        if self.appearance > 0:
            wide, levels = (
                _in_pixels(self.appearance_width, spacing),
                grey_levels(image),
            )
            alike = Appearance(levels, wide, self.grey_width)
            kernels.append((self.appearance, alike))
        return kernels


def _in_pixels(width: float, spacing: Spacing) -> Width:
    """Convert a width in nm to pixels along y and x."""
    return width / spacing[1], width / spacing[2]
