"""What a hostile file may try, and is refused."""

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from napari_mitoseg.errors import ReadError, TrustError, WeightsError
from napari_mitoseg.exchange.export import export_model
from napari_mitoseg.exchange.package import Archive
from napari_mitoseg.exchange.yaml_file import read_yaml
from napari_mitoseg.io.npy import read_npy
from napari_mitoseg.jobs import drain
from napari_mitoseg.models.foreign.onnx import check_onnx
from napari_mitoseg.models.foreign.torchscript import check_torchscript, quiet
from napari_mitoseg.models.zoo import load_model


def packed(path: Path, *entries: tuple[zipfile.ZipInfo | str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, content in entries:
            archive.writestr(entry, content)
    return path


@pytest.mark.parametrize(
    "name",
    [
        "../out.txt",
        "a/../../out.txt",
        "/etc/out.txt",
        "C:/out.txt",
        "a\\..\\out.txt",
        "out.txt\n",
        "out.txt.",
        "~/../out.txt",
    ],
)
def test_names_that_lead_out_of_the_folder(name: str, tmp_path: Path) -> None:
    entry = zipfile.ZipInfo("x")
    entry.filename = name
    path = packed(tmp_path / "a.zip", ("rdf.yaml", b""), (entry, b"x"))
    with pytest.raises(ReadError, match="does not stay within a folder"):
        Archive(path)


def test_links_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("weights.pt")
    link.external_attr = 0o120777 << 16
    with pytest.raises(ReadError, match="a link or a device"):
        Archive(packed(tmp_path / "a.zip", (link, b"/etc/passwd")))


def test_names_that_differ_in_case_only(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", ("rdf.yaml", b"a"), ("RDF.yaml", b"b"))
    with pytest.raises(ReadError, match="upper and lower case"):
        Archive(path)


def test_too_many_files(tmp_path: Path) -> None:
    entries = [(f"{n}.txt", b"") for n in range(1001)]
    with pytest.raises(ReadError, match="1001 files"):
        Archive(packed(tmp_path / "a.zip", *entries))


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", ("rdf.yaml", bytes(2**24)))
    with pytest.raises(ReadError, match="would grow"):
        Archive(path)


def test_a_file_that_claims_to_be_huge(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", ("w.pt", b"x" * 100))
    content = bytearray(path.read_bytes())
    directory = content.rindex(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = struct.pack("<I", 2**32 - 2)
    path.write_bytes(content)
    with pytest.raises(ReadError, match="more than"):
        Archive(path)


def test_a_file_that_is_longer_or_shorter_than_it_claims(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", ("w.pt", b"x" * 100))
    content = bytearray(path.read_bytes())
    directory = content.rindex(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = struct.pack("<I", 40)
    path.write_bytes(content)
    with pytest.raises(ReadError, match="cannot be read"):
        Archive(path).read("w.pt")


def test_yaml_makes_no_objects() -> None:
    with pytest.raises(ReadError, match="cannot be read"):
        read_yaml(b"a: !!python/object/apply:os.getcwd []", "rdf.yaml")


def test_yaml_that_refers_to_itself_again_and_again() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    with pytest.raises(ReadError, match="too"):
        read_yaml("\n".join(lines).encode(), "rdf.yaml")


@pytest.mark.parametrize(
    "content", [b"[" * 50_000, b"- 1", b"\xff", b"a: [", b"a: &b [*b]"]
)
def test_yaml_that_is_no_description(content: bytes) -> None:
    with pytest.raises(ReadError, match=r"rdf\.yaml"):
        read_yaml(content, "rdf.yaml")


def test_an_array_that_claims_to_be_huge() -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(4, np.float32))
    content = buffer.getvalue().replace(b"(4,)", b"(400000000000,)", 1)
    with pytest.raises(ReadError, match="no numbers"):
        read_npy(content, "out.npy")


def test_an_array_whose_header_is_damaged() -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(4, np.float32))
    content = buffer.getvalue().replace(b"False", b"Fal]e", 1)
    with pytest.raises(ReadError, match="no numbers"):
        read_npy(content, "out.npy")


def test_an_array_of_objects() -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([print], object), allow_pickle=True)
    with pytest.raises(ReadError, match="no numbers"):
        read_npy(buffer.getvalue(), "out.npy")


class Writes(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        torch.save(image, "stolen.pt")
        return image


class Reads(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        return image + torch.from_file("/etc/hostname", False, 4).sum()


class RunsOnLoading(nn.Module):
    @torch.jit.export
    def __getstate__(self) -> tuple[Tensor, bool]:
        return torch.zeros(1), self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[Tensor, bool]) -> None:
        self.training = state[1]

    def forward(self, image: Tensor) -> Tensor:
        return image


class Says(nn.Module):
    """Harmless: the word stands in a text."""

    def forward(self, image: Tensor) -> Tensor:
        assert image.ndim == 4, "torch.save(image)"
        return image


def scripted(network: nn.Module) -> bytes:
    buffer = io.BytesIO()
    with quiet():
        torch.jit.save(torch.jit.script(network), buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("network", "named"),
    [
        (Writes(), "torch.save"),
        (Reads(), "torch.from_file"),
        (RunsOnLoading(), "__setstate__"),
    ],
)
def test_torchscript_that_does_more_than_compute(
    network: nn.Module, named: str
) -> None:
    with pytest.raises(WeightsError, match=named):
        check_torchscript(scripted(network))


def test_torchscript_that_only_computes() -> None:
    check_torchscript(scripted(Says()))


def test_a_pickle_is_no_torchscript() -> None:
    buffer = io.BytesIO()
    torch.save({"weight": torch.zeros(3)}, buffer)
    with pytest.raises(WeightsError, match="no code"):
        check_torchscript(buffer.getvalue())


def test_all_operations_of_torch_that_take_a_file_are_known() -> None:
    from napari_mitoseg.models.foreign.torchscript import FORBIDDEN, LIBRARIES

    for schema in torch._C._jit_get_all_schemas():
        library, _, name = schema.name.partition("::")
        words = {one.name for one in schema.arguments if str(one.type) == "str"}
        if library in LIBRARIES and words & {"filename", "file", "path", "fname"}:
            assert name in FORBIDDEN, schema.name


def onnx_file(**changes: Any) -> bytes:
    import onnx
    from onnx import TensorProto, helper

    weight = helper.make_tensor("w", TensorProto.FLOAT, [1], [2.0])
    node = helper.make_node("Mul", ["x", "w"], ["y"], domain=changes.get("domain", ""))
    shape = [None, 1, None, None]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [node],
        "g",
        [value("x", TensorProto.FLOAT, shape)],
        [value("y", TensorProto.FLOAT, shape)],
        [weight],
    )
    if "location" in changes:
        kept = graph.initializer[0]
        kept.ClearField("float_data")
        kept.data_location = TensorProto.EXTERNAL
        kept.external_data.add(key="location", value=changes["location"])
    opsets = [helper.make_opsetid("", 18)]
    opsets += [helper.make_opsetid(changes["domain"], 1)] if "domain" in changes else []
    return onnx.ModelProto.SerializeToString(
        helper.make_model(graph, opset_imports=opsets)
    )


def test_onnx_that_is_complete() -> None:
    check_onnx(onnx_file())


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"location": "../../etc/passwd"}, "weights in other files"),
        ({"domain": "evil.ops"}, "evil.ops"),
    ],
)
def test_onnx_that_needs_more_than_itself(changes: dict[str, str], named: str) -> None:
    with pytest.raises(WeightsError, match=named):
        check_onnx(onnx_file(**changes))


