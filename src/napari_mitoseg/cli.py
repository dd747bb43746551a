"""The command line: the same jobs as in napari, without a screen.

Exit status 0 only when everything asked for was written.  Bad input ends with status
2 and one line that says what was given, what is allowed and what to do.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from cyclopts import App, CycloptsError, Parameter
from rich import progress as bars
from rich.console import Console

from napari_mitoseg import __version__
from napari_mitoseg.annotation.proposal import listed_slices
from napari_mitoseg.errors import InvalidParameterError, MitoSegError
from napari_mitoseg.inference.settings import DeviceName
from napari_mitoseg.jobs import Job, Progress, drain
from napari_mitoseg.preprocessing import Restore
from napari_mitoseg.recipe import Recipe
from napari_mitoseg.volume import Spacing, Volume, as_spacing

if TYPE_CHECKING:
    from napari_mitoseg.annotation.encoding import Annotation
    from napari_mitoseg.evaluation.scores import Evaluation, Figure
    from napari_mitoseg.training.dense_data import LabelledVolume
    from napari_mitoseg.training.sparse_report import SparseResult

BAD_INPUT = 2
INTERRUPTED = 130

Answer = TypeVar("Answer")

app = App(
    name="napari-mitoseg",
    help="Mitochondria in electron microscopy: segment, count, measure.",
    version=__version__,
    result_action="return_value",
)

SpacingText = Annotated[
    str | None,
    Parameter(
        name="--spacing",
        help="Distance between voxels in nm as Z,Y,X (40,5.9,5.9); overrides the "
        "file's.",
    ),
]


def main(tokens: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    Parameters
    ----------
    tokens : sequence of str, optional
        Arguments; those of the process when absent.
    """
    given = sys.argv[1:] if tokens is None else tokens
    try:
        app(given, exit_on_error=False, print_error=False)
    except (CycloptsError, MitoSegError) as error:
        _say(f"napari-mitoseg: {' '.join(str(error).split())}")
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        _say(
            "napari-mitoseg: interrupted; no result was written. A training can be "
            "continued with --resume."
        )
        sys.exit(INTERRUPTED)


@app.command
def segment(  # noqa: PLR0913 - the options of the command
    image: Annotated[Path, Parameter(name="INPUT")],
    /,
    *,
    out: Path,
    model: str | None = None,
    recipe: Path | None = None,
    spacing: SpacingText = None,
    device: DeviceName | None = None,
    augmentation: Literal[1, 4, 8] | None = None,
    format: Literal["tiff", "zarr"] = "tiff",  # noqa: A002 - the option's name
    channel: int | None = None,
    time: int | None = None,
) -> None:
    """Segment a stack into semantic, boundary and instance labels.

    Parameters
    ----------
    image : Path
        TIFF stack, folder of numbered images, or OME-Zarr.
    out : Path
        Folder for the results; made if absent.
    model : str, optional
        Name or folder of a model; overrides the recipe's.
    recipe : Path, optional
        Recipe to replay; the default recipe when absent.
    spacing : str, optional
        Distance between voxels in nm as Z,Y,X; overrides the file's.
    device : {"auto", "cpu", "cuda", "mps"}, optional
        Where the network runs; overrides the recipe's.
    augmentation : {1, 4, 8}, optional
        Flipped and turned views averaged; overrides the recipe's.
    format : {"tiff", "zarr"}
        Write TIFF stacks, or one OME-Zarr with image labels.
    channel : int, optional
        Which channel to segment, where the file has several.
    time : int, optional
        Which time point to segment, where the file has several.
    """
    from napari_mitoseg.io.read import read_volume
    from napari_mitoseg.outputs import write_result
    from napari_mitoseg.pipeline import run_recipe

    chosen = Recipe.load(recipe) if recipe else Recipe()
    chosen = chosen.with_overrides(model, device, augmentation)
    volume = read_volume(
        image, spacing=parse_spacing(spacing), channel=channel, time=time
    )
    result = _run(run_recipe(volume, chosen))
    _run(write_result(result, out, format))
    found = int(result.segmentation.labels.max(initial=0))
    _tell(f"{found} mitochondria in {volume.name}, written to {out}")
    for note in result.notes:
        _tell(note)


