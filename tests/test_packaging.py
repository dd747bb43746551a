import ast
import re
import sys
import tomllib
from importlib.metadata import entry_points, packages_distributions
from importlib.resources import files
from pathlib import Path
from zipfile import ZipFile

import pytest
from hatchling.builders.wheel import WheelBuilder
from npe2 import PluginManifest

import napari_mitoseg

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src/napari_mitoseg"
MANIFEST = "src/napari_mitoseg/napari.yaml"
WEIGHTS = "src/napari_mitoseg/models/weights"


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the wheel, as a release would, and open it."""
    builder = WheelBuilder(str(ROOT))
    (path,) = builder.build(directory=str(tmp_path_factory.mktemp("wheel")))
    with ZipFile(path) as archive:
        yield archive


def names(requirements):
    """Return the distributions of a list of requirements."""
    return {re.split(r"[\[<>=!~; ]", text)[0].lower() for text in requirements}


def test_the_manifest_is_package_data_and_valid():
    manifest = PluginManifest.from_file(str(files("napari_mitoseg") / "napari.yaml"))

    assert manifest.name == "napari-mitoseg"


def test_the_root_shows_the_manifest_of_the_package():
    assert (ROOT / "napari.yaml").resolve() == (ROOT / MANIFEST).resolve()


def test_napari_finds_the_plugin():
    (entry,) = [e for e in entry_points(group="napari.manifest") if "mitoseg" in e.name]

    assert entry.value == "napari_mitoseg:napari.yaml"


def test_the_wheel_holds_what_is_read_at_run_time(wheel):
    assert {"napari_mitoseg/napari.yaml", "napari_mitoseg/py.typed"} <= set(
        wheel.namelist()
    )
    weights = {path.name for path in (ROOT / WEIGHTS).iterdir()}
    assert weights == {
        name.split("/")[3] for name in wheel.namelist() if "/weights/" in name
    }


def test_the_wheel_holds_nothing_but_the_package(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}

    version = napari_mitoseg.__version__
    assert tops == {"napari_mitoseg", f"napari_mitoseg-{version}.dist-info"}


def test_the_wheel_stays_small(wheel):
    assert Path(wheel.filename).stat().st_size < 15e6


def test_the_installed_command_starts_the_command_line(wheel):
    version = napari_mitoseg.__version__
    table = wheel.read(f"napari_mitoseg-{version}.dist-info/entry_points.txt").decode()

    assert "napari-mitoseg = napari_mitoseg.cli:main" in table


def imported(folder, *, gui):
    """Return the top-level modules that the core, or the panels, import anywhere."""
    found = set()
    for path in folder.rglob("*.py"):
        if ("_napari" in path.parts) == gui:
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Import):
                    found |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom):
                    found.add(node.module.split(".")[0])
    return found - sys.stdlib_module_names - {"napari_mitoseg"}


def test_the_core_declares_exactly_what_it_imports(project):
    homes = packages_distributions()
    imports = imported(SOURCE, gui=False)
    needed = {homes[top][0].lower().replace("_", "-") for top in imports}

    declared = names(project["project"]["dependencies"])
    extras = project["project"]["optional-dependencies"]
    assert needed == declared | names(extras["onnx"])


def test_the_panels_declare_what_they_import(project):
    homes = packages_distributions()
    needed = {homes[top][0].lower() for top in imported(SOURCE, gui=True)}

    extras = project["project"]["optional-dependencies"]["gui"]
    declared = names(project["project"]["dependencies"] + extras)
    # annotated-types are the bounds in pydantic's fields.
    assert needed - {"annotated-types"} <= declared


def test_the_core_depends_on_neither_napari_nor_qt(project):
    base = names(project["project"]["dependencies"])

    assert not base & {"napari", "magicgui", "qtpy", "superqt", "pyqt6", "pyside6"}
    assert "torchvision" not in base


def test_citation_and_changelog_name_this_version():
    version = re.escape(napari_mitoseg.__version__)

    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    assert re.search(rf"^version: {version}$", citation, re.MULTILINE)
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.search(rf"^## \[{version}\]", changelog, re.MULTILINE)


def test_every_tool_version_is_pinned(project):
    extras = project["project"]["optional-dependencies"]
    asked = names(project["project"]["dependencies"] + extras["test"] + extras["dev"])
    pinned = names((ROOT / "constraints.txt").read_text("utf-8").splitlines())

    normal = {name.replace("_", "-") for name in pinned}
    assert asked - {"napari-mitoseg"} <= normal
