"""Where the user's things lie, and how that is changed."""

from pathlib import Path

import platformdirs
import pytest

from napari_mitoseg.user_folders import cache_folder, data_folder


def test_the_variable_gives_the_folder_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MITOSEG_RUNS", str(tmp_path))
    assert data_folder("MITOSEG_RUNS", "runs") == tmp_path


@pytest.mark.parametrize("given", [None, ""])
def test_else_it_is_in_the_platforms_folder(
    monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    if given is None:
        monkeypatch.delenv("MITOSEG_RUNS", raising=False)
    else:
        monkeypatch.setenv("MITOSEG_RUNS", given)
    base = platformdirs.user_data_path("napari-mitoseg")
    assert data_folder("MITOSEG_RUNS", "runs") == base / "runs"
    assert data_folder("MITOSEG_RUNS") == base


def test_downloads_are_kept_elsewhere() -> None:
    base = platformdirs.user_cache_path("napari-mitoseg")
    assert cache_folder("models") == base / "models"