@app.command
def train(  # noqa: PLR0913 - the options of the command
    image: Path,
    labels: Path,
    /,
    *,
    out: Path,
    model: str | None = None,
    more: Annotated[
        list[tuple[Path, Path]] | None, Parameter(name="--more", negative="")
    ] = None,
    config: str = "{}",
    start: str = "scratch",
    minutes: float = 10.0,
    steps: int = 0,
    validation: float = 0.2,
    validation_slices: str = "",
    augmentation: str = "light",
    kind: Annotated[
        Literal["auto", "semantic", "instances"], Parameter(name="--labels")
    ] = "auto",
    spacing: SpacingText = None,
    model_spacing: str | None = None,
    seed: int = 0,
    device: DeviceName = "auto",
    resume: bool = False,
) -> None:
    """Train any network on completely labelled stacks.

    Parameters
    ----------
    image : Path
        TIFF stack, folder of numbered images, or OME-Zarr.
    labels : Path
        Of the same shape: 0 background, mitochondria above 0, as one mask or one number
        each; below 0 is unlabelled.
    out : Path
        Folder for the model, usable wherever a model name is.
    model : str, optional
        Network, such as fast, unet2d or resunet-r (a wrong name lists all); that of the
        start when absent.
    more : list of tuple of Path, optional
        IMAGE LABELS of another volume; may be given several times.
    config : str
        Settings of the network where they are not its defaults, as JSON.
    start : str
        What training starts from: scratch, the name of a model, or its folder.
    minutes : float
        Time for training, earlier parts of a resumed one counted in.
    steps : int
        Steps to make whatever time they take; 0 for as many as there is time for.
    validation : float
        Share of the slices, at the end of each volume, that is kept back to choose the
        best weights by and to score them; 0 for none.
    validation_slices : str
        Slices of each volume to keep back in their place, such as 0-9,40-49.
    augmentation : str
        light: for stacks like those that are labelled; strong: for other tissue and
        microscopes; challenge: the eleven of the MitoEM challenge; none; or a JSON file
        such as [{"step": "rotation", "probability": 0.5}, {"step": "flip"}].
    kind : {"auto", "semantic", "instances"}
        What labels hold; auto: a mask where one number occurs beside 0.
    spacing : str, optional
        Distance between voxels in nm as Z,Y,X; overrides that of every file.
    model_spacing : str, optional
        Spacing the network works at; that of its start, or of the first volume, in the
        plane at least 8 nm.
    seed : int
        Seed of all chance.
    device : {"auto", "cpu", "cuda", "mps"}
        Where to train.
    resume : bool
        Go on with an interrupted training in OUT; minutes and steps may be others.
    """
    from napari_mitoseg.training.dense import train_dense
    from napari_mitoseg.training.dense_settings import DenseSettings

    settings = DenseSettings.parse(
        {
            "architecture": model or "",
            "config": _as_json(config, "--config", '{"widths": [16, 32, 64]}'),
            "start": start,
            "minutes": minutes,
            "steps": steps,
            "validation": validation,
            "validation_slices": parse_slices(validation_slices),
            **_read_augmentation(augmentation),
            "labels": kind,
            "spacing": parse_spacing(model_spacing, "--model-spacing"),
            "seed": seed,
            "device": device,
        }
    )
    pairs = [
        _read_labelled(grey, truth, spacing)
        for grey, truth in [(image, labels), *(more or [])]
    ]
    result = _run(train_dense(pairs, settings, folder=out, resume=resume))
    scores = "".join(f", IoU {s.value:.3f} on {s.data}" for s in result.scores)
    _tell(f"Model written to {result.folder} after {result.steps} steps{scores}")


