"""Packages that the model zoo's own tools write, and such tools on ours."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor, nn

from napari_mitoseg.errors import InvalidParameterError, ReadError, WeightsError
from napari_mitoseg.exchange.export import export_model
from napari_mitoseg.exchange.same_bytes import pack
from napari_mitoseg.jobs import drain
from napari_mitoseg.models.zoo import load_model
from napari_mitoseg.volume import Volume

# The model zoo's tools warn about themselves, and look for their cache.
zoo_tools = pytest.mark.filterwarnings("ignore")


class Tiny(nn.Module):
    """Two maps, as logits, of one channel."""

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        conv = nn.Conv2d if dimensions == 2 else nn.Conv3d
        self.conv = conv(1, 2, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        return self.conv(image)


def torchscript(network: nn.Module, example: Tensor) -> bytes:
    from napari_mitoseg.models.foreign.torchscript import quiet

    buffer = io.BytesIO()
    with quiet():
        torch.jit.save(torch.jit.trace(network.eval(), example), buffer)
    return buffer.getvalue()


def onnx_of(network: Tiny) -> bytes:
    """Write the one convolution as ONNX, with names of its own."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    kernel, bias = network.conv.weight.detach(), network.conv.bias.detach()
    dimensions = kernel.ndim - 2
    sizes = ["n", 1, *"abc"[:dimensions]]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [
            helper.make_node(
                "Conv", ["grey", "k", "b"], ["out"], pads=[1] * 2 * dimensions
            )
        ],
        "tiny",
        [value("grey", TensorProto.FLOAT, sizes)],
        [value("out", TensorProto.FLOAT, ["n", 2, *"abc"[:dimensions]])],
        [
            numpy_helper.from_array(kernel.numpy(), "k"),
            numpy_helper.from_array(bias.numpy(), "b"),
        ],
    )
    opsets = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    return onnx.ModelProto.SerializeToString(model)


def zoo_package(folder: Path, dimensions: int) -> Path:
    """Write a package with bioimageio.spec: other names, other steps than ours."""
    from bioimageio.spec import save_bioimageio_package
    from bioimageio.spec.model import v0_5

    space = "zyx"[3 - dimensions :]
    size = {"z": 8, "y": 32, "x": 48}
    shape = [1, 1, *(size[n] for n in space)]
    image = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    network = Tiny(dimensions)
    flat = (image - image.mean()) / (image.std() + 1e-6)
    with torch.inference_mode():
        logits = network(torch.from_numpy(flat.astype(np.float32)))
    np.save(folder / "in.npy", image)
    np.save(folder / "out.npy", logits.sigmoid().numpy())
    content = torchscript(network, torch.zeros(shape))
    (folder / "w.pt").write_bytes(content)
    (folder / "w.onnx").write_bytes(onnx_of(network))
    (folder / "doc.md").write_text("# Validation\nNone.")

    def axes(side: str) -> list[dict[str, Any]]:
        channels = ["raw"] if side == "in" else ["mitochondria", "mito_boundaries"]
        free = {"min": 8, "step": 4}
        return [
            {"type": "batch"},
            {"type": "channel", "channel_names": channels},
            *(
                {
                    "type": "space",
                    "id": name,
                    "unit": "micrometer",
                    "scale": 0.04 if name == "z" else 0.008,
                    "size": free
                    if side == "in"
                    else {"tensor_id": "raw", "axis_id": name},
                }
                for name in space
            ),
        ]

    model = v0_5.ModelDescr.model_validate(
        {
            "name": "tiny model of the zoo",
            "description": "for a test",
            "authors": [{"name": "Somebody"}],
            "cite": [{"text": "a paper", "doi": "10.1038/nmeth.4151"}],
            "license": "MIT",
            "documentation": {"source": folder / "doc.md"},
            "inputs": [
                {
                    "id": "raw",
                    "axes": axes("in"),
                    "data": {"type": "uint8"},
                    "test_tensor": {"source": folder / "in.npy"},
                    "preprocessing": [
                        {
                            "id": "zero_mean_unit_variance",
                            "kwargs": {"axes": ["channel", *space]},
                        },
                        {"id": "ensure_dtype", "kwargs": {"dtype": "float32"}},
                    ],
                }
            ],
            "outputs": [
                {
                    "id": "prediction",
                    "axes": axes("out"),
                    "data": {"type": "float32"},
                    "test_tensor": {"source": folder / "out.npy"},
                    "postprocessing": [{"id": "sigmoid"}],
                }
            ],
            "weights": {
                "torchscript": {
                    "source": folder / "w.pt",
                    "pytorch_version": "2.6.0",
                },
                "onnx": {
                    "source": folder / "w.onnx",
                    "opset_version": 18,
                    "parent": "torchscript",
                },
            },
            "timestamp": "2026-01-01T00:00:00+00:00",
        }
    )
    return Path(save_bioimageio_package(model, output_path=folder / "zoo.zip"))


