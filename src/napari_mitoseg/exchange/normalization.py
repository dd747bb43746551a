"""The normalisation of slices as a graph, for packages that cannot say it in words."""

import torch
from torch import Tensor, nn

from napari_mitoseg.models.normalize import LIMIT, PADDING_SHARE, PERCENTILES

SWEEPS = 4
"""Times that a corner's patch is followed along rows, then columns."""

LEAST_PATCH = 2


class Normalization(nn.Module):
    """`models.normalize.normalize_slice` of every plane of a tensor.

    Notes
    -----
    Equal to the function but for one thing: the patch of a corner is followed four
    times along rows and columns, which is enough for frames, wedges and steps, but
    not for a labyrinth.  Sums are in double precision.
    """

    def forward(self, image: Tensor) -> Tensor:
        """Return planes normalised.

        Parameters
        ----------
        image : Tensor, shape (..., Y, X)
            Grey values, float32.

        Returns
        -------
        Tensor
            Of the same shape, within ±4.
        """
        planes = image.reshape(-1, image.shape[-2], image.shape[-1])
        content = ~find_padding(planes)
        n = content.flatten(1).sum(1)
        # Padding goes to the end of the sorted values, where nothing is looked up.
        far = torch.where(content, planes, torch.inf)
        values = far.flatten(1).sort(1).values
        low, high = (_percentile(values, n, share / 100) for share in PERCENTILES)
        wide = planes.double()
        clipped = torch.minimum(torch.maximum(wide, low), high)
        counted, total = content.double(), n.double().clamp(min=1)[:, None, None]
        mean = (clipped * counted).sum((1, 2), keepdim=True) / total
        spread = ((clipped - mean).square() * counted).sum((1, 2), keepdim=True)
        deviation = (spread / total).sqrt()
        varies = deviation > 0
        centred = (wide - mean) / torch.where(varies, deviation, 1.0)
        kept = torch.where(content & varies, centred.clamp(-LIMIT, LIMIT), 0.0)
        return kept.float().reshape(image.shape)


def find_padding(planes: Tensor) -> Tensor:
    """Find constant areas around slices, see `models.normalize.find_padding`.

    Parameters
    ----------
    planes : Tensor, shape (N, Y, X)
        Grey values.

    Returns
    -------
    Tensor of bool, shape (N, Y, X)
        True in padding.
    """
    height, width = planes.shape[1], planes.shape[2]
    ends = [(y, x) for y in (0, -1) for x in (0, -1)]
    corners = torch.stack([planes[:, y, x] for y, x in ends], 1)
    same = planes[:, None] == corners[:, :, None, None]
    rows = torch.arange(height, device=planes.device)[:, None]
    columns = torch.arange(width, device=planes.device)[None]
    at_end = [
        (rows == (height - 1 if y else 0)) & (columns == (width - 1 if x else 0))
        for y, x in ends
    ]
    reached = same & torch.stack(at_end)[None]
    # Between two pixels of another value, all have the same number along an axis.
    runs = [(axis, torch.cumsum((~same).long(), axis)) for axis in (3, 2)]
    for _ in range(SWEEPS):
        for axis, run in runs:
            reached = same & _whole_runs(reached, run, axis)
    size = reached.sum((2, 3), keepdim=True)
    large = (size > PADDING_SHARE * (height * width)) & (size > LEAST_PATCH)
    return (reached & large).any(1)


def _whole_runs(reached: Tensor, run: Tensor, axis: int) -> Tensor:
    """Return the runs along an axis that are reached anywhere."""
    room = torch.zeros_like(run)
    room = torch.cat([room, room.narrow(axis, 0, 1)], axis)
    return room.scatter_add(axis, run, reached.long()).gather(axis, run) > 0


def _percentile(values: Tensor, n: Tensor, share: float) -> Tensor:
    """Return a percentile of the first n sorted values, interpolated as numpy does."""
    position = share * (n - 1).clamp(min=0).double()
    below = position.floor().long()
    above = torch.minimum(below + 1, (n - 1).clamp(min=0))
    low = values.gather(1, below[:, None])[:, 0].double()
    high = values.gather(1, above[:, None])[:, 0].double()
    between = low + (high - low) * (position - below)
    # Without any content all is padding; what stands here is not used.
    return torch.nan_to_num(between, posinf=0.0)[:, None, None]
