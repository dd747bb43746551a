"""The report: what it says, what it draws, and that it stands alone."""

import base64
import re
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from napari_mitoseg.errors import ShapeError, WriteError
from napari_mitoseg.io.meshes import colour_of
from napari_mitoseg.jobs import drain
from napari_mitoseg.morphology import (
    ALL_FAMILIES,
    Context,
    MeasurementSettings,
    MeasurementTable,
    measure_labels,
    mesh_object,
)
from napari_mitoseg.report import ReportContent, view, write, write_report
from napari_mitoseg.report.page import figures, html_page, number
from napari_mitoseg.report.plots import shown_columns, statistics
from napari_mitoseg.report.slices import painted, slice_numbers
from napari_mitoseg.report.view import LIGHT, coarse_copy, draw_view, lit
from napari_mitoseg.volume import Volume

SPACING = (40.0, 10.0, 10.0)
VOID = {"meta", "img", "br"}


def boxes(spacing: Any = SPACING, name: str = "cells") -> Volume:
    """Return three boxes; the last is cut by the side of the volume."""
    labels = np.zeros((9, 40, 50), np.uint32)
    labels[1:4, 2:12, 3:30] = 1
    labels[2:7, 15:25, 3:20] = 2
    labels[5:9, 28:38, 10:45] = 70_000
    return Volume(labels, spacing, name)


def content(labels: Volume, **more: Any) -> ReportContent:
    table = drain(measure_labels(labels.data, labels.spacing))
    return ReportContent(labels, table, **more)


