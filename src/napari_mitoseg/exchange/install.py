"""Install a model from a file or an address, and remove one."""

import json
import re
from pathlib import Path
from typing import Any

from napari_mitoseg.documents import parse_json
from napari_mitoseg.errors import (
    InvalidParameterError,
    ReadError,
    TrustError,
    WriteError,
)
from napari_mitoseg.exchange.bioimageio_model import Choice, find_rdf, read_package
from napari_mitoseg.exchange.candidate import Candidate
from napari_mitoseg.exchange.download import (
    check_file,
    check_sha256,
    download,
    is_address,
)
from napari_mitoseg.exchange.empanada import address_of, is_empanada, read_empanada
from napari_mitoseg.exchange.package import MOST_BYTES, Archive, Folder, Package
from napari_mitoseg.exchange.yaml_file import MOST_BYTES as MOST_YAML
from napari_mitoseg.exchange.yaml_file import read_yaml
from napari_mitoseg.jobs import Job, Progress
from napari_mitoseg.models.foreign.trust import PROGRAMS, is_trusted, trust
from napari_mitoseg.models.public import public_model, public_names
from napari_mitoseg.models.weights_file import write_files
from napari_mitoseg.models.zoo import (
    CARD_FILE,
    EMBEDDED,
    FOREIGN_FILES,
    WEIGHTS_FILE,
    ModelCard,
    find_model,
    list_models,
    models_folder,
)
from napari_mitoseg.params import Params, param
from napari_mitoseg.volume import Spacing

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)
YAML = {".yaml", ".yml"}
ZIP = b"PK\x03\x04"


class InstallSettings(Params):
    """How a model is installed."""

    name: str = param("", description="Name to choose it by; its own where empty.")
    sha256: str = param("", description="Checksum that the file must have.")
    weights: Choice = param(
        "auto",
        description="Which weights of a package: auto takes those of this program, "
        "then ONNX, then TorchScript.",
    )
    spacing: Spacing | None = param(
        None, description="Spacing of the training images, ZYX.", unit="nm"
    )
    outputs: str = param(
        "",
        description="What the channels are, where the package does not say it: "
        "semantic,boundary, with - for others.",
    )
    trust: bool = param(
        False,
        description="Agree to run a program from elsewhere, which TorchScript is.",
    )


class _Wanted(Exception):  # noqa: N818 - no failure: what has to be got first
    """A file at an address that a package needs."""

    def __init__(self, url: str, sha256: str) -> None:
        super().__init__(url)
        self.url, self.sha256 = url, sha256


def install_model(source: str, settings: InstallSettings) -> Job[ModelCard]:
    """Install a model for use by its name.

    Parameters
    ----------
    source : str
        File, folder, https address, or the name of a public model: a BioImage.IO
        package (``.zip``, a folder, ``rdf.yaml``), a model of this program (``.zip``
        or folder), a bare graph beside its JSON file, or a YAML file of empanada.
    settings : InstallSettings
        Name, and what the source does not say.

    Yields
    ------
    Progress
        While files are downloaded, then one per part.

    Returns
    -------
    ModelCard
        As installed.

    Raises
    ------
    DownloadError, ReadError, WeightsError, InvalidParameterError
        If the source cannot be got, is damaged, or needs what is not known here.
    TrustError
        If it is a program, and the user has not agreed to run it.
    WriteError
        If the model cannot be written.

    Notes
    -----
    Nothing is unpacked and no code of a package is run but TorchScript, once the user
    has agreed; the network is tried on a small image before anything is written.
    """
    check_sha256(settings.sha256)
    known: dict[str, Path] = {}
    candidate = yield from _read(source, settings, known)
    card = candidate.card
    name = settings.name or card.name
    folder = _free_folder(name)
    card = card.model_copy(update={"name": name})
    yield Progress(0, 2, f"Trying {name}")
    _check_trust(card, settings)
    Candidate(card, candidate.content).try_out(Path(source))
    yield Progress(1, 2, f"Installing {name}")
    text = json.dumps(card.model_dump(mode="json"), indent=2, ensure_ascii=False)
    weights = FOREIGN_FILES.get(card.architecture, WEIGHTS_FILE)
    if card.architecture in PROGRAMS:
        trust(models_folder(), card.sha256)
    files = {weights: candidate.content, CARD_FILE: f"{text}\n".encode()}
    write_files(folder, files)
    return card


