"""Pyramid pooling with windows of a fixed size, so that tiled equals untiled."""

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from napari_mitoseg.models.blocks import conv_2d
from napari_mitoseg.models.receptive_field import Reach

BINS = (1, 2, 3, 6)
"""Bins a side of each of the four levels, as in PSPNet."""

STEP = 2
"""Positions between the centres of neighbouring windows."""


class PyramidPooling(nn.Module):
    """Means over four sizes of window, beside the features themselves.

    Parameters
    ----------
    n_in : int
        Channels of the features; each level adds a quarter of them.
    window : int
        Side of the coarsest level's window in positions of the features, a multiple
        of 12; the others are 1/2, 1/3 and 1/6 of it.

    Attributes
    ----------
    n_out : int
        Channels that leave: twice `n_in`.

    Notes
    -----
    PSPNet [1]_ divides whatever input it is given into 1, 2, 3 and 6 bins a side, so
    that what it says of a pixel depends on where the input ends.  Here the windows
    have the size they have there for an input of `window` positions (60, 30, 20 and 10
    for its training patches), and stand on every second position instead of side by
    side: the same context, centred on the pixel it is for.  The receptive field is then
    finite.  Beyond the edges of the input nothing is counted.

    As there, a 1×1 convolution brings each level to a quarter of the channels, and
    bilinear interpolation, which is a deconvolution with fixed weights, back to the
    size of the features.

    References
    ----------
    .. [1] Zhao, Shi, Qi, Wang, Jia (2017), Pyramid scene parsing network, section 3.2,
       doi:10.1109/CVPR.2017.660.
    """

    def __init__(self, n_in: int, window: int) -> None:
        super().__init__()
        self.n_out = 2 * n_in
        self.windows = tuple(window // bins for bins in BINS)
        self.levels = nn.ModuleList(
            conv_2d(n_in, n_in // len(BINS), kernel=1) for _ in BINS
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return the features and the four levels, ``(B, 2 * n_in, Y, X)``.

        Parameters
        ----------
        features : Tensor, shape (B, n_in, Y, X)
            Y and X even.

        Returns
        -------
        Tensor
            Concatenated along the channels, in the order of `BINS`.
        """
        raised = (
            interpolate(
                level(mean_over_windows(features, window)),
                scale_factor=float(STEP),
                mode="bilinear",
            )
            for window, level in zip(self.windows, self.levels, strict=True)
        )
        return torch.cat([features, *raised], dim=1)

    def needs(self, reach: Reach) -> Reach:
        """Return what an interval of the output depends on, along y or x."""
        return reach.through_linear().through_convolution(self.windows[0], STEP)


def mean_over_windows(features: Tensor, window: int) -> Tensor:
    """Average over square windows around every second position.

    Parameters
    ----------
    features : Tensor, shape (B, C, Y, X)
        Y and X even.
    window : int
        Even side of the square.

    Returns
    -------
    Tensor, shape (B, C, Y / 2, X / 2)
        Mean over what of the window lies inside; windows are centred between the
        positions 2 i and 2 i + 1.
    """
    # One axis after the other: 60 + 60 additions instead of 60 × 60.
    margin = (window - STEP) // 2
    rows = avg_pool2d(
        features, (window, 1), (STEP, 1), (margin, 0), count_include_pad=False
    )
    return avg_pool2d(
        rows, (1, window), (1, STEP), (0, margin), count_include_pad=False
    )
