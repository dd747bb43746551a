"""Registration of sections: known deformations, the way back, and odd stacks."""

import numpy as np
import pytest
import tifffile

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.jobs import drain
from napari_mitoseg.preprocessing import Equalize, Pipeline, Register
from napari_mitoseg.preprocessing.displacement import Displacement, Frame
from napari_mitoseg.preprocessing.moving_least_squares import Deformation
from napari_mitoseg.preprocessing.register import in_words, table_of
from napari_mitoseg.samples import SyntheticSettings, synthetic_em
from napari_mitoseg.volume import Region, Volume

SPACING = (40.0, 12.0, 12.0)
SHAPE = (5, 320, 320)
FRAME = Frame.over(SHAPE[1:], SPACING[1:], 60.0)


def bent(rng):
    """A smooth deformation: a shift of up to 10 pixels and waves of 2 pixels."""
    y, x = 2 * np.pi * FRAME.nodes.T / 6000
    a, b, c, d = rng.uniform(0, 2 * np.pi, 4)
    waves = [np.sin(x + a) + np.cos(y + b), np.sin(y + c) + np.cos(x + d)]
    return 24 * np.stack(waves, axis=1) + rng.uniform(-120, 120, 2)


@pytest.fixture(scope="module")
def deformed():
    """One section five times over, each bent in its own way and with its own noise."""
    rng = np.random.default_rng(3)
    settings = SyntheticSettings(style="sstem")
    em, labels = synthetic_em((1, *SHAPE[1:]), SPACING, 3, settings)
    truth = [Displacement(FRAME, bent(rng)) for _ in range(SHAPE[0])]
    truth[2] = Displacement.none(FRAME)
    noisy = [move.sampled(em.read()[0]) + rng.normal(0, 4, SHAPE[1:]) for move in truth]
    image = np.clip(np.stack(noisy), 0, 255).astype(np.uint8)
    image.setflags(write=False)
    return Volume(image, SPACING), truth, labels


@pytest.fixture(scope="module")
def prepared(deformed):
    """The stack registered, and what was reported meanwhile."""
    reports = []
    return drain(Register().prepare(deformed[0]), reports.append), reports


def off(truth, sections):
    """Distance in pixels between where a pixel comes from and where it should."""
    axis = np.arange(60, SHAPE[1] - 60, 8) * SPACING[1]
    inner = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    for move, section in zip(truth, sections, strict=True):
        error = move.carry(section.displacement.carry(inner)) - inner
        yield np.hypot(*error.T) / SPACING[1]


@pytest.mark.parametrize("kind", Deformation)
def test_a_known_deformation_is_undone_to_a_pixel(deformed, kind):
    volume, truth, _ = deformed
    before = [np.median(move.lengths) / SPACING[1] for move in truth]
    sections = drain(Register(deformation=kind).measure(volume))
    errors = [np.median(error) for error in off(truth, sections)]
    assert np.median(before) > 5
    assert max(errors) <= 1
    table = table_of(sections)
    assert table["slice"].tolist() == [0, 1, 2, 3, 4]
    assert table["n_matches"].tolist()[2] == table["largest_nm"].tolist()[2] == 0
    for z in (0, 1, 3, 4):
        assert table["median_nm"][z] == pytest.approx(before[z] * 12, abs=15)
        assert table["largest_nm"][z] > table["median_nm"][z]
        assert table["n_matches"][z] > 50


def test_the_registered_stack_and_the_way_back(deformed, prepared):
    volume, truth, labels = deformed
    prepared, reports = prepared
    assert [report.done for report in reports] == [0, 2, 3, 4, 5]
    image = prepared.volume.read()

    def unlike(stack):
        inner = stack[:, 30:-30, 30:-30].astype(float)
        return np.mean((inner - inner[2]) ** 2)

    assert unlike(image) < 0.4 * unlike(volume.read())
    flat = np.repeat(labels, SHAPE[0], axis=0)
    restored = prepared.restored(flat, Region.whole(SHAPE))
    for move, plane in zip(truth, restored, strict=True):
        y, x = np.rint(move.coordinates()).astype(int)[:, 30:-30, 30:-30]
        expected = labels[0][y, x]
        assert np.mean(plane[30:-30, 30:-30] == expected) > 0.97
    assert "nm in the median" in prepared.notes[0]
    assert set(prepared.tables) == {"registration"}