class Page(HTMLParser):
    """A page taken to pieces; every tag that is opened must be closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.tags: set[str] = set()
        self.words = ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [v or "" for k, v in attrs if k in {"src", "href"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data

    @property
    def pictures(self) -> list[Image.Image]:
        head = "data:image/png;base64,"
        assert all(one.startswith(head) for one in self.addresses)
        packed = (one.removeprefix(head) for one in self.addresses)
        return [Image.open(BytesIO(base64.b64decode(one))) for one in packed]


def report(path: Path, labels: Volume, **more: Any) -> Page:
    drain(write_report(path, content(labels, **more)))
    return Page(path.read_text(encoding="utf-8"))


# ------------------------------------------------------------------ the page


def test_the_page_says_what_was_measured(tmp_path):
    page = report(tmp_path / "r.html", boxes(), recipe='{"model": "fast"}')
    total = (3 * 10 * 27 + 5 * 10 * 17 + 4 * 10 * 35) / (9 * 40 * 50)
    volume = 9 * 40 * 50 * 40 * 10 * 10 / 1e9
    for words in (
        "Objects3",
        f"Volume fraction{100 * total:.3g} %",
        f"Density{number(3 / volume)} per µm³",
        "1 of 3 objects are cut by the side of the volume",
        "40 × 10 × 10 nm (z, y, x)",
        '{"model": "fast"}',
        "napari-mitoseg",
        "numpy",
    ):
        assert words in page.words
    titles = re.findall(r"(Slices|In space|Distributions|Statistics)", page.words)
    assert set(titles) == {"Slices", "In space", "Distributions", "Statistics"}


def test_the_page_stands_alone(tmp_path):
    page = report(tmp_path / "r.html", boxes())
    assert len(page.pictures) == 3
    assert not page.tags & {"script", "link", "iframe", "object"}
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    assert "url(" not in text
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]


def test_the_pictures_show_something(tmp_path):
    for picture in report(tmp_path / "r.html", boxes()).pictures:
        pixels = np.asarray(picture.convert("RGB"))
        assert min(pixels.shape[:2]) > 200
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20


def test_names_cannot_change_the_page(tmp_path):
    name = '<script>alert("1")</script>&'
    page = report(tmp_path / "r.html", boxes(name=name), recipe="</pre><b>&amp;")
    assert name in page.words
    assert "</pre><b>&amp;" in page.words
    assert "script" not in page.tags


def test_labels_without_spacing_are_counted_in_voxels(tmp_path):
    page = report(tmp_path / "r.html", boxes(None))
    assert "spacing of these labels is not known" in page.words
    assert "In space" not in page.words
    assert "µm³" not in page.words
    assert "Voxels" in page.words
    assert len(page.pictures) == 2


def test_labels_without_an_object(tmp_path):
    empty = Volume(np.zeros((3, 20, 20), np.uint8), SPACING)
    page = report(tmp_path / "r.html", empty)
    assert "Objects0" in page.words
    assert len(page.pictures) == 1
    assert "Statistics" not in page.words


def test_a_single_object(tmp_path):
    one = boxes()
    labels = Volume(np.where(one.read() == 1, 1, 0), SPACING)
    page = report(tmp_path / "r.html", labels)
    assert "Objects1" in page.words
    assert "Distributions" not in page.words
    assert "–" in page.words  # there is no standard deviation of one


@pytest.mark.parametrize("spacing", [None, SPACING])
def test_a_single_slice(tmp_path, spacing):
    plane = Volume(boxes().read()[5:6], spacing)
    page = report(tmp_path / "r.html", plane)
    assert "In space" not in page.words
    assert "Slice 0" not in page.words  # stands in the picture
    assert page.pictures


def test_every_family_is_shown(tmp_path):
    small = boxes()
    image = Volume(np.arange(small.read().size).reshape(small.shape) % 251, None, "em")
    everything = MeasurementSettings(families=ALL_FAMILIES)
    context = Context(intensity=image.data)
    job = measure_labels(small.data, SPACING, everything, context=context)
    fractions: list[float] = []
    found = ReportContent(small, drain(job), image)
    drain(
        write_report(tmp_path / "r.html", found), lambda p: fractions.append(p.fraction)
    )
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    page = Page((tmp_path / "r.html").read_text(encoding="utf-8"))
    for words in ("Sphericity", "Centreline length (µm)", "Mean intensity", "Imageem"):
        assert words in page.words


def test_a_tissue_mask_is_the_denominator(tmp_path):
    tissue = np.zeros((9, 40, 50), np.uint8)
    tissue[:, :, :25] = 1
    page = report(tmp_path / "r.html", boxes(), tissue=tissue)
    assert "Density refers totissue mask" in page.words
    whole = report(tmp_path / "w.html", boxes())
    assert figure(page, "Density") == pytest.approx(2 * figure(whole, "Density"), 1e-3)


def figure(page: Page, title: str) -> float:
    return float(re.search(rf"{title}([\d.]+)", page.words)[1])


def test_other_shapes_are_refused(tmp_path):
    other = Volume(np.zeros((2, 3, 4), np.uint8))
    with pytest.raises(ShapeError, match="image that the labels belong to"):
        report(tmp_path / "r.html", boxes(), image=other)
    with pytest.raises(ShapeError, match="mask of the same shape"):
        report(tmp_path / "r.html", boxes(), tissue=other.data)
    assert not list(tmp_path.iterdir())


def test_a_failure_leaves_the_old_page(tmp_path, monkeypatch):
    (tmp_path / "r.html").write_text("old")

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fail)
    with pytest.raises(WriteError, match="No space left"):
        drain(write_report(tmp_path / "r.html", content(boxes())))
    assert (tmp_path / "r.html").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_unknown_figures_keep_their_names():
    assert "<dt>odd figure</dt><dd>0.5</dd>" in figures({"odd_figure": 0.5})
    assert "<dd>12.5 %</dd>" in figures({"volume_fraction": 0.125})
    assert "<dd>–</dd>" in figures({"count": float("nan")})
    quantiles = figures({"volume_50_percent_um3": 2.0, "volume_95_percent_um3": 9.0})
    assert quantiles.count("<dd>") == 1
    assert "<dt>Median volume</dt><dd>2 µm³</dd>" in quantiles


def test_an_empty_page_is_well_formed():
    assert Page(html_page("a & b", "c < d", [])).words.count("a & b") == 2


# ------------------------------------------------------------------ the pictures


def test_slices_are_spread_over_the_objects():
    assert slice_numbers(content(boxes())) == [3, 4, 6]
    assert slice_numbers(content(Volume(boxes().read()[:1], SPACING))) == [0]


def test_outlines_have_the_colour_of_their_object():
    picture = painted(content(boxes()), 3)
    assert picture.shape == (40, 50, 3)
    colour = np.array(colour_of(1)) / 255
    np.testing.assert_allclose(picture[2, 3], colour)
    np.testing.assert_allclose(picture[6, 10], 0.7 * 0.1 + 0.3 * colour)
    np.testing.assert_allclose(picture[0, 0], 0.1)


def test_the_image_is_stretched_and_large_slices_are_thinned():
    labels = Volume(np.zeros((1, 4, 1300), np.uint8), SPACING)
    ramp = np.arange(1300, dtype=np.uint16)[None, None].repeat(4, axis=1) + 500
    picture = painted(content(labels, image=Volume(ramp)), 0)
    assert picture.shape == (2, 434, 3)
    assert (picture[0, 0], picture[0, -1]) == (pytest.approx(0), pytest.approx(1))


def test_a_copy_of_some_two_million_voxels():
    labels = Volume(np.zeros((10, 2000, 2000), np.uint8), (40.0, 10.0, 10.0))
    copy, spacing, first = coarse_copy(labels, labels.spacing)
    assert spacing == (40.0, 40.0, 40.0)
    assert first == (20.0, 25.0, 25.0)  # the third voxel of four
    assert copy.shape == (10, 500, 500)
    small = boxes()
    copy, spacing, first = coarse_copy(small, SPACING)
    assert first == tuple(one / 2 for one in SPACING)
    assert spacing == SPACING
    np.testing.assert_array_equal(copy, small.read())


def test_surfaces_that_look_away_are_left_out_and_light_comes_from_above():
    z, y, x = np.ogrid[-12:13, -12:13, -12:13]
    ball = mesh_object(z**2 + y**2 + x**2 <= 100, (10.0, 10.0, 10.0))
    triangles, shade = lit(ball)
    assert len(triangles) == pytest.approx(len(ball.faces) / 2, rel=0.1)
    centres = triangles.mean(axis=1) - (0.12, 0.12, -0.12)
    brightest = centres[np.argsort(shade)[-200:]].mean(axis=0)
    cosine = brightest @ LIGHT / np.linalg.norm(brightest) / np.linalg.norm(LIGHT)
    assert cosine > 0.9
    assert shade.min() >= 0.42
    assert shade.max() <= 1


def test_the_surfaces_lie_where_the_voxels_are():
    labels = Volume(np.ones((4, 30, 20), np.uint8), SPACING)
    (axes,) = drain(draw_view(content(labels))).figure.axes
    (surfaces,) = axes.collections
    x, z, y = np.reshape(surfaces._faces, (-1, 3)).T
    # The three sides that face the viewer; half a voxel is 5 nm, or 20 along z.
    found = x.max(), z.min(), y.max()
    np.testing.assert_allclose(found, (0.2, 0, 0), atol=0.004)


def test_objects_that_are_too_small_for_the_view_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(view, "COARSE", 2000)
    labels = boxes()
    labels.data[0, 39, 49] = 9
    drawn = drain(draw_view(content(labels)))
    assert drawn.n_drawn == 3
    drain(write_report(tmp_path / "a.html", content(labels)))
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "3 of 4 objects (1 too small to be seen here), in the colours" in page
    monkeypatch.setattr(view, "MOST", 2)
    monkeypatch.setattr(write, "MOST", 2)
    drain(write_report(tmp_path / "b.html", content(labels)))
    assert "The 2 largest of 4 objects" in (tmp_path / "b.html").read_text("utf-8")


def test_a_view_needs_a_spacing():
    with pytest.raises(LookupError, match="not known"):
        drain(draw_view(content(boxes(None))))


# ------------------------------------------------------------------ the numbers


def test_statistics_by_hand():
    columns = {
        "index": np.array([1, 2, 3]),
        "volume_um3": np.array([1.0, 2.0, 6.0]),
        "tortuosity": np.array([1.5, np.nan, np.nan]),
        "nearest_distance_nm": np.array([np.nan, np.nan, np.nan]),
        "centroid_z_nm": np.zeros(3),
        "z_start": np.zeros(3, int),
        "touches_border": np.array([True, False, True]),
    }
    found = statistics(MeasurementTable(columns, SPACING))
    assert list(found) == ["volume_um3", "tortuosity"]
    n, mean, deviation, least, low, median, high, most = found["volume_um3"]
    assert (n, mean, least, median, most) == (3, 3, 1, 2, 6)
    assert deviation == pytest.approx(7**0.5)  # ((4 + 1 + 9) / 2)
    assert (low, high) == (pytest.approx(1.1), pytest.approx(5.6))
    assert found["tortuosity"][0] == 1
    assert np.isnan(found["tortuosity"][2])


def test_columns_without_differences_are_not_drawn():
    columns = {
        "index": np.arange(3),
        "sphericity": np.array([0.5, 0.6, np.nan]),
        "volume_um3": np.ones(3),
        "elongation": np.array([1, 2, 3]),
    }
    table = MeasurementTable(columns, SPACING)
    assert shown_columns(table) == ["elongation", "sphericity"]


def test_voxels_are_drawn_where_there_is_no_volume():
    columns = {"index": np.arange(3), "n_voxels": np.array([1, 2, 3])}
    assert shown_columns(MeasurementTable(columns, None)) == ["n_voxels"]
    columns["volume_um3"] = columns["n_voxels"] / 10
    assert shown_columns(MeasurementTable(columns, SPACING)) == ["volume_um3"]