@app.command
def train_sparse(  # noqa: PLR0913 - the options of the command
    image: Path,
    annotation: Path,
    /,
    *,
    out: Path,
    start: str = "fast",
    preset: Literal["fast", "paper"] = "fast",
    spacing: SpacingText = None,
    minutes: float | None = None,
    seed: int = 0,
    device: DeviceName = "auto",
    resume: bool = False,
) -> None:
    """Train on a few labelled slices and segment the whole stack.

    Parameters
    ----------
    image : Path
        TIFF stack, folder of numbered images, or OME-Zarr.
    annotation : Path
        Of the same shape: 0 unlabelled, 1 background, 2 mitochondrion; at least one
        slice labelled completely.
    out : Path
        Folder for the model, usable wherever a model name is, and for its prediction.
    start : str
        What training starts from: scratch, the name of a model, or its folder.
    preset : {"fast", "paper"}
        fast: minutes on a laptop; paper: the published method, for a GPU.
    spacing : str, optional
        Distance between voxels in nm as Z,Y,X; overrides the file's.
    minutes : float, optional
        Time for training and predicting; the preset's own length when absent.
    seed : int
        Seed of all chance.
    device : {"auto", "cpu", "cuda", "mps"}
        Where to train.
    resume : bool
        Go on with an interrupted training in OUT.
    """
    from napari_mitoseg.training import sparse
    from napari_mitoseg.training.sparse_settings import SparseSettings

    settings = SparseSettings.parse(
        {
            "preset": preset,
            "minutes": minutes,
            "start": start,
            "seed": seed,
            "device": device,
        }
    )
    volume, painted = _read_painted(image, annotation, spacing)
    job = sparse.train_sparse(volume, painted, settings, folder=out, resume=resume)
    _write_trained(_run(job), volume.spacing)


@app.command
def fine_tune(  # noqa: PLR0913 - the options of the command
    image: Path,
    annotation: Path,
    /,
    *,
    model: str,
    out: Path,
    spacing: SpacingText = None,
    minutes: float | None = None,
    seed: int = 0,
    device: DeviceName = "auto",
    resume: bool = False,
) -> None:
    """Train a model further on labelled pixels and segment the whole stack.

    Parameters
    ----------
    image : Path
        TIFF stack, folder of numbered images, or OME-Zarr.
    annotation : Path
        Of the same shape: 0 unlabelled, 1 background, 2 mitochondrion; slices may be
        labelled in part.
    model : str
        Name or folder of the model to start from.
    out : Path
        Folder for the new model and its prediction.
    spacing : str, optional
        Distance between voxels in nm as Z,Y,X; overrides the file's.
    minutes : float, optional
        Time for training and predicting; 6 when absent.
    seed : int
        Seed of all chance.
    device : {"auto", "cpu", "cuda", "mps"}
        Where to train.
    resume : bool
        Go on with an interrupted training in OUT.
    """
    from napari_mitoseg.training import sparse
    from napari_mitoseg.training.sparse_settings import SparseSettings

    settings = SparseSettings.parse(
        {"minutes": minutes, "seed": seed, "device": device}
    )
    volume, painted = _read_painted(image, annotation, spacing)
    job = sparse.fine_tune(
        volume, painted, settings, model=model, folder=out, resume=resume
    )
    _write_trained(_run(job), volume.spacing)