def remove_model(name: str) -> Path:
    """Remove one of the user's models.

    Parameters
    ----------
    name : str
        Its name.

    Returns
    -------
    Path
        The folder it was in.

    Raises
    ------
    UnknownNameError
        If nothing has this name.
    InvalidParameterError
        If the model came with the program, or lies elsewhere.
    WriteError
        If the disk refuses.
    """
    folder = find_model(name)
    if not can_remove(folder):
        msg = (
            f"{name} came with the program or lies in a folder of its own ({folder}). "
            f"Models that were installed into {models_folder()} can be removed."
        )
        raise InvalidParameterError(msg)
    try:
        for file in (*FOREIGN_FILES.values(), WEIGHTS_FILE, CARD_FILE):
            (folder / file).unlink(missing_ok=True)
        if not any(folder.iterdir()):
            folder.rmdir()
    except OSError as error:
        msg = f"{folder} cannot be removed ({error}). Close what uses it."
        raise WriteError(msg) from error
    return folder


def can_remove(folder: Path) -> bool:
    """Say whether a model's folder is one of those that models are installed into."""
    return folder.parent == models_folder() and not folder.is_symlink()


def _read(
    source: str, settings: InstallSettings, known: dict[str, Path]
) -> Job[Candidate]:
    """Read a source, downloading what it needs."""
    public = public_model(source)
    if public is not None:
        path = yield from download(public.url, settings.sha256 or public.sha256)
        content = path.read_bytes()
        return public.candidate(Candidate, content)
    path = Path(source)
    if is_address(source):
        path = yield from download(source, settings.sha256)
    elif path.suffix not in YAML:
        # That of a YAML file is for the network at the address in it.
        check_file(path, settings.sha256)
    while True:
        yield Progress(0, 1, f"Reading {path.name}")
        try:
            return _candidate(path, settings, known)
        except _Wanted as wanted:
            got = yield from download(wanted.url, wanted.sha256)
            known[wanted.url] = got


def _candidate(
    path: Path, settings: InstallSettings, known: dict[str, Path]
) -> Candidate:
    """Read what a file or folder holds."""

    def fetch(url: str, sha256: str) -> bytes:
        if url not in known:
            raise _Wanted(url, sha256)
        return known[url].read_bytes()

    if not path.exists():
        raise ReadError(_missing(path))
    if path.is_dir():
        return _of_package(Folder(path), fetch, settings, path)
    if _begins(path, ZIP) and path.suffix not in {".pt", ".pth", ".onnx"}:
        return _of_package(Archive(path), fetch, settings, path)
    if path.suffix in YAML:
        return _of_yaml(path, fetch, settings)
    if path.suffix in {".json", ".onnx", ".pt", ".pth"}:
        return _of_graph(path)
    raise ReadError(_missing(path))


def _of_package(
    package: Package, fetch: Any, settings: InstallSettings, path: Path
) -> Candidate:
    if find_rdf(package.names):
        return read_package(
            package, fetch, settings.weights, settings.spacing, settings.outputs
        )
    cards = [n for n in package.names if n.rsplit("/", 1)[-1] == CARD_FILE]
    if len(cards) != 1:
        msg = (
            f"{path} holds neither a description (rdf.yaml) nor one {CARD_FILE}. Give "
            "a BioImage.IO package, or a model of this program."
        )
        raise ReadError(msg)
    card = package.read(cards[0], MOST_YAML)
    beside = cards[0].rpartition("/")[0]
    names = (*FOREIGN_FILES.values(), WEIGHTS_FILE)
    there = [
        n for n in package.names if n in {f"{beside}/{f}".lstrip("/") for f in names}
    ]
    if len(there) != 1:
        msg = f"{path} holds {len(there)} files of weights; one is expected."
        raise ReadError(msg)
    return Candidate.from_files(card, package.read(there[0]))


