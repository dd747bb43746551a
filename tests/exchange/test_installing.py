"""Names, folders, downloads, and models of empanada."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor, nn

from napari_mitoseg.cli import main
from napari_mitoseg.errors import (
    DownloadError,
    InvalidParameterError,
    ReadError,
    UnknownNameError,
)
from napari_mitoseg.exchange import download as downloads
from napari_mitoseg.exchange.download import check_address, download
from napari_mitoseg.exchange.export import export_model
from napari_mitoseg.exchange.install import remove_model
from napari_mitoseg.inference.predict import predict_maps
from napari_mitoseg.inference.settings import InferenceSettings
from napari_mitoseg.jobs import drain
from napari_mitoseg.models.foreign.torchscript import quiet
from napari_mitoseg.models.public import PUBLIC
from napari_mitoseg.models.zoo import find_model, load_model, model_names
from napari_mitoseg.postprocessing import Chain
from napari_mitoseg.training.dense_settings import DenseSettings
from napari_mitoseg.volume import Region, Volume

CONTENT = bytes(range(256)) * 4096
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(BaseHTTPRequestHandler):
    """Serves one file; the first answer breaks off in the middle."""

    asked: list[str | None]
    breaks: bool

    def do_GET(self) -> None:
        first = self.headers.get("Range")
        type(self).asked.append(first)
        start = int(first.removeprefix("bytes=").rstrip("-")) if first else 0
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        part = CONTENT[start:]
        if type(self).breaks:
            type(self).breaks = False
            part = part[: len(part) // 2]
        self.wfile.write(part)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A file on a server of this computer, which needs no TLS."""
    monkeypatch.setattr(downloads, "SCHEMES", ("http", "https"))
    monkeypatch.setattr(downloads, "cache_folder", lambda: tmp_path / "cache")
    Server.asked, Server.breaks = [], False
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/files/model.zip"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_download_is_checked_and_kept(address: str) -> None:
    path = drain(download(address, SHA256))
    assert path.read_bytes() == CONTENT
    assert path.name.endswith("model.zip")
    assert drain(download(address, SHA256)) == path
    assert Server.asked == [None]


def test_a_download_goes_on_where_it_broke_off(address: str) -> None:
    Server.breaks = True
    with pytest.raises(DownloadError, match="what has come is kept"):
        drain(download(address, SHA256))
    assert drain(download(address, SHA256)).read_bytes() == CONTENT
    assert Server.asked == [None, f"bytes={len(CONTENT) // 2}-"]


def test_another_file_than_expected_is_not_kept(address: str, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=SHA256):
        drain(download(address, "0" * 64))
    assert not list((tmp_path / "cache").iterdir())


def test_a_file_that_is_too_large(address: str) -> None:
    with pytest.raises(DownloadError, match="more than 1000"):
        drain(download(address, most=1000))


def test_without_a_server_it_says_so(address: str) -> None:
    with pytest.raises(DownloadError, match=r"no connection to 127\.0\.0\.1\)\. "):
        drain(download("http://127.0.0.1:9/model.zip"))


@pytest.mark.parametrize(
    "url", ["http://a.org/x", "file:///etc/passwd", "https://", "ftp://a"]
)
def test_only_encrypted_addresses(url: str) -> None:
    with pytest.raises(DownloadError, match="https"):
        check_address(url)


def test_public_models_have_addresses_and_say_how_to_get_them(home: Path) -> None:
    from napari_mitoseg.models.foreign.config import ForeignConfig

    for public in PUBLIC:
        check_address(public.url)
        ForeignConfig.parse(public.card.config)
        assert public.card.citation
        with pytest.raises(UnknownNameError, match="install-model"):
            find_model(public.card.name)