@zoo_tools
@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("weights", ["torchscript", "onnx", "auto"])
def test_a_package_of_the_zoo_gives_what_its_tools_give(
    dimensions: int, weights: str, tmp_path: Path, install: Any, predict: Any
) -> None:
    trust = weights == "torchscript"
    card = install(zoo_package(tmp_path, dimensions), weights=weights, trust=trust)
    assert card.architecture == ("onnx" if weights == "auto" else weights)
    assert card.spacing == ((40, 8, 8) if dimensions == 3 else (8, 8, 8))
    assert card.outputs == ("semantic", "boundary")
    assert card.licence == "MIT"
    assert card.citation == ("a paper 10.1038/nmeth.4151",)
    image = np.load(tmp_path / "in.npy")
    expected = np.load(tmp_path / "out.npy")
    stack = Volume(image.reshape(-1, *image.shape[-2:]), card.spacing, "stack")
    maps = predict(load_model(card.name), stack)
    by_slice = expected[0].swapaxes(0, 1) if dimensions == 3 else expected
    assert maps == pytest.approx(by_slice, abs=1e-5)


@zoo_tools
def test_the_tools_of_the_zoo_run_our_package(tmp_path: Path, write_model: Any) -> None:
    from bioimageio.core import load_model_description, test_model

    folder, out = write_model("fast"), tmp_path / "ours.zip"
    drain(export_model(str(folder), out))
    # Unpacked, because those tools leave archives open.
    with zipfile.ZipFile(out) as opened:
        opened.extractall(tmp_path / "ours")
    summary = test_model(load_model_description(tmp_path / "ours" / "rdf.yaml"))
    assert summary.status in {"passed", "valid-format"}
    assert not [error for detail in summary.details for error in detail.errors]
    content = yaml.safe_load((tmp_path / "ours" / "rdf.yaml").read_text("utf-8"))
    assert [axis["scale"] for axis in content["inputs"][0]["axes"][2:]] == [8, 8]
    assert content["license"] == "CC-BY-4.0"
    assert content["cite"][0]["doi"] == "10.1007/978-3-319-24574-4_28"
    assert content["authors"] == [{"name": "Ada Lovelace"}]


OLD = {
    "format_version": "0.4.6",
    "type": "model",
    "name": "old model of mitochondria",
    "description": "boundaries",
    "license": "CC-BY-4.0",
    "authors": [{"name": "Somebody"}],
    "cite": [{"text": "data", "url": "https://doi.org/10.1/x"}],
    "inputs": [
        {
            "name": "input0",
            "axes": "bczyx",
            "data_type": "uint8",
            "data_range": [0.0, 255.0],
            "shape": {"min": [1, 1, 4, 8, 8], "step": [0, 0, 2, 4, 4]},
            "preprocessing": [
                {
                    "name": "zero_mean_unit_variance",
                    "kwargs": {"axes": "czyx", "mode": "per_sample"},
                }
            ],
        }
    ],
    "outputs": [
        {
            "name": "output0",
            "axes": "bczyx",
            "data_type": "float32",
            "halo": [0, 0, 1, 2, 2],
            "shape": {
                "reference_tensor": "input0",
                "scale": [1, 2, 1, 1, 1],
                "offset": [0, 0, 0, 0, 0],
            },
        }
    ],
    "test_inputs": ["in.npy"],
    "test_outputs": ["out.npy"],
    "weights": {"torchscript": {"source": "w.pt"}},
}


