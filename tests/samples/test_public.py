"""The public stack, with a server that never is one."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_mitoseg.errors import ReadError
from napari_mitoseg.samples import epfl_ca1, public

SHAPE = (2, 6, 8)
Downloader = Callable[..., str]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Replace the download by arrays, or by an error."""

    def install(**stacks: np.ndarray | bytes | Exception) -> None:
        def retrieve(url: str, *, known_hash: None, fname: str, path: Path) -> str:
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