def _of_yaml(path: Path, fetch: Any, settings: InstallSettings) -> Candidate:
    """Read a description that lies beside its files, or says where they are."""
    beside = Folder(path.parent)
    content = read_yaml(beside.read(path.name, MOST_YAML), path.name)
    if not is_empanada(content):
        return read_package(
            _Named(beside, path.name),
            fetch,
            settings.weights,
            settings.spacing,
            settings.outputs,
        )
    address = address_of(content)
    if is_address(address):
        network = fetch(address, settings.sha256)
    else:
        network = beside.read(Path(address).name)
    return read_empanada(content, network, path.stem, settings.spacing)


class _Named:
    """A folder of which one file is the description, whatever its name."""

    def __init__(self, folder: Folder, name: str) -> None:
        self._folder, self._name = folder, name

    @property
    def names(self) -> tuple[str, ...]:
        return ("rdf.yaml", *self._folder.names)

    def read(self, name: str, most: int = MOST_BYTES) -> bytes:
        return self._folder.read(self._name if name == "rdf.yaml" else name, most)


def _of_graph(path: Path) -> Candidate:
    """Read a bare graph and the JSON file beside it."""
    beside = Folder(path.parent)
    if not path.with_suffix(".json").is_file():
        msg = (
            f"There is no {path.with_suffix('.json').name} beside {path}, which says "
            "how the graph is used. Put it there, or give a package (.zip)."
        )
        raise ReadError(msg)
    text = beside.read(path.with_suffix(".json").name, MOST_YAML)
    try:
        content = parse_json(text)
        card = ModelCard.parse(content["card"])
    except (ValueError, KeyError, TypeError) as error:
        msg = f"{path.with_suffix('.json')} describes no graph ({error})."
        raise ReadError(msg) from error
    ending = {"onnx": ".onnx", "torchscript": ".pt"}.get(card.architecture, "")
    name = path.with_suffix(ending).name if path.suffix == ".json" else path.name
    if (ending == ".onnx") != name.endswith(".onnx"):
        msg = (
            f"{path.with_suffix('.json')} describes a graph that ends in {ending}, not "
            f"{name}. Export the model again, under a name of its own."
        )
        raise ReadError(msg)
    return Candidate.from_files(card.model_dump_json().encode(), beside.read(name))


def _begins(path: Path, mark: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(mark)) == mark
    except OSError as error:
        msg = f"{path} cannot be read ({error})."
        raise ReadError(msg) from error


def _check_trust(card: ModelCard, settings: InstallSettings) -> None:
    agreed = settings.trust or is_trusted(models_folder(), card.sha256)
    if card.architecture in PROGRAMS and not agreed:
        msg = (
            f"{card.name} is TorchScript: a program, written by the author of the "
            "model, that this computer would run. If you trust its source, install it "
            "with --trust; ONNX weights need no trust."
        )
        raise TrustError(msg)


def _free_folder(name: str) -> Path:
    """Return the folder for a model of a name that no model has yet."""
    slug = re.sub(r"[^A-Za-z0-9_+-]+", "-", name).strip("-").lower()[:80]
    if not slug or _RESERVED.fullmatch(slug):
        msg = f"A model cannot be called {name!r}. Give it another name: --name."
        raise InvalidParameterError(msg)
    folder = models_folder() / slug
    taken = {card.name.casefold() for card in list_models()}
    folders = {path.name.casefold() for path in EMBEDDED.iterdir()}
    if name.casefold() in taken or folder.exists() or slug in folders:
        removal = f", or remove that one first (remove-model {name!r})"
        msg = (
            f"There is a model called {name!r} already. Give this one another name "
            f"(--name){removal if folder.exists() else ''}."
        )
        raise InvalidParameterError(msg)
    return folder


def _missing(path: Path) -> str:
    return (
        f"{str(path)!r} is no model. Give a BioImage.IO package (.zip or rdf.yaml), a "
        "model of this program (.zip or folder), a graph (.onnx or .pt) beside its "
        "JSON file, a YAML file of empanada, an https address of one of these, or a "
        f"public model: {', '.join(public_names())}."
    )