def old_package(folder: Path, example: np.ndarray, **changes: Any) -> Path:
    """Write a package of layout 0.4, as those of the ilastik team are."""
    out = io.BytesIO()
    np.save(out, example)
    files = {
        "rdf.yaml": yaml.safe_dump(OLD | changes).encode(),
        "out.npy": out.getvalue(),
        "w.pt": torchscript(Tiny(3), torch.zeros(1, 1, 4, 8, 8)),
    }
    (folder / "old.zip").write_bytes(pack(files))
    return folder / "old.zip"


@pytest.mark.parametrize(("largest", "kinds"), [(1.0, []), (7.0, ["sigmoid"])])
def test_an_old_package_ends_with_a_sigmoid_where_its_example_has_none(
    largest: float, kinds: list[str], tmp_path: Path, install: Any
) -> None:
    example = np.linspace(0, largest, 2 * 4 * 8 * 8, dtype=np.float32)
    path = old_package(tmp_path, example.reshape(1, 2, 4, 8, 8))
    card = install(path, spacing=(30, 8, 8), trust=True)
    (returned,) = card.config["returned"]
    assert [one["kind"] for one in returned["operations"]] == kinds
    assert card.config["smallest"] == [4, 8, 8]
    assert card.config["step"] == [2, 4, 4]
    assert card.halo == (1, 2, 2)
    assert card.config["preprocessing"][0]["scope"] == "stack"
    assert [one["name"] for one in card.config["maps"]] == ["semantic", "boundary"]
    assert load_model(card.name).network.divisor == (2, 4, 4)


def test_a_spacing_that_nobody_says_is_asked_for(tmp_path: Path, install: Any) -> None:
    path = old_package(tmp_path, np.zeros((1, 2, 4, 8, 8), np.float32))
    with pytest.raises(InvalidParameterError, match="--spacing"):
        install(path, trust=True)


def test_channels_as_told(tmp_path: Path, install: Any) -> None:
    path = old_package(tmp_path, np.zeros((1, 2, 4, 8, 8), np.float32))
    card = install(path, spacing=(30, 8, 8), trust=True, outputs="-,semantic")
    assert card.outputs == ("semantic",)
    assert card.config["maps"][0]["channel"] == 1
    with pytest.raises(InvalidParameterError, match="the model has 2"):
        install(path, spacing=(30, 8, 8), trust=True, outputs="semantic,mask", name="b")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": "0.3.2"}, "0.4 and 0.5 are read"),
        ({"type": "dataset"}, "dataset"),
        ({"weights": {"keras_hdf5": {"source": "w.h5"}}}, "keras_hdf5"),
        ({"weights": {"torchscript": {"source": "../w.pt"}}}, "holds no file"),
        ({"inputs": OLD["inputs"] * 2}, "takes 2 inputs"),
        ({"outputs": 3}, "lacks something"),
        ({"name": None, "inputs": [{}]}, "lacks something"),
    ],
)
def test_descriptions_that_cannot_be_followed(
    changes: dict[str, Any], message: str, tmp_path: Path, install: Any
) -> None:
    path = old_package(tmp_path, np.zeros((1, 2, 4, 8, 8), np.float32), **changes)
    with pytest.raises((ReadError, WeightsError), match=message):
        install(path, spacing=(30, 8, 8), trust=True)


def test_an_unknown_operation_is_refused(tmp_path: Path, install: Any) -> None:
    output = dict(OLD["outputs"][0], postprocessing=[{"name": "stardist"}])
    path = old_package(
        tmp_path, np.zeros((1, 2, 4, 8, 8), np.float32), outputs=[output]
    )
    with pytest.raises(ReadError, match="stardist"):
        install(path, spacing=(30, 8, 8), trust=True)


def test_weights_that_are_others_than_described(tmp_path: Path, install: Any) -> None:
    weights = {"torchscript": {"source": "w.pt", "sha256": "0" * 64}}
    path = old_package(tmp_path, np.zeros((1, 2, 4, 8, 8), np.float32), weights=weights)
    with pytest.raises(WeightsError, match="damaged"):
        install(path, spacing=(30, 8, 8), trust=True)
