"""The public stack, with a server that never is one."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import requests
import tifffile

from napari_mitoseg.errors import ReadError
from napari_mitoseg.samples import epfl_ca1, public

SHAPE = (2, 6, 8)
Downloader = Callable[..., str]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Replace the download by arrays, or by an error."""

    def install(**stacks: np.ndarray | bytes | Exception) -> None:
        def retrieve(url: str, *, fname: str, path: Path, **_: object) -> str:
            assert url.startswith("https://documents.epfl.ch/")
            name = "truth" if "groundtruth" in url else "image"
            content = stacks[name]
            if isinstance(content, Exception):
                raise content
            target = tmp_path / fname
            if isinstance(content, bytes):
                target.write_bytes(content)
            else:
                tifffile.imwrite(target, content)
            return str(target)

        monkeypatch.setattr(public.pooch, "retrieve", retrieve)
        for name in ("CA1_IMAGE", "CA1_TRUTH"):
            file = getattr(public, name)
            small = public.PublicFile(file.name, SHAPE)
            monkeypatch.setattr(public, name, small)

    return install


def test_returns_image_and_mask(serve: Callable[..., None]) -> None:
    image = np.arange(96, dtype=np.uint8).reshape(SHAPE)
    truth = np.where(image > 50, 255, 0).astype(np.uint8)
    serve(image=image, truth=truth)
    volume, mask = epfl_ca1()
    np.testing.assert_array_equal(volume.read(), image)
    np.testing.assert_array_equal(mask, image > 50)
    assert volume.spacing == (5.0, 5.0, 5.0)
    assert mask.dtype == np.uint8


def test_offline_says_what_to_do(serve: Callable[..., None]) -> None:
    serve(image=ConnectionError("no route"), truth=ConnectionError("no route"))
    with pytest.raises(ReadError, match=r"no route.*internet.*by hand.*epfl_ca1_"):
        epfl_ca1()


def test_a_wrong_shape_is_refused(serve: Callable[..., None]) -> None:
    good = np.zeros(SHAPE, np.uint8)
    serve(image=good, truth=np.zeros((1, 6, 8), np.uint8))
    with pytest.raises(ReadError, match=r"groundtruth.*\(2, 6, 8\).*Delete it"):
        epfl_ca1()


def test_an_error_page_is_refused(serve: Callable[..., None]) -> None:
    serve(image=b"<html>404</html>", truth=np.zeros(SHAPE, np.uint8))
    with pytest.raises(ReadError, match="no readable TIFF"):
        epfl_ca1()


def answered(url: str, location: str = "") -> requests.Response:
    response = requests.Response()
    response.url = url
    response.headers["location"] = location
    return response


def test_downloads_verify_the_server_and_stay_encrypted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: dict[str, object] = {}

    def send(url: str, **options: object) -> None:
        asked.update(options, url=url)
        raise requests.ConnectionError("no route")

    monkeypatch.setattr(public, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(requests, "get", send)
    with pytest.raises(ReadError, match="no route"):
        epfl_ca1()
    assert str(asked["url"]).startswith("https://")
    # Without a word to the contrary, requests verifies certificates.
    assert "verify" not in asked
    assert asked["hooks"] == {"response": public.check_response}


def test_a_server_cannot_lead_to_a_plain_connection() -> None:
    public.check_response(answered("https://a.ch/x", "https://b.ch/x"))
    for response in (answered("https://a.ch/x", "http://a.ch/x"), answered("http://a")):
        with pytest.raises(requests.ConnectionError, match="not encrypted"):
            public.check_response(response)
