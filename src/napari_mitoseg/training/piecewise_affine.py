"""Random piecewise affine deformation: a triangulated grid whose corners move."""

import torch
from torch import Tensor


def piecewise_affine(shifts: Tensor, size: int) -> Tensor:
    """Interpolate the shifts of control points linearly over triangles.

    Parameters
    ----------
    shifts : Tensor, shape (B, K, K, 2)
        Shift of each control point of a regular grid that spans the patch, corner to
        corner; K at least 2.
    size : int
        Pixels of the patch along y and x.

    Returns
    -------
    Tensor, shape (B, size, size, 2)
        Shift of each pixel.

    Notes
    -----
    Each square of the grid is cut into two triangles along the diagonal from its
    upper right to its lower left corner; within a triangle the deformation is affine.
    So straight edges stay straight but for a bend where they cross a triangle's side,
    which is why the paper prefers it to elastic deformation [1]_.

    References
    ----------
    .. [1] Semi-supervised segmentation of mitochondria from electron microscopy
       images using spatial continuity, section 2.2.

    Examples
    --------
    >>> corners = torch.tensor([[[0.0], [2.0]], [[4.0], [0.0]]]).expand(2, 2, 2)[None]
    >>> piecewise_affine(corners, 3)[0, :, :, 0].tolist()
    [[0.0, 1.0, 2.0], [2.0, 3.0, 1.0], [4.0, 2.0, 0.0]]
    """
    cells = shifts.shape[1] - 1
    place = torch.linspace(0, cells, size, device=shifts.device)
    cell = place.floor().clamp(max=cells - 1).long()
    share = place - cell
    down, right = share[:, None, None], share[None, :, None]
    rows, columns = cell[:, None], cell[None, :]
    upper_left, lower_right = shifts[:, rows, columns], shifts[:, rows + 1, columns + 1]
    upper_right, lower_left = shifts[:, rows, columns + 1], shifts[:, rows + 1, columns]
    first = (
        upper_left
        + right * (upper_right - upper_left)
        + down * (lower_left - upper_left)
    )
    second = (
        lower_right
        + (1 - right) * (lower_left - lower_right)
        + (1 - down) * (upper_right - lower_right)
    )
    return torch.where(down + right <= 1, first, second)


def random_piecewise_affine(
    count: int, size: int, strength: float, points: int, generator: torch.Generator
) -> Tensor:
    """Draw random piecewise affine deformations.

    Parameters
    ----------
    count : int
        How many.
    size : int
        Pixels of a patch along y and x.
    strength : float
        Largest standard deviation of the shift of a control point, over the size of
        the patch; each deformation draws its own between 0 and this.
    points : int
        Control points along y and along x.
    generator : torch.Generator
        Its device is where the result lies.

    Returns
    -------
    Tensor, shape (count, size, size, 2)
        Shift of each pixel, in pixels.
    """
    shape, device = (count, points, points, 2), generator.device
    drawn = torch.randn(shape, generator=generator, device=device)
    scale = torch.rand((count, 1, 1, 1), generator=generator, device=device)
    return piecewise_affine(drawn * scale * (strength * size), size)
