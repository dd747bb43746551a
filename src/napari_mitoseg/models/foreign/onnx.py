"""Networks that come as ONNX, run by onnxruntime."""

from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_mitoseg.errors import InvalidParameterError, WeightsError
from napari_mitoseg.models.foreign.network import ForeignNetwork, runtimes

DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft", "pkg.onnxscript.torch_lib")
"""Sets of operations that come with onnxruntime, and functions made of them."""

INSTALL = (
    "ONNX needs more packages. Install them: pip install 'napari-mitoseg[onnx]', or "
    "take TorchScript weights."
)


@runtimes.register("onnx")
class OnnxNetwork(ForeignNetwork):
    """A network as ONNX.

    Notes
    -----
    ONNX is a list of operations with their numbers, no program: it can neither open
    files nor call anything else.  Weights in other files, which a description could
    point anywhere, are refused, and so are operations that onnxruntime does not have
    itself.  It runs on the CPU, or on CUDA where onnxruntime-gpu is installed.
    """

    def start(self, content: bytes) -> None:
        """Look the graph through, then load it."""
        check_onnx(content)
        runtime = _runtime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        providers = [
            name
            for name in ("CUDAExecutionProvider", "CPUExecutionProvider")
            if name in runtime.get_available_providers()
        ]
        self._session = _Shared(_opened(runtime, content, options, providers))

    @property
    def _takes_batches(self) -> bool:
        shape = self._session.held.get_inputs()[0].shape
        return super()._takes_batches and bool(shape) and shape[0] != 1

    def run(self, image: Tensor) -> Any:
        """Return what the network returns, by name."""
        session = self._session.held
        first = session.get_inputs()[0].name
        given = {first: np.ascontiguousarray(image.cpu().numpy())}
        try:
            answers = session.run(None, given)
        except _failures(_runtime()) as error:
            # As torch would say it: what looks for lack of memory knows that.
            raise RuntimeError(str(error)) from error
        names = [output.name for output in session.get_outputs()]
        tensors = [torch.from_numpy(answer) for answer in answers]
        if any(declared.key for declared in self.config.returned):
            return dict(zip(names, tensors, strict=True))
        return tensors


class _Shared:
    """Something that copies of a network have in common: it cannot be copied."""

    def __init__(self, held: Any) -> None:
        self.held = held

    def __deepcopy__(self, _memo: object) -> "_Shared":
        return self


def check_onnx(content: bytes) -> None:
    """Refuse an ONNX file that needs other files or operations from elsewhere.

    Parameters
    ----------
    content : bytes
        The file.

    Raises
    ------
    WeightsError
        If it is no ONNX, or needs more than itself.
    InvalidParameterError
        If the package onnx is missing.
    """
    onnx, damages = _package()
    try:
        model = onnx.load_model_from_string(content)
    except damages as error:
        raise WeightsError(_damaged(error)) from error
    domains = {one.domain for one in model.opset_import} - {*DOMAINS}
    graphs = list(_graphs(model.graph))
    outside = any(
        tensor.data_location == onnx.TensorProto.EXTERNAL
        for graph in graphs
        for tensor in _tensors(graph)
    )
    if domains or outside or not model.graph.node:
        what = f"operations of {', '.join(sorted(domains))}" if domains else ""
        what = "weights in other files" if outside else what
        msg = (
            f"The ONNX file needs {what or 'operations: it has none'}, so it is not "
            "run. Ask its authors for one that is complete in itself."
        )
        raise WeightsError(msg)


def _graphs(graph: Any) -> Any:
    """Give a graph and all graphs inside its nodes."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _graphs(attribute.g)
            for inner in attribute.graphs:
                yield from _graphs(inner)


def _tensors(graph: Any) -> Any:
    """Give all tensors that a graph holds."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield sparse.values
        yield sparse.indices
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def _opened(runtime: Any, content: bytes, options: Any, providers: list[str]) -> Any:
    try:
        return runtime.InferenceSession(content, options, providers=providers)
    except _failures(runtime) as error:
        raise WeightsError(_damaged(error)) from error


def _failures(runtime: Any) -> tuple[type[Exception], ...]:
    """Return the errors of onnxruntime, which share no base but Exception."""
    known = vars(runtime.capi.onnxruntime_pybind11_state).values()
    return tuple(
        one for one in known if isinstance(one, type) and issubclass(one, Exception)
    )


def _damaged(error: Exception) -> str:
    reason = (str(error) or type(error).__name__).strip().splitlines()[0]
    return f"The ONNX file cannot be loaded ({reason}). Get it again."


def _runtime() -> Any:
    try:
        import onnxruntime  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise InvalidParameterError(INSTALL) from error
    return onnxruntime


def _package() -> tuple[Any, tuple[type[Exception], ...]]:
    """Return the package onnx, and what it raises over damaged files."""
    try:
        import onnx  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise InvalidParameterError(INSTALL) from error
    # A package that onnx needs, and has no name of its own for this.
    protobuf = import_module("google.protobuf.message")
    return onnx, (protobuf.DecodeError, ValueError)
