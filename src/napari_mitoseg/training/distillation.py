"""Let a network learn from what a larger one says, besides the truth."""

from typing import Any

import torch

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.models.base import Network
from napari_mitoseg.training.fit import Batch, Draw, draw_batch


def distilled(teacher: Network, share: float, draw: Draw = draw_batch) -> Draw:
    """Return a way to draw batches in which a teacher has a say.

    Parameters
    ----------
    teacher : Network
        Of two dimensions; looks at the augmented patches, as the student does.
    share : float
        Weight of the teacher's probabilities against the truth, 0 to 1.  Where nothing
        is labelled, the teacher alone is learned from.
    draw : callable
        Draws the patches and their truth.

    Returns
    -------
    callable
        For `fit.fit` and `stages.fit_stages`.

    Raises
    ------
    InvalidParameterError
        When it draws for a student whose input or outputs are not the teacher's.

    References
    ----------
    .. [1] Hinton, Vinyals, Dean (2015), Distilling the knowledge in a neural network,
       arXiv:1503.02531; here at temperature 1.
    """
    teacher.eval()

    def draw_taught(network: Network, *how: Any) -> Batch:
        _check_likeness(network, teacher)
        image, target, known = draw(network, *how)
        height, width = target.shape[-2:]
        with torch.inference_mode():
            logits = teacher.to(image.device).forward_middle(image, (height, width))
        said = logits.float().sigmoid().view_as(target)
        weight = torch.where(known > 0, share, 1.0)
        return image, torch.lerp(target, said, weight), torch.ones_like(known)

    return draw_taught


def _check_likeness(student: Network, teacher: Network) -> None:
    """Refuse a teacher that sees or says something else."""
    for what in ("dimensions", "in_channels", "context", "outputs"):
        theirs, own = getattr(teacher, what), getattr(student, what)
        if theirs != own:
            msg = (
                f"The teacher's {what} are {theirs}, the student's {own}. Choose a "
                "teacher that sees and says the same."
            )
            raise InvalidParameterError(msg)
