"""Exports of one model are the same bytes, whenever, wherever and however often made.

A file that only the time, the folder of the program or earlier exports of the process
have changed cannot be told from another model by its checksum; and nobody who hands on
a model means to hand on the folders of the own computer, which torch notes in it.
"""

import io
import re
import zipfile
from collections.abc import Callable
from typing import Any

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest date that a zip archive can have."""

DEBUG = ".debug_pkl"
"""Ending of what torch writes beside code: which lines of which files it comes from."""

SERIALIZATION = ".data/serialization_id"
"""What torch makes of the names and checksums of the other members."""

_COUNTED = re.compile(rb"___torch_mangle_(\d+)")
"""What torch adds to a name that it has given in this process before."""


def pack(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Put files into a zip archive that does not tell when it was made.

    Parameters
    ----------
    files : dict of bytes
        By name.
    compression : int
        One of zipfile.

    Returns
    -------
    bytes
        The archive.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as packed:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = compression
            entry.create_system = 3  # whatever this one is
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, content)
    return buffer.getvalue()


def write_torchscript(write: Callable[[], bytes]) -> bytes:
    """Write TorchScript that does not tell what the process wrote before.

    Parameters
    ----------
    write : callable
        Traces the network and returns the file that torch writes.

    Returns
    -------
    bytes
        The file.

    Notes
    -----
    Each module gets a class of its own, named after that in Python; a name that was
    given before in the process gets a number.  Traced once more, all have one, and the
    numbers are counted anew.
    """
    files = _unpacked(write())
    if not all(_COUNTED.search(name.encode()) for name in files if _is_code(name)):
        files = _unpacked(write())
    texts = {n: c for n, c in files.items() if n.endswith((".py", ".pkl"))}
    found = {int(n) for each in texts.values() for n in _COUNTED.findall(each)}
    rank = {number: place for place, number in enumerate(sorted(found))}

    def counted(content: bytes) -> bytes:
        return _COUNTED.sub(
            lambda m: b"___torch_mangle_%d" % rank[int(m.group(1))], content
        )

    renamed = {
        counted(name.encode()).decode(): counted(content) if name in texts else content
        for name, content in files.items()
    }
    return pack(renamed, zipfile.ZIP_STORED)


def forget_origin(model: Any) -> None:
    """Take out of an ONNX model what torch notes of the program that wrote it.

    Parameters
    ----------
    model : onnx_ir.Model
        Changed in place.
    """
    graphs = [model.graph, *(one.graph for one in model.functions.values())]
    parts = [model, *graphs, *model.functions.values()]
    for graph in graphs:
        parts += [*graph.inputs, *graph.initializers.values()]
        for node in graph.all_nodes():
            parts += [node, *node.outputs]
    for part in parts:
        part.metadata_props.clear()


def _is_code(name: str) -> bool:
    return "/code/" in name and name.endswith(".py")


def _unpacked(content: bytes) -> dict[str, bytes]:
    """Return the members of what torch has written that are needed to load it."""
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        names = [
            name
            for name in packed.namelist()
            if not name.endswith((DEBUG, SERIALIZATION))
        ]
        return {name: packed.read(name) for name in names}
