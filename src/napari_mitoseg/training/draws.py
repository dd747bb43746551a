"""How batches are drawn for an architecture, where it has a way of its own."""

from napari_mitoseg.registry import Registry
from napari_mitoseg.training.blocks import draw_blocks
from napari_mitoseg.training.fit import Draw, draw_batch

draws: Registry[Draw] = Registry("architecture with its own way to draw batches")
draws.register("patch-cnn")(draw_blocks)


def draw_for(architecture: str) -> Draw:
    """Return what `fit` is to draw batches with.

    Parameters
    ----------
    architecture : str
        Name of the network.

    Returns
    -------
    callable
        Its own way to draw, or else `fit.draw_batch`: patches of labelled stacks.

    Examples
    --------
    >>> draw_for("patch-cnn").__name__, draw_for("fast").__name__
    ('draw_blocks', 'draw_batch')
    """
    if architecture in draws:
        return draws[architecture]
    return draw_batch
