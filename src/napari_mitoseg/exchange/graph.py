"""Networks as graphs that need none of our code: TorchScript and ONNX."""

import copy
import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim

from napari_mitoseg.errors import InvalidParameterError, WeightsError
from napari_mitoseg.exchange.normalization import Normalization
from napari_mitoseg.exchange.same_bytes import forget_origin, write_torchscript
from napari_mitoseg.models.base import Network
from napari_mitoseg.models.blocks import fuse_batch_norm
from napari_mitoseg.models.cascade import Cascade
from napari_mitoseg.models.foreign.network import ForeignNetwork
from napari_mitoseg.models.foreign.torchscript import quiet

INSTALL = (
    "Writing ONNX needs more packages. Install them: pip install "
    "'napari-mitoseg[onnx]', or write TorchScript."
)
INPUT, OUTPUT = "image", "maps"


class MapsGraph(nn.Module):
    """From an image to probability maps, in one graph.

    Parameters
    ----------
    network : Network
        Copied; batch normalisation is folded into the convolutions.
    normalizes : bool
        Whether slices are normalised inside; else they are expected to be.

    Raises
    ------
    WeightsError
        If the network is no graph.
    """

    def __init__(self, network: Network, *, normalizes: bool) -> None:
        super().__init__()
        check_exportable(network)
        self.normalization = Normalization() if normalizes else nn.Identity()
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        fuse_batch_norm(self.network)

    def forward(self, image: Tensor) -> Tensor:
        """Return probabilities; shapes as for the network."""
        maps: Tensor = torch.sigmoid(self.network(self.normalization(image)))
        return maps


def check_exportable(network: Network) -> None:
    """Refuse networks that are more than a graph.

    Parameters
    ----------
    network : Network
        Any.

    Raises
    ------
    WeightsError
        If it is a cascade, or was made elsewhere.
    """
    if isinstance(network, Cascade):
        msg = (
            "A cascade looks for boxes between its two networks, which is code and no "
            "graph, so neither TorchScript nor ONNX can hold it. Hand it on as "
            "--format mitoseg, which this program installs."
        )
        raise WeightsError(msg)
    if isinstance(network, ForeignNetwork):
        msg = (
            "The model was made elsewhere. Hand on the package it came in, or export "
            "with --format mitoseg, which this program installs."
        )
        raise WeightsError(msg)


def as_torchscript(graph: MapsGraph, example: Tensor) -> bytes:
    """Write a graph as TorchScript.

    Parameters
    ----------
    graph : MapsGraph
        Of the network.
    example : Tensor
        A legal input; others may have other sizes.

    Returns
    -------
    bytes
        The file.
    """

    def write() -> bytes:
        buffer = io.BytesIO()
        with quiet(), torch.inference_mode():
            trace: Any = torch.jit.trace
            torch.jit.save(trace(graph, example, check_trace=False), buffer)
        return buffer.getvalue()

    return write_torchscript(write)


def as_onnx(graph: MapsGraph, example: Tensor) -> tuple[bytes, int]:
    """Write a graph as ONNX.

    Parameters
    ----------
    graph : MapsGraph
        Of the network.
    example : Tensor
        A legal input; others may have other sizes that are multiples of the divisor.

    Returns
    -------
    content : bytes
        The file.
    opset : int
        Version of the set of operations.

    Raises
    ------
    InvalidParameterError
        If the packages are missing.
    """
    try:
        import onnxscript  # noqa: F401, PLC0415 - an extra
    except ImportError as error:
        raise InvalidParameterError(INSTALL) from error
    network = graph.network
    names = "zyx"[3 - network.dimensions :]
    divisors = network.divisor[3 - network.dimensions :]
    sizes = {0: Dim("batch", min=1)}
    sizes |= {
        2 + n: divisor * Dim(f"n_{name}") if divisor > 1 else Dim(name, min=2)
        for n, (name, divisor) in enumerate(zip(names, divisors, strict=True))
    }
    with _silent():
        program = torch.onnx.export(
            graph,
            # One image alone would be taken for the only size of a batch.
            (torch.cat([example, example]),),
            dynamo=True,
            dynamic_shapes=(sizes,),
            input_names=[INPUT],
            output_names=[OUTPUT],
            verbose=False,
        )
    if program is None:
        msg = "torch returned no ONNX."
        raise WeightsError(msg)
    forget_origin(program.model)
    opset = program.model.opset_imports[""]
    return program.model_proto.SerializeToString(), opset


@contextmanager
def _silent() -> Iterator[None]:
    """Keep torch's exporter from warning of what it calls itself."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
