"""What can be segmented, and what only looks like it."""

import tracemalloc

import numpy as np
import pytest
from scipy import ndimage

from napari_mitoseg.errors import ReadError
from napari_mitoseg.io import check_image, checks, read_volume
from napari_mitoseg.io.checks import check_labels, looks_like_labels
from napari_mitoseg.io.planes import PlaneStack
from napari_mitoseg.volume import Volume

NOISE = np.random.default_rng(5).integers(0, 255, (6, 64, 64)).astype(np.uint8)
IMAGES = ["sbem_brain/image.tif", "sstem_vnc/image.tif", "tem_muscle_2d/image.tif"]
LABELS = [
    "sbem_brain/mitochondria.tif",
    "sstem_vnc/mitochondria.tif",
    "tem_muscle_2d/mitochondria_instances.tif",
    "urocell_masks/fib1-0-0-0.tif",
    "urocell_masks/fib1-1-0-3.tif",
    "urocell_masks/fib1-3-2-1.tif",
]


def padded(plane):
    bordered = np.zeros_like(plane)
    bordered[100:-300, 200:-200] = plane[100:-300, 200:-200]
    return bordered


def saturated(plane):
    both = padded(plane)
    both[:120], both[-200:] = 255, 255
    return both


def discs(n, radius):
    rng = np.random.default_rng(6)
    labels = np.zeros((256, 256), np.uint16)
    y, x = np.ogrid[:256, :256]
    for label, (row, column) in enumerate(rng.integers(0, 256, (n, 2)), start=1):
        labels[(y - row) ** 2 + (x - column) ** 2 < radius**2] = label
    return labels


def accept(*planes):
    check_image(Volume(np.stack(planes)))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers(bad):
    stack = NOISE.astype(np.float32)
    stack[5, 7, 9] = bad
    with pytest.raises(ReadError, match="1 values in slice 5 that are NaN or infinite"):
        check_image(Volume(stack))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_a_constant_stack(dtype):
    with pytest.raises(ReadError, match="no contrast"):
        check_image(Volume(np.full((4, 8, 8), 7, dtype)))


def test_one_slice_with_contrast_is_enough():
    stack = np.zeros_like(NOISE)
    stack[4] = NOISE[4]
    check_image(Volume(stack))


def test_few_slices_are_looked_at():
    seen = []

    def read(z, y, x):
        seen.append(z)
        return NOISE[z % 6, y, x]

    check_image(Volume(PlaneStack((500, 64, 64), np.uint8, read)))
    assert seen == [250, 125, 374]


@pytest.mark.parametrize("inside", [1, 255])
def test_a_mask(inside):
    with pytest.raises(ReadError, match="looks like a mask or labels"):
        accept(((NOISE[0] > 200) * inside).astype(np.uint8))


def test_an_annotation_of_few_strokes():
    strokes = np.zeros((64, 64), np.uint8)
    strokes[5:10, 3:30], strokes[30:36, 8:40], strokes[36:40, 8:40] = 1, 1, 2
    assert looks_like_labels(strokes)


@pytest.mark.parametrize(("n", "radius"), [(5, 40), (40, 12), (200, 5)])
def test_instances_of_any_size(n, radius):
    assert looks_like_labels(discs(n, radius))


def test_a_stack_with_one_slice_of_few_values_is_an_image():
    accept(NOISE[0], discs(5, 20)[:64, :64].astype(np.uint8), NOISE[1])


@pytest.mark.realdata
@pytest.mark.parametrize("name", IMAGES)
def test_real_images_pass(data_folder, name):
    check_image(read_volume(data_folder / name))


@pytest.mark.realdata
@pytest.mark.parametrize("name", LABELS)
def test_real_labels_are_found(data_folder, name):
    with pytest.raises(ReadError, match="looks like a mask or labels"):
        check_image(read_volume(data_folder / name))