@app.command
def evaluate(
    prediction: Path,
    truth: Path,
    /,
    *,
    instances: bool = False,
    probability: Path | None = None,
    errors: Path | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Compare a segmentation with the truth and print every score.

    Parameters
    ----------
    prediction : Path
        Labels or mask: TIFF, folder of images or OME-Zarr.
    truth : Path
        Labels or mask of the same shape.
    instances : bool
        Also match instances one by one: AP-75, F1, PQ, splits, merges.
    probability : Path, optional
        Probabilities of the prediction: AP then takes instances in the order of their
        mean probability, not of their size. Implies ``--instances``.
    errors : Path, optional
        Folder for errors.tif (1 matched, 2 missed, 3 spurious, 4 split, 5 merged),
        errors.csv (one row an object) and scores.json. Implies ``--instances``.
    as_json : bool
        Print one JSON object instead of lines.
    """
    from napari_mitoseg.evaluation import compare_labels
    from napari_mitoseg.io.read import read_labels, read_volume

    found, true = read_labels(prediction), read_labels(truth)
    sure = read_volume(probability) if probability else None
    with_instances = instances or bool(probability or errors)
    job = compare_labels(
        found, true, instances=with_instances, probability=sure, paint=bool(errors)
    )
    evaluation = _run(job)
    if errors:
        _write_errors(evaluation, errors, found.spacing or true.spacing)
    _tell_scores(evaluation.scores.by_name(), as_json=as_json)


@app.command
def models() -> None:
    """List the models with spacing, scores, licence, citation and their weights."""
    from napari_mitoseg.models.zoo import find_model, list_models

    for card in list_models():
        _tell(f"{card.name}  ({card.architecture})")
        _tell(f"  spacing   {', '.join(f'{v:g}' for v in card.spacing)} nm (z, y, x)")
        for score in card.scores:
            _tell(f"  score     {score.measure} {score.value:.3f} on {score.data}")
        _tell(f"  licence   {card.licence}")
        for cited in card.citation:
            _tell(f"  cite      {cited}")
        _tell(f"  weights   {find_model(card.name)}")


@app.command
def train_interpolation(
    image: Path,
    /,
    *,
    out: Path,
    minutes: float = 4.0,
    skip: str = "",
    reach: int = 10,
    seed: int = 0,
    device: DeviceName = "auto",
    resume: bool = False,
) -> None:
    """Learn to give each slice of a stack from its neighbours, to restore noisy ones.

    Parameters
    ----------
    image : Path
        TIFF stack, folder of numbered images, or OME-Zarr; no labels are needed.
    out : Path
        Folder for the network, which noisy-slices and restore are given.
    minutes : float
        Time for training.
    skip : str
        Slices known to be bad, as in 3,7-9.
    reach : int
        Pixels that neighbouring slices may be shifted by.
    seed : int
        Seed of all chance.
    device : {"auto", "cpu", "cuda", "mps"}
        Where to train.
    resume : bool
        Go on with an interrupted training in OUT.
    """
    from napari_mitoseg.io.read import read_volume
    from napari_mitoseg.models.interpolation import InterpolationConfig
    from napari_mitoseg.training import interpolation
    from napari_mitoseg.training.interpolation_settings import InterpolationSettings

    given = {"minutes": minutes, "seed": seed, "device": device}
    volume = read_volume(image)
    job = interpolation.train_interpolation(
        volume,
        InterpolationSettings.parse(given),
        folder=out,
        config=InterpolationConfig.parse({"reach": reach}),
        skipped=listed_slices(skip, volume.shape[0]),
        resume=resume,
    )
    card = _run(job).card
    _tell(
        f"Network written to {out}: {card.psnr:.2f} dB, the mean of the neighbours "
        f"{card.psnr_of_mean:.2f} dB, on the patches of the last steps"
    )


@app.command
def noisy_slices(
    image: Path,
    /,
    *,
    model: Path,
    threshold: float = 5.0,
    device: DeviceName = "auto",
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Propose slices and regions to restore, by how badly they can be interpolated.

    Parameters
    ----------
    image : Path
        The stack the network was trained on.
    model : Path
        Folder that train-interpolation wrote.
    threshold : float
        Robust deviations above the usual error: lower proposes more.
    device : {"auto", "cpu", "cuda", "mps"}
        Where the network runs.
    as_json : bool
        Print the step restore with these marks, for the preprocessing of a recipe.
    """
    from napari_mitoseg.inference import noisy_slices as detector
    from napari_mitoseg.inference.interpolation import load_interpolator
    from napari_mitoseg.io.read import read_volume

    settings = detector.DetectorSettings.parse({"threshold": threshold})
    interpolate = load_interpolator(model, device)
    found = _run(detector.find_noisy_slices(read_volume(image), interpolate, settings))
    if as_json:
        boxes = [(one.z, *box) for one in found for box in one.boxes]
        whole = [one.z for one in found if not one.boxes]
        _tell(Restore(model=str(model), slices=whole, boxes=boxes).model_dump_json())
        return
    for one in found:
        places = "".join(f"  y {a}–{c}, x {b}–{d}" for a, b, c, d in one.boxes)
        _tell(f"slice {one.z:4d}  score {one.score:8.1f}  {one.reason}{places}")
    _tell(f"Slices proposed: {len(found)}")


@app.command
def restore(
    image: Path,
    /,
    *,
    model: Path,
    out: Path,
    slices: str = "",
    box: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    spacing: SpacingText = None,
    device: DeviceName = "auto",
) -> None:
    """Replace noisy slices and regions by what their neighbours say they are.

    Parameters
    ----------
    image : Path
        TIFF stack, folder of numbered images, or OME-Zarr.
    model : Path
        Folder that train-interpolation wrote.
    out : Path
        TIFF file for the restored stack.
    slices : str
        Slices to replace as a whole, as in 3,7-9.
    box : tuple of str
        Region to replace, as Z,Y0,X0,Y1,X1; may be given several times.
    spacing : str, optional
        Distance between voxels in nm as Z,Y,X; overrides the file's.
    device : {"auto", "cpu", "cuda", "mps"}
        Where the network runs.
    """
    from napari_mitoseg.io.read import read_volume
    from napari_mitoseg.io.tiff import write_image_tiff
    from napari_mitoseg.restoration import restore_stack

    volume = read_volume(image, spacing=parse_spacing(spacing))
    step = Restore.parse(
        {
            "model": str(model),
            "slices": listed_slices(slices, volume.shape[0]),
            "boxes": [text.split(",") for text in box],
        }
    )
    write_image_tiff(out, _run(restore_stack(volume, step, device)))
    many = f"slices: {len(step.slices)}, regions: {len(step.boxes)}"
    _tell(f"Restored {many}; written to {out}")


@app.command
def demo(*, headless: bool = False, out: Path | None = None) -> None:
    """Open napari on a sample stack and segment it.

    Parameters
    ----------
    headless : bool
        Write the results and a screenshot to OUT instead of opening a window.
    out : Path, optional
        Folder for the results of ``--headless``.
    """
    if headless and out is None:
        msg = "demo --headless writes results: say where with --out DIR."
        raise InvalidParameterError(msg)
    from napari_mitoseg._napari.demo import run_demo

    run_demo(headless=headless, out=out)


def parse_spacing(text: str | None, option: str = "--spacing") -> Spacing | None:
    """Read ``Z,Y,X`` as given on the command line.

    Parameters
    ----------
    text : str or None
        Three numbers with commas between them.
    option : str
        Where it was given, for the message.

    Returns
    -------
    tuple of float or None
        Spacing in nm; None for None.

    Raises
    ------
    InvalidParameterError
        Unless there are three numbers above zero.

    Examples
    --------
    >>> parse_spacing("40,5.9,5.9")
    (40.0, 5.9, 5.9)
    """
    if text is None:
        return None
    try:
        return as_spacing([float(part) for part in text.split(",")])
    except ValueError as error:
        msg = (
            f"{option} was given as {text!r}. Give three numbers above zero, "
            "nanometres in z, y and x, for example 40,5.9,5.9."
        )
        raise InvalidParameterError(msg) from error


def parse_slices(text: str) -> tuple[int, ...]:
    """Read slice numbers as given on the command line.

    Parameters
    ----------
    text : str
        Numbers and ranges that include both ends, with commas between them.

    Returns
    -------
    tuple of int
        In order.

    Raises
    ------
    InvalidParameterError
        If it is something else.

    Examples
    --------
    >>> parse_slices("0-2,7")
    (0, 1, 2, 7)
    """
    found: set[int] = set()
    try:
        for part in filter(None, text.split(",")):
            first, _, last = part.partition("-")
            found.update(range(int(first), int(last or first) + 1))
    except ValueError as error:
        msg = (
            f"Slices were given as {text!r}. Give numbers and ranges, for example "
            "0-9,40-49."
        )
        raise InvalidParameterError(msg) from error
    return tuple(sorted(found))


def _as_json(text: str, option: str, example: str) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        msg = (
            f"{option} was given as {text!r}, which is not JSON ({error}). Give for "
            f"example '{example}'."
        )
        raise InvalidParameterError(msg) from error


def _read_augmentation(text: str) -> dict[str, object]:
    """Read the name of a set, JSON, or a file with JSON in it."""
    path = Path(text)
    if text.startswith("["):
        given = text
    elif path.suffix == ".json" and path.is_file():
        given = path.read_text(encoding="utf-8")
    else:
        return {"augmentation": text}
    return {
        "augmentations": _as_json(given, "--augmentation", '[{"step": "rotation"}]')
    }


def _read_labelled(image: Path, labels: Path, spacing: str | None) -> "LabelledVolume":
    """Open a stack and its labels, and see whether they are what they should be."""
    from napari_mitoseg.io.checks import check_image
    from napari_mitoseg.io.read import read_labels, read_volume
    from napari_mitoseg.training.dense_data import LabelledVolume

    volume = read_volume(image, spacing=parse_spacing(spacing))
    check_image(volume)
    return LabelledVolume(volume, read_labels(labels))


def _read_painted(
    image: Path, annotation: Path, spacing: str | None
) -> "tuple[Volume, Annotation]":
    """Read a stack and what is labelled of it."""
    from napari_mitoseg.io.annotation import read_annotation
    from napari_mitoseg.io.read import read_volume

    volume = read_volume(image, spacing=parse_spacing(spacing))
    return volume, read_annotation(annotation, volume.shape)


def _write_trained(result: "SparseResult", spacing: Spacing | None) -> None:
    """Write the prediction beside the model and say what was measured."""
    from napari_mitoseg.outputs import write_training_result

    _run(write_training_result(result, spacing))
    score = "" if result.iou is None else f", held-out IoU {result.iou:.3f}"
    _tell(f"Model and prediction written to {result.folder}{score}")


def _write_errors(
    evaluation: "Evaluation", folder: Path, spacing: Spacing | None
) -> None:
    """Write the errors of an evaluation."""
    from napari_mitoseg.outputs import write_errors

    _run(write_errors(evaluation, folder, spacing))


def _tell_scores(scores: Mapping[str, "Figure"], *, as_json: bool) -> None:
    """Print scores; those that do not exist are null in JSON, and a dash in lines."""
    if as_json:
        _tell(json.dumps(scores))
        return
    for name, value in scores.items():
        figure = f"{value:.4f}" if isinstance(value, float) else str(value)
        _tell(f"{name:28s} {'-' if value is None else figure}")


def _run(job: Job[Answer]) -> Answer:
    """Drain a job behind a progress bar on standard error."""
    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.TaskProgressColumn(),
        bars.TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    hidden = not console.is_terminal
    with bars.Progress(
        *columns, console=console, transient=True, disable=hidden
    ) as bar:
        task = bar.add_task("", total=1.0)

        def show(progress: Progress) -> None:
            bar.update(task, description=progress.message, completed=progress.fraction)

        return drain(job, show)


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
