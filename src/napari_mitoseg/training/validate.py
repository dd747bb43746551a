"""Predict whole slices while training, and score them."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from napari_mitoseg.models.base import Network
from napari_mitoseg.training.patches import TrainingStack, context_slices
from napari_mitoseg.training.targets import UNKNOWN


def predict_stack(network: Network, stack: TrainingStack) -> Tensor:
    """Predict the semantic probability of the labelled slices of a stack.

    Parameters
    ----------
    network : Network
        On the device of the stack; its mode is kept.
    stack : TrainingStack
        At the spacing of the model.

    Returns
    -------
    Tensor of float32, shape (labelled slices, Y, X)
        Probability of mitochondrion.
    """
    training = network.training
    network.eval()
    with torch.inference_mode():
        if network.dimensions == 3:
            logits = _logits(network, stack.image[None, None])[0]
            slices = stack.slices.to(logits.device)
            probability = logits[_semantic(network), slices]
        else:
            planes = (_slice_logits(network, stack, int(z)) for z in stack.slices)
            probability = torch.stack(list(planes))
    network.train(training)
    return probability.float().sigmoid()


def measure_iou(network: Network, stacks: Sequence[TrainingStack]) -> tuple[float, ...]:
    """Return the IoU of the semantic mask at 0.5 for each stack.

    Parameters
    ----------
    network : Network
        On the device of the stacks.
    stacks : sequence of TrainingStack
        At the spacing of the model; unlabelled voxels do not count.

    Returns
    -------
    tuple of float
        0 to 1; 1 where there is nothing to find and nothing is found.
    """
    return tuple(_iou(predict_stack(network, stack), stack) for stack in stacks)


def _iou(probability: Tensor, stack: TrainingStack) -> float:
    labels = stack.labels[stack.slices.to(stack.labels.device)]
    known = labels > UNKNOWN
    found = (probability > 0.5) & known
    truth = labels > 0
    union = int((found | truth).sum())
    return int((found & truth).sum()) / union if union else 1.0


def predict_plane(network: Network, planes: Tensor) -> Tensor:
    """Predict the semantic probability of one slice.

    Parameters
    ----------
    network : Network
        Of two dimensions, on the device of the planes; its mode is kept.
    planes : Tensor, shape (C, Y, X)
        Input of the network, of any size.

    Returns
    -------
    Tensor of float32, shape (Y, X)
        Probability of mitochondrion.
    """
    training = network.training
    network.eval()
    with torch.inference_mode():
        logits = _logits(network, planes[None])[0, _semantic(network)]
        probability = logits.float().sigmoid()
    network.train(training)
    return probability


def _slice_logits(network: Network, stack: TrainingStack, z: int) -> Tensor:
    """Return the semantic logits of one slice from it and its neighbours."""
    depth = len(stack.image)
    seen = context_slices(z, network.context, stack.stride, depth)
    return _logits(network, stack.image[seen][None])[0, _semantic(network)]


def _semantic(network: Network) -> int:
    """Return which output map is the mask; the first of a network without one."""
    outputs = network.outputs
    return outputs.index("semantic") if "semantic" in outputs else 0


def _logits(network: Network, image: Tensor) -> Tensor:
    """Run a network on an image of any size, reflected up to a legal one."""
    sizes = image.shape[2:]
    divisors = network.divisor[-len(sizes) :]
    extra = [-n % d for n, d in zip(sizes, divisors, strict=True)]
    sides = [side for e in reversed(extra) for side in (0, e)]
    logits: Tensor = network(pad(image, sides, mode="replicate"))
    for axis, size in enumerate(sizes, start=2):
        logits = logits.narrow(axis, 0, size)
    return logits
