"""The spacing that networks are trained at."""

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.volume import Spacing, Volume

FINEST_PIXEL = 8.0
"""nm; finer pixels cost time and say little more about mitochondria."""


def spacing_of(volume: Volume) -> Spacing:
    """Return the spacing of a volume.

    Parameters
    ----------
    volume : Volume
        The image.

    Returns
    -------
    tuple of float
        nm, ZYX.

    Raises
    ------
    InvalidParameterError
        If it has none.
    """
    if volume.spacing is None:
        msg = (
            f"{volume.name} states no spacing, and a model has to know what it was "
            "trained on. Give the spacing in nm as z,y,x, for example --spacing "
            "40,5.9,5.9."
        )
        raise InvalidParameterError(msg)
    return volume.spacing


def useful_spacing(volume: Volume) -> Spacing:
    """Return the spacing of a volume, in the plane no finer than is useful.

    Parameters
    ----------
    volume : Volume
        The image.

    Returns
    -------
    tuple of float
        nm, ZYX.

    Raises
    ------
    InvalidParameterError
        If it has none.
    """
    z, y, x = spacing_of(volume)
    return z, max(y, FINEST_PIXEL), max(x, FINEST_PIXEL)
