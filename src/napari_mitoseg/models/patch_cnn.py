"""The patch CNN: a small network that says what the centre pixel of a block is."""

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, max_pool2d

from napari_mitoseg.models.base import Network, architectures
from napari_mitoseg.models.receptive_field import Reach
from napari_mitoseg.params import Params, param

BLOCK = 32
"""Side of a block in pixels."""

CENTRE = BLOCK // 2
"""Place of a block's centre pixel: 16 pixels before it, 15 behind."""

_POOL = 2


class PatchCNNConfig(Params):
    """Settings of `PatchCNN`; the defaults are the paper's."""

    context: int = param(
        1, ge=0, le=16, description="Neighbour slices on each side that are seen."
    )
    width: int = param(
        32,
        ge=1,
        le=256,
        description="Filters of the first two convolutions; the last two have twice "
        "as many.",
    )
    outputs: tuple[str, ...] = param(
        ("semantic",), min_length=1, description="Names of output maps."
    )


@architectures.register("patch-cnn")
class PatchCNN(Network):
    """Four convolutions classify the centre pixel of a block of 32×32 pixels.

    A block goes through 32 filters of 5×5 on three neighbouring slices, 32 of 5×5, 64
    of 5×5, each followed by a pooling, then 64 of 4×4 and one fully connected layer.
    A whole image is run in one go, as if a window of 32×32 slid over it pixel by pixel.

    Parameters
    ----------
    config : PatchCNNConfig
        Filters, neighbour slices and output maps.

    Notes
    -----
    From the text [1]_: the number of layers of each kind, their filters, the blocks.
    Left open, and chosen here: convolutions are not padded, so that the answer to a
    block depends on its 32×32 pixels alone and running whole images equals the sliding
    window.  Poolings are maxima over 2×2 behind the first three convolutions; then a
    block comes down to one position only with the strides 2, 1, 1: the sides are 32,
    28, 14, 10, 9, 5, 4, 1.  ReLU follows each convolution; one logit stands for the
    softmax of two classes.  The centre of a block is pixel (16, 16), counted from 0.

    Over a whole image the first pooling takes every position instead of every second,
    and what follows is dilated by 2 (*à trous*): each pixel gets its own block's
    answer, for 2.5 % of the arithmetic of the sliding window.  Images are continued by
    reflection, as blocks are that `training.blocks` draws at the edge of a stack.

    With the defaults: 144 993 parameters.

    References
    ----------
    .. [1] Oztel, Yolcu, Ersoy, White, Bunyak (2017), Mitochondria segmentation in
       electron microscopy volumes using deep convolutional neural network,
       doi:10.1109/BIBM.2017.8217827.
    """

    Config = PatchCNNConfig
    dimensions = 2
    divisor = (1, 1, 1)
    citation = (
        "Oztel, Yolcu, Ersoy, White, Bunyak (2017), Mitochondria segmentation in "
        "electron microscopy volumes using deep convolutional neural network, "
        "doi:10.1109/BIBM.2017.8217827",
    )

    def __init__(self, config: PatchCNNConfig) -> None:
        super().__init__(config)
        self.context, self.outputs = config.context, config.outputs
        self.halo = (self.context, CENTRE, CENTRE)
        few, many = config.width, 2 * config.width
        self.first = nn.Conv2d(self.in_channels, few, 5)
        # Dilated, as whole images need them; see `classify` for blocks.
        self.second = nn.Conv2d(few, few, 5, dilation=_POOL)
        self.third = nn.Conv2d(few, many, 5, dilation=_POOL)
        self.fourth = nn.Conv2d(many, many, 4, dilation=_POOL)
        self.connected = nn.Conv2d(many, len(self.outputs), 1)
        self.activation = nn.ReLU()
        for conv in (self.first, self.second, self.third, self.fourth):
            # Without normalisation, torch's own start lets the signal fade.
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")

    def forward(self, image: Tensor) -> Tensor:
        """Return logits of the middle slice, ``(B, len(outputs), Y, X)``."""
        convolved = self.activation(self.first(_surrounded(image)))
        features = max_pool2d(convolved, _POOL, stride=1)
        for conv in (self.second, self.third):
            convolved = self.activation(conv(features))
            features = max_pool2d(convolved, _POOL, stride=1, dilation=_POOL)
        logits: Tensor = self.connected(self.activation(self.fourth(features)))
        return logits

    def classify(self, blocks: Tensor) -> Tensor:
        """Return logits of the centre pixels of blocks, as training needs them.

        Parameters
        ----------
        blocks : Tensor, shape (B, 2 * context + 1, 32, 32)
            Blocks; their centre pixel is (16, 16).

        Returns
        -------
        Tensor, shape (B, len(outputs), 1, 1)
            The same as `forward` gives for these pixels in the whole image.
        """
        features = max_pool2d(self.activation(self.first(blocks)), _POOL)
        for conv in (self.second, self.third):
            convolved = conv2d(features, conv.weight, conv.bias)
            features = max_pool2d(self.activation(convolved), _POOL, stride=1)
        last = conv2d(features, self.fourth.weight, self.fourth.bias)
        logits: Tensor = self.connected(self.activation(last))
        return logits

    def forward_middle(self, image: Tensor, size: tuple[int, int]) -> Tensor:
        """Return logits of the middle of patches; only one pixel of a block."""
        if size == (1, 1) and image.shape[-2:] == (BLOCK, BLOCK):
            return self.classify(image)
        return super().forward_middle(image, size)

    def needs(self, reach: Reach) -> Reach:
        """Return what an interval of the output depends on, along y or x."""
        return Reach(reach.first - CENTRE, reach.last + BLOCK - 1 - CENTRE)


def fold(positions: Tensor, size: int) -> Tensor:
    """Bring positions beyond the ends of an axis back into it by reflection.

    Parameters
    ----------
    positions : Tensor of int
        Of any shape.
    size : int
        Length of the axis; its end voxels are not repeated.

    Returns
    -------
    Tensor of int
        0 to ``size - 1``.

    Examples
    --------
    >>> fold(torch.arange(-2, 6), 4).tolist()
    [2, 1, 0, 1, 2, 3, 2, 1]
    """
    # Tensors, not numbers: graphs that are exported take images of any size.
    period = (2 * torch.scalar_tensor(size, dtype=torch.int64) - 2).clamp(min=1)
    period = period.to(positions.device)
    folded = positions.remainder(period)
    return torch.minimum(folded, period - folded)


def _surrounded(image: Tensor) -> Tensor:
    """Continue an image of any size by reflection, so that every pixel has a block."""
    rows, columns = (
        fold(torch.arange(size + BLOCK - 1, device=image.device) - CENTRE, size)
        for size in image.shape[-2:]
    )
    return image[..., rows, :][..., columns]
