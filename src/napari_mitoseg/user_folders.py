"""Where things of the user's are kept that belong to no image."""

import os
from pathlib import Path

import platformdirs

PROGRAM = "napari-mitoseg"


def data_folder(variable: str, *names: str) -> Path:
    """Return a folder for data of the user's.

    Parameters
    ----------
    variable : str
        Name of the environment variable that moves it.
    *names : str
        Path within the platform's folder for user data, where the variable is not set.

    Returns
    -------
    Path
        The folder; it may not exist yet.
    """
    given = os.environ.get(variable)
    if given:
        return Path(given)
    return platformdirs.user_data_path(PROGRAM).joinpath(*names)


def cache_folder(*names: str) -> Path:
    """Return a folder for what can be downloaded again, within the platform's."""
    return platformdirs.user_cache_path(PROGRAM).joinpath(*names)
