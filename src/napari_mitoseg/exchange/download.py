"""Files from the internet: over TLS, checked, and continued where they broke off."""

import hashlib
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from napari_mitoseg import __version__, user_folders
from napari_mitoseg.errors import DownloadError, InvalidParameterError, ReadError
from napari_mitoseg.exchange.package import MOST_BYTES
from napari_mitoseg.jobs import Job, Progress

SCHEMES = ("https",)
PIECE = 2**18
TIMEOUT_S = (20, 60)
"""To connect, and between two pieces."""

PARTIAL = 206


def cache_folder() -> Path:
    """Return the folder that keeps downloads, whole ones and parts."""
    return user_folders.cache_folder("models")


def is_address(source: str) -> bool:
    """Say whether something is an address, not a file."""
    return "://" in source


def download(url: str, sha256: str = "", most: int = MOST_BYTES) -> Job[Path]:
    """Download a file into the cache, unless it is there.

    Parameters
    ----------
    url : str
        Address; only https.
    sha256 : str
        Checksum that the file must have; any where empty.
    most : int
        Bytes that it may have.

    Yields
    ------
    Progress
        One per piece, in kilobytes.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DownloadError
        If there is no connection, the server refuses, or the file is too large or
        another one.  What has come so far is kept, and continued the next time.

    Notes
    -----
    Certificates are always verified, and a server cannot lead on to an address
    without TLS.  Without a checksum a file in the cache is taken as it is.
    """
    check_address(url)
    target = cache_folder() / _file_name(url)
    yield Progress(0, 1, f"Downloading {_shown(url)}")
    if target.is_file() and (not sha256 or _checksum(target) == sha256.lower()):
        return target
    part = target.with_name(f"{target.name}.part")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        yield from _fetch(url, part, most)
        _check(part, sha256, url)
        part.replace(target)
    except requests.exceptions.RequestException as error:
        reason = _reason(error, url)
        msg = (
            f"{_shown(url)} could not be downloaded ({reason}). Connect to the "
            "internet and try again: what has come is kept. Or download it by hand "
            f"from {url} and install the file."
        )
        raise DownloadError(msg) from error
    except OSError as error:
        if isinstance(error, DownloadError):
            raise
        msg = f"{part} cannot be written ({error}). Free some space and try again."
        raise DownloadError(msg) from error
    return target


def check_address(url: str) -> None:
    """Refuse an address that is not encrypted.

    Parameters
    ----------
    url : str
        Address.

    Raises
    ------
    DownloadError
        If it does not begin with https.
    """
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES or not parts.hostname:
        msg = (
            f"{url!r} is no address that files are downloaded from. Give one that "
            "begins with https://, or a file."
        )
        raise DownloadError(msg)


def check_sha256(sha256: str) -> None:
    """Refuse a text that cannot be a checksum, before anything is downloaded.

    Parameters
    ----------
    sha256 : str
        As the user gave it; empty for none.

    Raises
    ------
    InvalidParameterError
        If it has not 64 hexadecimal digits.
    """
    if sha256 and not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        msg = f"The sha256 is {sha256!r}. Give all of its 64 digits, 0 to 9 and a to f."
        raise InvalidParameterError(msg)


def check_file(path: Path, sha256: str) -> None:
    """Refuse a file that has another checksum than it should.

    Parameters
    ----------
    path : Path
        The file.
    sha256 : str
        Its checksum; any where empty.

    Raises
    ------
    ReadError
        If it is another file, or none.
    """
    if not sha256:
        return
    try:
        found = _checksum(path)
    except OSError as error:
        msg = f"{path} has no sha256 that could be compared ({error.strerror})."
        raise ReadError(msg) from error
    if found != sha256.lower():
        msg = (
            f"{path} is another file than expected: its sha256 is {found}, expected is "
            f"{sha256}. Get it again; if it stays so, do not use it."
        )
        raise ReadError(msg)


def _fetch(url: str, part: Path, most: int) -> Job[None]:
    """Write what is missing of a file behind what is there."""
    done = part.stat().st_size if part.exists() else 0
    with _answer(url, done) as answer:
        continues = done > 0 and answer.status_code == PARTIAL
        done = done if continues else 0
        total = done + int(answer.headers.get("Content-Length") or 0)
        with part.open("ab" if continues else "wb") as file:
            for piece in answer.iter_content(PIECE):
                done += len(piece)
                if max(done, total) > most:
                    msg = f"{url} has {max(done, total)} bytes, more than {most}."
                    raise DownloadError(msg)
                file.write(piece)
                kilobytes = max(total, done) // 1000
                yield Progress(done // 1000, kilobytes, f"Downloading {_shown(url)}")
        if total and done < total:
            msg = f"it broke off after {done} of {total} bytes"
            raise requests.exceptions.ConnectionError(msg)


def _answer(url: str, done: int) -> Any:
    """Ask for a file, or for what is missing of it."""
    headers = {
        "User-Agent": f"napari-mitoseg/{__version__}",
        "Accept-Encoding": "identity",
    }
    if done:
        headers["Range"] = f"bytes={done}-"
    session = requests.Session()
    answer = session.get(
        url, headers=headers, stream=True, timeout=TIMEOUT_S, verify=True
    )
    for step in (*answer.history, answer):
        check_address(step.url)
    if answer.status_code == requests.codes.requested_range_not_satisfiable:
        # All of it is there, or it is another file now: begin anew.
        headers.pop("Range")
        answer = session.get(
            url, headers=headers, stream=True, timeout=TIMEOUT_S, verify=True
        )
    answer.raise_for_status()
    return answer


def _reason(error: requests.exceptions.RequestException, url: str) -> str:
    """Return why there was no answer, in words where that is plain."""
    known = requests.exceptions
    is_other = isinstance(error, known.SSLError | known.ProxyError)
    if isinstance(error, known.ConnectionError) and error.request and not is_other:
        return f"no connection to {urlsplit(url).hostname}"
    return " ".join(str(error).split())[:200]


def _check(part: Path, sha256: str, url: str) -> None:
    found = _checksum(part)
    if sha256 and found != sha256.lower():
        part.unlink()
        msg = (
            f"{url} is another file than expected: its sha256 is {found}, expected is "
            f"{sha256}. It was not kept. Try again; if it stays so, do not use it."
        )
        raise DownloadError(msg)


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _file_name(url: str) -> str:
    """Return a name in the cache: of the address, and what the file is called there."""
    parts = [part for part in urlsplit(url).path.split("/") if part]
    names = [part for part in parts if "." in part]
    last = (names or parts or ["file"])[-1]
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", last).strip(".-")[-80:] or "file"
    return f"{hashlib.sha256(url.encode()).hexdigest()[:16]}-{safe}"


def _shown(url: str) -> str:
    return _file_name(url).partition("-")[2]
