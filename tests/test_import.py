import subprocess
import sys

import pytest

import napari_mitoseg

HEAVY = {
    "torch",
    "napari",
    "qtpy",
    "PyQt6",
    "PySide6",
    "magicgui",
    "superqt",
    "skimage",
}


def modules_after(statement: str) -> set[str]:
    """Return the top-level modules loaded in a fresh interpreter."""
    listing = "import sys; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{listing}"],
        check=True,
        capture_output=True,
        text=True,
    )
    return set(done.stdout.split())


def test_importing_the_package_loads_neither_torch_nor_qt():
    loaded = modules_after("import napari_mitoseg")

    assert "napari_mitoseg" in loaded
    assert not loaded & HEAVY


def test_reading_the_version_and_listing_names_loads_nothing_heavy():
    loaded = modules_after("import napari_mitoseg as m; m.__version__; dir(m)")

    assert not loaded & HEAVY


def test_the_probe_sees_torch_once_a_name_needs_it():
    loaded = modules_after("from napari_mitoseg import predict_maps")

    assert "torch" in loaded
    assert not loaded & (HEAVY - {"torch", "skimage"})


@pytest.mark.parametrize("name", napari_mitoseg.__all__)
def test_every_public_name_exists_where_the_table_says(name):
    assert getattr(napari_mitoseg, name) is not None
    assert name in dir(napari_mitoseg)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'segmnt'"):
        napari_mitoseg.segmnt  # noqa: B018 - the access is what is tested