def test_public_models_are_downloaded_by_name(
    address: str, install: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from napari_mitoseg.exchange import install as module

    public = replace(PUBLIC[2], url=address, sha256="0" * 64)
    monkeypatch.setattr(module, "public_model", lambda _name: public)
    with pytest.raises(DownloadError, match="another file"):
        install("kind-seashell")


def test_names_are_taken_once(tmp_path: Path, write_model: Any, install: Any) -> None:
    folder = write_model("fast")
    install(folder, name="Mine")
    assert "Mine" in model_names()
    for name in ("Mine", "mine", "fast", "con", "...", "/"):
        with pytest.raises(InvalidParameterError, match="name"):
            install(folder, name=name)


def test_a_graph_without_its_description(tmp_path: Path, install: Any) -> None:
    (tmp_path / "alone.onnx").write_bytes(b"graph")
    with pytest.raises(ReadError, match=r"There is no alone\.json beside"):
        install(tmp_path / "alone.onnx")


def test_a_file_is_compared_with_its_checksum(
    tmp_path: Path, write_model: Any, install: Any
) -> None:
    out = tmp_path / "model.zip"
    drain(export_model(str(write_model("fast")), out, "mitoseg"))
    sha256 = hashlib.sha256(out.read_bytes()).hexdigest()
    with pytest.raises(InvalidParameterError, match="64 digits"):
        install(out, name="Mine", sha256="0123")
    with pytest.raises(ReadError, match=f"is {sha256}, expected is {SHA256}"):
        install(out, name="Mine", sha256=SHA256)
    assert "Mine" not in model_names()
    install(out, name="Mine", sha256=sha256.upper())
    assert "Mine" in model_names()


def test_graphs_do_not_share_a_description(
    tmp_path: Path, write_model: Any, install: Any
) -> None:
    model = str(write_model("fast"))
    graph, other = tmp_path / "mine.pt", tmp_path / "mine.onnx"
    drain(export_model(model, graph, "torchscript"))
    drain(export_model(model, graph, "torchscript"))
    before = graph.with_suffix(".json").read_bytes()
    with pytest.raises(InvalidParameterError, match="belongs to another file"):
        drain(export_model(model, other, "onnx"))
    assert graph.with_suffix(".json").read_bytes() == before
    assert not other.exists()
    other.write_bytes(b"an earlier one")
    with pytest.raises(ReadError, match=r"ends in \.pt, not mine\.onnx"):
        install(other, name="Mine")
    graph.with_suffix(".json").write_text("my own notes")
    with pytest.raises(InvalidParameterError, match="belongs to another file"):
        drain(export_model(model, graph, "torchscript"))


def test_removing(tmp_path: Path, write_model: Any, install: Any, home: Path) -> None:
    install(write_model("fast"), name="Mine")
    (home / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(InvalidParameterError, match="came with the program"):
        remove_model("fast")
    with pytest.raises(InvalidParameterError, match="came with the program"):
        remove_model(str(tmp_path / "fast"))
    assert remove_model("Mine") == home / "mine"
    assert [p.name for p in (home / "mine").iterdir()] == ["notes.txt"]
    assert "Mine" not in model_names()
    assert (tmp_path / "fast" / "model.json").is_file()


def test_what_is_no_model(tmp_path: Path, install: Any) -> None:
    (tmp_path / "a.txt").write_text("hello")
    for source in (tmp_path / "a.txt", tmp_path / "missing", tmp_path):
        with pytest.raises(ReadError, match="BioImage"):
            install(source)


def test_foreign_networks_are_not_trained(
    tmp_path: Path, write_model: Any, install: Any
) -> None:
    from napari_mitoseg.errors import WeightsError
    from napari_mitoseg.models.zoo import load_trainable

    drain(export_model(str(write_model("fast")), tmp_path / "out.pt", "torchscript"))
    install(tmp_path / "out.pt", name="back", trust=True)
    with pytest.raises(WeightsError, match="not trained further"):
        load_trainable("back")
    assert DenseSettings().start == "scratch"


class Panoptic(nn.Module):
    """Answers as MitoNet does: dark is foreground, centres and offsets are known."""

    def __init__(self, centre: Tensor, offsets: Tensor) -> None:
        super().__init__()
        self.register_buffer("centre", centre)
        self.register_buffer("offsets", offsets)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        n = len(image)
        return {
            "sem_logits": -20 * image,
            "ctr_hmp": self.centre.expand(n, 1, -1, -1),
            "offsets": self.offsets.expand(n, 2, -1, -1),
        }


@pytest.fixture
def mitonet(tmp_path: Path) -> Path:
    """Two touching objects, columns 4–9 and 10–19, in an image of 32×32."""
    centre, offsets = torch.zeros(1, 1, 32, 32), torch.zeros(1, 2, 32, 32)
    centre[0, 0, 8, 6], centre[0, 0, 8, 15] = 0.9, 0.8
    column = torch.arange(32).float()
    offsets[0, 0] = (8 - column)[:, None]
    offsets[0, 1] = torch.where(column < 10, 6 - column, 15 - column)
    with quiet():
        network = torch.jit.script(Panoptic(centre, offsets))
        torch.jit.save(network, tmp_path / "net.pth")
    description = {
        "model": "net.pth",
        "labels": [1],
        "thing_list": [1],
        "class_names": {1: "mito"},
        "padding_factor": 16,
        "norms": {"mean": 0.5, "std": 0.25},
        "description": "a test",
    }
    (tmp_path / "TestNet.yaml").write_text(yaml.safe_dump(description))
    return tmp_path / "TestNet.yaml"


def test_centres_and_offsets_become_borders(
    mitonet: Path, install: Any, predict: Any
) -> None:
    card = install(mitonet, trust=True)
    assert (card.name, card.spacing) == ("TestNet", (16, 16, 16))
    grey = np.full((2, 32, 32), 255, np.uint8)
    grey[:, 4:12, 4:20] = 0
    maps = predict(load_model("TestNet"), Volume(grey, (16.0, 16.0, 16.0), "two"))
    border = np.zeros((32, 32))
    border[4:12, 9:11] = 1
    assert (maps[:, 1] == border).all()
    assert (np.round(maps[:, 0]) == (grey == 0)).all()


def test_touching_objects_are_two_through_all_slices(
    mitonet: Path, install: Any
) -> None:
    model = load_model(install(mitonet, trust=True).name)
    grey = np.full((4, 32, 32), 255, np.uint8)
    grey[:, 4:12, 4:20] = 0
    volume = Volume(grey, (16.0, 16.0, 16.0), "two")
    maps = drain(predict_maps(volume, model, InferenceSettings(device="cpu")))
    steps = ["threshold", "seed-map", "connected-components", "seeded-watershed"]
    labels = drain(Chain([{"step": step} for step in steps]).run(maps)).labels
    assert labels.max() == 2
    for left, right in ((4, 10), (10, 20)):
        assert len(np.unique(labels[:, 4:12, left:right])) == 1
    assert (labels > 0).sum() == 4 * 8 * 16


def test_a_region_is_grouped_as_within_the_whole(mitonet: Path, install: Any) -> None:
    """The centre of the right object lies outside the region."""
    model = load_model(install(mitonet, trust=True).name)
    grey = np.full((1, 32, 32), 255, np.uint8)
    grey[:, 4:12, 4:20] = 0
    volume = Volume(grey, (16.0, 16.0, 16.0), "two")
    settings, region = InferenceSettings(device="cpu"), Region((0, 0, 4), (1, 32, 12))
    whole = drain(predict_maps(volume, model, settings))
    part = drain(predict_maps(volume, model, settings, region))
    assert (part.boundary == whole.boundary[:, :, 4:12]).all()
    assert part.boundary.any()


def test_full_scale_makes_16_bits_what_8_are(
    mitonet: Path, install: Any, predict: Any
) -> None:
    model = load_model(install(mitonet, trust=True).name)
    grey = np.random.default_rng(0).integers(0, 256, (1, 32, 32), dtype=np.uint8)
    spacing = (16.0, 16.0, 16.0)
    first = predict(model, Volume(grey, spacing, "8"))
    second = predict(model, Volume(grey.astype(np.uint16) * 257, spacing, "16"))
    assert second == pytest.approx(first, abs=1e-6)


def test_an_empanada_yaml_that_lacks_something(mitonet: Path, install: Any) -> None:
    content = yaml.safe_load(mitonet.read_text())
    content["norms"] = {"mean": 0.5}
    mitonet.write_text(yaml.safe_dump(content))
    with pytest.raises(ReadError, match="std"):
        install(mitonet, trust=True)


def test_the_command_line(
    tmp_path: Path,
    write_model: Any,
    home: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, out = write_model("fast"), tmp_path / "out.zip"
    main(["export-model", str(folder), "--out", str(out), "--author", "Ada"])
    main(["install-model", str(out), "--name", "Travelled"])
    main(["models"])
    shown = capsys.readouterr().out
    assert "Travelled  (fast)" in shown
    assert "MitoNet_v1  (torchscript)" in shown
    main(["remove-model", "Travelled"])
    with pytest.raises(SystemExit) as end:
        main(["install-model", str(tmp_path / "nothing.zip")])
    assert end.value.code == 2
    assert "BioImage.IO package" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["export-model", str(folder), "--out", str(tmp_path / "out.tif")])
    assert ".zip" in capsys.readouterr().err