@pytest.mark.parametrize("content", [b"", b"no onnx at all", b"PK\x03\x04"])
def test_what_is_no_onnx(content: bytes) -> None:
    with pytest.raises(WeightsError, match="ONNX"):
        check_onnx(content)


def test_torchscript_is_run_only_when_the_user_agrees(
    tmp_path: Path, write_model: Any, install: Any, home: Path
) -> None:
    folder, out = write_model("fast"), tmp_path / "out.pt"
    drain(export_model(str(folder), out, "torchscript"))
    with pytest.raises(TrustError, match="--trust"):
        install(out, name="back")
    assert not list(home.glob("*/model.json"))
    install(out, name="back", trust=True)
    load_model("back")
    (home / "trusted.json").unlink()
    with pytest.raises(TrustError, match="install-model"):
        load_model("back")


def test_a_damaged_file_installs_nothing(
    tmp_path: Path, write_model: Any, install: Any, home: Path
) -> None:
    folder, out = write_model("fast"), tmp_path / "out.zip"
    drain(export_model(str(folder), out, "mitoseg"))
    content = bytearray(out.read_bytes())
    content[len(content) // 2] ^= 255
    out.write_bytes(content)
    with pytest.raises((ReadError, WeightsError)):
        install(out)
    assert not home.exists()
