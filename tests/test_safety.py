"""What no line of the program does, whatever it reads."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import napari_mitoseg

SOURCES = sorted(Path(napari_mitoseg.__file__).parent.rglob("*.py"))

SAFE_WITH = {"torch.load": ("weights_only", True)}
"""Calls that unpickle unless they are told not to."""

UNSAFE_WITH = {"allow_pickle": True, "verify": False}
"""Keywords that no call may have with this value, or one that is not known here."""

NEVER = {
    "eval",
    "exec",
    "compile",
    "os.system",
    "os.popen",
    "pickle.load",
    "pickle.loads",
    "pickle.Unpickler",
    "marshal.loads",
    "shelve.open",
    "yaml.load",
    "yaml.unsafe_load",
    "joblib.load",
    "shutil.unpack_archive",
    "pd.read_pickle",
}


def calls(source: str) -> Iterator[tuple[str, dict[str, ast.expr]]]:
    """Iterate over the names that are called, and their keywords."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            keywords = {k.arg: k.value for k in node.keywords if k.arg}
            yield ast.unparse(node.func), keywords


def findings(source: str) -> list[str]:
    found = []
    for name, keywords in calls(source):
        if name in SAFE_WITH:
            keyword, wanted = SAFE_WITH[name]
            value = keywords.get(keyword)
            if not isinstance(value, ast.Constant) or value.value is not wanted:
                found.append(f"{name} without {keyword}={wanted}")
        for keyword, unsafe in UNSAFE_WITH.items():
            value = keywords.get(keyword, ast.Constant(not unsafe))
            if not isinstance(value, ast.Constant) or value.value is unsafe:
                found.append(f"{name} with {keyword}={ast.unparse(value)}")
        if name in NEVER:
            found.append(name)
    return found


def test_nothing_is_unpickled_or_run() -> None:
    found = {path: findings(path.read_text(encoding="utf-8")) for path in SOURCES}
    assert {path: lines for path, lines in found.items() if lines} == {}
    assert len(found) > 300


@pytest.mark.parametrize(
    "line",
    [
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=chosen)",
        "pickle.loads(content)",
        "eval(text)",
        "requests.get(url, verify=False)",
    ],
)
def test_the_search_finds_what_it_looks_for(line: str) -> None:
    assert len(findings(line)) == 1