def test_labels_of_a_part_are_those_of_the_whole(deformed, prepared):
    labels, prepared = deformed[2], prepared[0]
    flat = np.repeat(labels, SHAPE[0], axis=0)
    whole = prepared.restored(flat, Region.whole(SHAPE))
    region = Region((1, 40, 60), (3, 200, 260))
    part = prepared.restored(flat[region.slices], region)
    inner = (slice(None), slice(20, -20), slice(20, -20))
    np.testing.assert_array_equal(part[inner], whole[region.slices][inner])


def test_a_blank_section_moves_along_and_is_bridged(deformed):
    volume, truth, _ = deformed
    image = volume.read().copy()
    image[3] = 90
    sections = drain(Register().measure(Volume(image, SPACING)))
    assert [section.n_matches > 0 for section in sections] == [1, 1, 0, 0, 1]
    assert sections[3].displacement is sections[2].displacement
    assert np.median([*off(truth, sections)][4]) <= 1
    assert "1 of 5 had too little in common" in in_words(sections)


def test_a_blank_middle_does_not_hinder_the_others(deformed):
    image = deformed[0].read()[1:4].copy()
    image[1] = 90
    sections = drain(Register().measure(Volume(image, SPACING)))
    assert [section.n_matches > 0 for section in sections] == [0, 0, 1]


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((3, 40, 40), np.uint8),
        np.random.default_rng(0).integers(0, 255, (1, 90, 90)).astype(np.uint8),
        np.random.default_rng(0).integers(0, 255, (3, 2, 3)).astype(np.uint8),
        np.random.default_rng(0).integers(0, 255, (3, 90, 90)).astype(np.uint8),
    ],
    ids=["blank", "one section", "tiny", "noise"],
)
def test_where_nothing_matches_nothing_is_moved(image):
    prepared = drain(Register().prepare(Volume(image, SPACING)))
    np.testing.assert_array_equal(prepared.volume.read(), image)
    assert prepared.notes == (
        "No section was moved: neighbours have too little in common.",
    )
    labels = np.arange(image.size, dtype=np.uint32).reshape(image.shape)
    whole = Region.whole(image.shape)
    np.testing.assert_array_equal(prepared.restored(labels, whole), labels)


def test_registration_asks_for_the_spacing():
    with pytest.raises(InvalidParameterError, match=r"no spacing.*Give the spacing"):
        Register()(Volume(np.zeros((2, 40, 40), np.uint8)))


def test_other_steps_come_before_and_after(deformed):
    volume = deformed[0].crop(Region((1, 0, 0), (3, 200, 200)))
    pipeline = Pipeline([Equalize(), Register(), Equalize()])
    reports = []
    prepared = drain(pipeline.prepare(volume), reports.append)
    fractions = [report.fraction for report in reports]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(2 / 3)
    assert len(prepared.undos) == len(prepared.notes) == 1
    by_hand = Equalize()(Register()(Equalize()(volume)))
    np.testing.assert_array_equal(prepared.volume.read_slice(1), by_hand.read_slice(1))


@pytest.mark.realdata
def test_neighbouring_sections_of_real_tissue_become_more_alike(data_folder):
    image = tifffile.imread(data_folder / "sstem_vnc" / "image.tif", key=range(3, 6))
    image = image[:, :512, :512]
    volume = Volume(image, (50.0, 4.6, 4.6))
    registered = drain(Register().prepare(volume)).volume.read()

    def unlike(stack):
        inner = stack[:, 40:-40, 40:-40].astype(float)
        return np.mean(np.diff(inner, axis=0) ** 2)

    assert unlike(registered) < 0.97 * unlike(image)
