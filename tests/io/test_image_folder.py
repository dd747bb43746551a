"""Folders of numbered images."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_mitoseg.errors import ReadError, ShapeError
from napari_mitoseg.io import read_labels, read_volume

STACK = np.random.default_rng(1).integers(0, 255, (12, 20, 30)).astype(np.uint8)


def save(path, plane):
    if path.suffix.lower() in {".tif", ".tiff"}:
        tifffile.imwrite(path, plane, compression="zlib")
    else:
        Image.fromarray(plane).save(path)


@pytest.mark.parametrize("suffix", [".tif", ".TIFF", ".png", ".bmp"])
def test_images_in_natural_order(tmp_path, suffix):
    for z in (11, 2, 0, 10, 5, 1, 9, 3, 4, 8, 6, 7):
        save(tmp_path / f"slice 3_{z}{suffix}", STACK[z])
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.read(), STACK)
    np.testing.assert_array_equal(volume.data[10, 3:9, 4], STACK[10, 3:9, 4])
    assert volume.spacing is None
    assert volume.name == tmp_path.name


def test_sixteen_bits(tmp_path):
    planes = STACK.astype(np.uint16) * 257
    for z in range(3):
        Image.fromarray(planes[z]).save(tmp_path / f"{z}.png")
    volume = read_volume(tmp_path)
    assert volume.dtype == np.uint16
    np.testing.assert_array_equal(volume.read(), planes[:3])


def test_jpegs(tmp_path):
    smooth = np.add.outer(np.arange(32), np.arange(48)).astype(np.uint8)
    for name in ("a1.jpg", "a2.jpeg"):
        Image.fromarray(smooth).save(tmp_path / name, quality=95)
    volume = read_volume(tmp_path)
    assert volume.shape == (2, 32, 48)
    assert np.abs(volume.read().astype(int) - smooth).max() <= 3


def test_hidden_files_and_others_are_passed_over(tmp_path):
    save(tmp_path / "1.png", STACK[0])
    save(tmp_path / ".hidden.png", STACK[1, :5])
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "deep.png").mkdir()
    assert read_volume(tmp_path).shape == (1, 20, 30)


def test_one_picture_is_one_slice(tmp_path):
    save(tmp_path / "one.png", STACK[0])
    np.testing.assert_array_equal(read_volume(tmp_path / "one.png").read(), STACK[:1])


def test_a_slice_larger_than_pillow_likes(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    save(tmp_path / "1.png", STACK[0])
    np.testing.assert_array_equal(read_volume(tmp_path).read(), STACK[:1])


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_colour_needs_a_channel(tmp_path, suffix):
    colour = np.stack([STACK[0], STACK[1], STACK[2]], axis=-1)
    save(tmp_path / f"1{suffix}", colour)
    with pytest.raises(ShapeError, match="channel axis of length 3"):
        read_volume(tmp_path)
    np.testing.assert_array_equal(read_volume(tmp_path, channel=2).read(), STACK[2:3])


def test_labels_from_a_folder(tmp_path):
    for z in range(2):
        save(tmp_path / f"{z}.png", (STACK[z] > 9).astype(np.uint8))
    np.testing.assert_array_equal(read_labels(tmp_path).read(), STACK[:2] > 9)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sizes_that_differ_name_both_files(tmp_path, suffix):
    save(tmp_path / f"z1{suffix}", STACK[0])
    save(tmp_path / f"z2{suffix}", STACK[1])
    save(tmp_path / f"z10{suffix}", STACK[1, :15])
    with pytest.raises(
        ShapeError, match=rf"z1\{suffix} is 20 × 30.*z10\{suffix} is 15"
    ):
        read_volume(tmp_path)


def test_types_that_differ(tmp_path):
    save(tmp_path / "z1.tif", STACK[0])
    save(tmp_path / "z2.tif", STACK[0].astype(np.uint16))
    with pytest.raises(ShapeError, match=r"z1.*uint8.*z2.*uint16"):
        read_volume(tmp_path)


@pytest.mark.parametrize("content", [[], ["notes.txt"], [".a.tif"]])
def test_an_empty_folder(tmp_path, content):
    for name in content:
        (tmp_path / name).write_text("x")
    with pytest.raises(ReadError, match="holds no image"):
        read_volume(tmp_path)


def test_two_kinds_of_images(tmp_path):
    save(tmp_path / "1.png", STACK[0])
    save(tmp_path / "2.tif", STACK[0])
    with pytest.raises(ReadError, match=r"\.png and \.tif"):
        read_volume(tmp_path)


def test_a_stack_among_the_slices(tmp_path):
    save(tmp_path / "1.tif", STACK)
    with pytest.raises(ShapeError, match="holds 12 slices; in a folder"):
        read_volume(tmp_path)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp"])
def test_cut_anywhere_a_picture_is_refused(tmp_path, suffix):
    path = tmp_path / f"1{suffix}"
    save(path, STACK[0])
    data = path.read_bytes()
    for end in range(1, len(data) - 20, len(data) // 20):
        path.write_bytes(data[:end])
        with pytest.raises(ReadError):
            read_volume(path).read()
