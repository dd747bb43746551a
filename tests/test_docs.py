import re
import runpy
import shlex
from pathlib import Path

import pytest

from napari_mitoseg.cli import app

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def page_id(path):
    return path.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def generated():
    with pytest.MonkeyPatch.context() as patch:
        # Under "python -m pytest", usage lines would name that.
        patch.setattr("sys.argv", ["generate.py"])
        return runpy.run_path(str(ROOT / "docs/generate.py"))["pages"]()


def test_reference_pages_say_what_the_code_says(generated):
    for name, text in generated.items():
        there = (ROOT / "docs/reference" / name).read_text("utf-8")
        assert there == text, f"{name} is out of date: run python docs/generate.py"


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8"))

    for link in links:
        if "://" not in link:
            assert (page.parent / link).exists(), link


def commands():
    """List every napari-mitoseg command that stands in a code block."""
    for page in PAGES:
        for block in re.findall(r"```\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
            for line in block.splitlines():
                if line.startswith("napari-mitoseg "):
                    yield pytest.param(line, id=f"{page_id(page)}: {line}")


@pytest.mark.parametrize("line", list(commands()))
def test_commands_in_the_docs_exist(line):
    app.parse_args(shlex.split(line)[1:], exit_on_error=False, print_error=False)
