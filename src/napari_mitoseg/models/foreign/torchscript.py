"""Networks that come as TorchScript: looked through before they are loaded."""

import io
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from napari_mitoseg.errors import WeightsError, one_line
from napari_mitoseg.models.foreign.network import ForeignNetwork, runtimes

FORBIDDEN = ("save", "from_file", "load_tensor", "load")
"""Operations of torch that reach beyond tensors: `torch._C._jit_get_all_schemas` has
no others that are given the name of a file (torch 2.13)."""

LIBRARIES = ("aten", "prim", "quantized", "_quantized", "mkldnn_prepacked")
"""Libraries of operations that a network may call; the rest talk to other processes."""

MOST_CODE = 64 * 2**20
"""Bytes of code that an archive may hold, unpacked."""

_CALL = re.compile(r"\btorch\.(?:[\w]+\.)*(\w+)")
_OPERATION = re.compile(r"\bops\.(\w+)\.(\w+)")
_CLASS = re.compile(r"__torch__\.torch\.classes\.(\w+)")


@runtimes.register("torchscript")
class TorchScriptNetwork(ForeignNetwork):
    """A network as TorchScript.

    Notes
    -----
    TorchScript is a programming language of its own: loading one runs no Python and
    unpickles no Python objects, but running one runs its author's program, and that
    can ask torch to write and read files, or never end.  Its code is searched for
    operations that take the name of a file, for libraries of operations other than
    those of networks, and for code that is run while it is loaded; a network with any
    of them is refused.  What is left can still take all memory or all time.
    """

    def start(self, content: bytes) -> None:
        """Look the archive through, then load it."""
        check_torchscript(content)
        try:
            with quiet():
                load: Any = torch.jit.load
                module = load(io.BytesIO(content), map_location="cpu")
        except (RuntimeError, ValueError, EOFError) as error:
            reason = str(error).strip().splitlines()[0]
            msg = f"The TorchScript cannot be loaded ({reason}). Get the file again."
            raise WeightsError(msg) from error
        self.module = module.eval()
        for parameter in self.module.parameters():
            # Before the network is copied: weights of a copy would have a history.
            parameter.requires_grad_(requires_grad=False)

    def run(self, image: Tensor) -> Any:
        """Return what the network returns."""
        return self.module(image)


def check_torchscript(content: bytes) -> None:
    """Refuse a TorchScript archive that does more than compute.

    Parameters
    ----------
    content : bytes
        The file.

    Raises
    ------
    WeightsError
        If it is no TorchScript, or calls what no network needs; says what.
    """
    found = {name for code in _codes(content) for name in _suspicious(code)}
    if found:
        msg = (
            f"The TorchScript calls {', '.join(sorted(found))}: it reaches beyond "
            "computing, so it is not run. Ask its authors for ONNX weights."
        )
        raise WeightsError(msg)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep torch from saying that TorchScript is deprecated: its files are not gone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def _codes(content: bytes) -> Iterator[str]:
    """Give the texts of the code in an archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            codes = [one for one in entries if "/code/" in f"/{one.filename}"]
            _check_archive(entries, sum(one.file_size for one in codes))
            for one in codes:
                if one.filename.endswith(".py"):
                    yield archive.read(one).decode("utf-8")
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        msg = f"The file is no TorchScript archive ({one_line(error)}). Get it again."
        raise WeightsError(msg) from error


def _check_archive(entries: list[zipfile.ZipInfo], n_code: int) -> None:
    names = [one.filename for one in entries]
    if n_code > MOST_CODE or len({*names}) < len(names):
        msg = f"names given twice, or {n_code} bytes of code"
        raise ValueError(msg)
    if not any(name.endswith("/code/__torch__.py") for name in names) and not any(
        "/code/__torch__/" in name for name in names
    ):
        msg = "it holds no code; weights alone cannot be run"
        raise ValueError(msg)


def _suspicious(code: str) -> Iterator[str]:
    """Name what a network does not need."""
    # Strings may hold anything; nothing in them is called.
    bare = re.sub(r'"(?:[^"\\\n]|\\.)*"', '""', code)
    for name in _CALL.findall(bare):
        if name in FORBIDDEN:
            yield f"torch.{name}"
    for library, name in _OPERATION.findall(bare):
        if library not in LIBRARIES or name.split("_out")[0] in FORBIDDEN:
            yield f"{library}::{name}"
    for library in _CLASS.findall(bare):
        if library not in LIBRARIES:
            yield f"torch.classes.{library}"
    if re.search(r"def __setstate__\b", bare):
        yield "__setstate__ (code that runs while it is loaded)"