@pytest.mark.realdata
@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize(
    "change",
    [
        padded,
        saturated,
        lambda p: ndimage.gaussian_filter(p, 4),
        lambda p: ndimage.gaussian_filter(p, 16),
        lambda p: padded(ndimage.gaussian_filter(p, 8)),
        lambda p: ndimage.median_filter(p[:400, :400], 7),
        lambda p: p[::4, ::4],
        lambda p: np.kron(p[:200, :200], np.ones((4, 4), np.uint8)),
        lambda p: p // 16 * 16,
        lambda p: p.astype(np.uint16) * 257,
        lambda p: p.astype(np.int16) - 128,
        lambda p: np.clip(p.astype(int) * 3 - 200, 0, 255).astype(np.uint8),
    ],
    ids=[
        *("pad", "saturate", "blur4", "blur16", "blurpad", "median", "bin"),
        *("nearest4", "16levels", "u2", "i2", "clip"),
    ],
)
def test_changed_real_images_pass(data_folder, name, change):
    plane = read_volume(data_folder / name).read_slice(1)
    accept(change(plane))


def test_an_image_is_not_taken_for_labels():
    with pytest.raises(ReadError, match="looks like an image"):
        check_labels(Volume(NOISE))


@pytest.mark.parametrize(
    "plane",
    [
        discs(40, 9),
        np.zeros((9, 9), np.uint8),
        np.eye(64, dtype=np.uint8),
        np.diag(np.arange(64)),
        np.kron(np.arange(64).reshape(8, 8), np.ones((2, 2), int)),
    ],
    ids=["discs", "empty", "mask", "single voxels", "tiny"],
)
def test_labels_pass_for_labels(plane):
    check_labels(Volume(np.stack([plane, plane])))


@pytest.mark.realdata
@pytest.mark.parametrize("name", LABELS)
def test_real_labels_pass_for_labels(data_folder, name):
    check_labels(read_volume(data_folder / name))


@pytest.mark.realdata
@pytest.mark.parametrize("name", IMAGES)
def test_real_images_are_not_taken_for_labels(data_folder, name):
    with pytest.raises(ReadError, match="looks like an image"):
        check_labels(read_volume(data_folder / name))


@pytest.mark.parametrize(
    "judge", [looks_like_labels, checks._looks_like_an_image], ids=["labels", "image"]
)
def test_a_huge_slice_takes_little_memory(judge):
    plane = np.random.default_rng(1).integers(0, 60_000, (2048, 2048), np.uint16)
    judge(plane[:64])
    tracemalloc.start()
    judge(plane)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2 * plane.nbytes


def test_a_judgement_does_not_depend_on_the_strips(monkeypatch):
    rng = np.random.default_rng(2)
    planes = [rng.integers(0, n, (40, 30)) for n in (9, 90)]
    planes += [np.kron(plane, np.ones((3, 3), int)) for plane in planes]
    planes += [plane * 10**6 for plane in planes]
    found = []
    for strip in (1, 100, 10**6):
        monkeypatch.setattr(checks, "STRIP", strip)
        counted = [checks._values(plane) for plane in planes]
        pairs = [
            checks._neighbours(plane, values, int(counts.argmax()))
            for plane, (values, counts) in zip(planes, counted, strict=True)
        ]
        found.append(
            [
                (one.met.tolist(), one.same.tolist(), one.unequal, one.jumps)
                for one in pairs
            ]
        )
    assert found[0] == found[1] == found[2]


def test_neighbours_by_hand():
    """Without the zeros: two pairs of 5s, a 5 beside a 6, a 6 above an 8."""
    plane = np.array([[5, 5, 6], [5, 0, 8], [0, 0, 0]])
    values, counts = checks._values(plane)
    found = checks._neighbours(plane, values, int(counts.argmax()))
    assert values.tolist() == [0, 5, 6, 8]
    assert (found.met.tolist(), found.same.tolist()) == ([0, 3, 1, 0], [0, 2, 0, 0])
    assert (found.unequal, found.jumps) == (2, 1)
