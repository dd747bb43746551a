"""The public EPFL CA1 stack, downloaded once when somebody asks for it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pooch
import requests
from numpy.typing import NDArray

from napari_mitoseg.errors import MitoSegError, ReadError
from napari_mitoseg.io.tiff import open_tiff
from napari_mitoseg.volume import Shape, Spacing, Volume

PAGE = "https://www.epfl.ch/labs/cvlab/data/data-em/"
FOLDER = (
    "https://documents.epfl.ch/groups/c/cv/cvlab-unit/www/data/"
    "%20ElectronMicroscopy_Hippocampus/"
)
CA1_SHAPE: Shape = (165, 768, 1024)
CA1_SPACING: Spacing = (5.0, 5.0, 5.0)  # nm


@dataclass(frozen=True)
class PublicFile:
    """A stack on a public server.

    Attributes
    ----------
    name : str
        File name, on the server and in the cache.
    shape : tuple of int
        Size along z, y, x that the file must have.
    """

    name: str
    shape: Shape


# EPFL publishes no checksums: the shape and type are checked instead.
CA1_IMAGE = PublicFile("training.tif", CA1_SHAPE)
CA1_TRUTH = PublicFile("training_groundtruth.tif", CA1_SHAPE)


def epfl_ca1() -> tuple[Volume, NDArray[np.uint8]]:
    """Return the EPFL hippocampus CA1 training stack and its truth.

    Both files (130 MB each) are downloaded into the user's cache on first use.

    Returns
    -------
    image : Volume
        FIB-SEM of mouse hippocampus, uint8, 165 x 768 x 1024 at 5 nm isotropic.
    mask : ndarray of uint8, shape (165, 768, 1024)
        1 in mitochondria, 0 elsewhere.

    Raises
    ------
    ReadError
        If a file cannot be downloaded, or is not the stack it should be.

    References
    ----------
    A. Lucchi, Y. Li, P. Fua, "Learning for structured prediction using approximate
    subgradient descent with working sets", CVPR 2013.
    """
    image, truth = _read_public(CA1_IMAGE), _read_public(CA1_TRUTH)
    mask = (truth > 0).astype(np.uint8)
    return Volume(image, CA1_SPACING, "epfl-ca1"), mask


def cache_folder() -> Path:
    """Return the folder that keeps downloaded samples."""
    return Path(pooch.os_cache("napari-mitoseg")) / "samples"


def check_response(response: requests.Response, **_: object) -> None:
    """Refuse to be led from an encrypted connection to a plain one.

    Parameters
    ----------
    response : requests.Response
        An answer of the server, be it the file or that it is elsewhere.
    **_ : object
        How it was asked for.

    Raises
    ------
    requests.ConnectionError
        If the answer, or where it leads, is not encrypted.
    """
    target = response.headers.get("location", "")
    if not response.url.startswith("https://") or target.startswith("http://"):
        msg = f"{target or response.url} is not encrypted"
        raise requests.ConnectionError(msg)


def _read_public(file: PublicFile) -> NDArray[np.uint8]:
    path = _fetch(file)
    try:
        stack, _ = open_tiff(path)
    except MitoSegError as error:
        raise ReadError(_damaged(path, f"is no readable TIFF: {error}")) from error
    # Known before anything is read: what was downloaded has no checksum.
    if stack.shape != file.shape or stack.dtype != np.uint8:
        found = f"holds {stack.dtype} of shape {stack.shape}"
        wanted = f"uint8 of shape {file.shape} is expected"
        raise ReadError(_damaged(path, f"{found}; {wanted}"))
    return np.asarray(stack)


def _fetch(file: PublicFile) -> Path:
    """Return the file in the cache, downloading it when it is not there."""
    folder = cache_folder()
    try:
        found = pooch.retrieve(
            FOLDER + file.name,
            known_hash=None,
            fname=f"epfl_ca1_{file.name}",
            path=folder,
            downloader=pooch.HTTPDownloader(hooks={"response": check_response}),
        )
    except (OSError, ValueError) as error:
        msg = (
            f"{file.name} of the EPFL CA1 stack could not be downloaded ({error}). "
            "Connect to the internet and try again, or download it by hand from "
            f"{PAGE} and save it as {folder / f'epfl_ca1_{file.name}'}."
        )
        raise ReadError(msg) from error
    return Path(found)


def _damaged(path: Path, finding: str) -> str:
    return (
        f"The downloaded {path} {finding}. Delete it and try again; it is then "
        "downloaded anew."
    )
