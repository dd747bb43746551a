"""Commands that train networks: `train`, `train-sparse`, `fine-tune`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from napari_mitoseg.annotation.proposal import listed_slices
from napari_mitoseg.cli.app import app
from napari_mitoseg.cli.console import run, tell
from napari_mitoseg.cli.options import AS_STORED, Opening, parse_json, parse_spacing
from napari_mitoseg.inference.settings import DeviceName
from napari_mitoseg.volume import Spacing, Volume

if TYPE_CHECKING:
    from napari_mitoseg.annotation.encoding import Annotation
    from napari_mitoseg.training.dense_data import LabelledVolume
    from napari_mitoseg.training.sparse_report import SparseResult


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
    preset: Literal["fast", "paper"] = "fast",
    minutes: float = 10.0,
    steps: int = 0,
    validation: float = 0.2,
    validation_slices: str = "",
    augmentation: str = "light",
    preprocessing: str = "",
    kind: Annotated[
        Literal["auto", "semantic", "instances"], Parameter(name="--labels")
    ] = "auto",
    opening: Opening = AS_STORED,
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
        Network, such as fast, unet2d or resunet-r (the command models lists them all);
        that of the start when absent.
    more : list of tuple of Path, optional
        IMAGE LABELS of another volume; may be given several times.
    config : str
        Settings of the network where they are not its defaults, as JSON.
    start : str
        What training starts from: scratch, the name of a model, or its folder.
    preset : {"fast", "paper"}
        fast: what suits minutes to hours; paper: the published training of the network,
        for a GPU and hours to days, whatever minutes and augmentation say.
    minutes : float
        Time for training, earlier parts of a resumed one counted in; preparing the
        volumes and scoring the model come on top.
    steps : int
        Steps to make whatever time they take, in each stage if there are several; 0 for
        as many as there is time for, or as the paper makes.
    validation : float
        Share of the slices, at the end of each volume, that is kept back to choose the
        best weights by and to score them; 0 for none.
    validation_slices : str
        Slices of each volume to keep back in their place, such as 0-9,40-49.
    augmentation : str
        light: for stacks like those that are labelled; strong: for other tissue and
        microscopes; challenge: the eleven of the MitoEM challenge; none; or a JSON file
        such as [{"step": "rotation", "probability": 0.5}, {"step": "flip"}].
    preprocessing : str
        Steps made to the images first, as the recipe for the model will make them: JSON
        such as [{"step": "equalize"}], or a JSON file.
    kind : {"auto", "semantic", "instances"}
        What labels hold; auto: a mask where one number occurs beside 0.
    opening : Opening
        How the images are opened.
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
            "config": parse_json(config, "--config", '{"widths": [16, 32, 64]}'),
            "start": start,
            "preset": preset,
            "minutes": minutes,
            "steps": steps,
            "validation": validation,
            "validation_slices": listed_slices(validation_slices),
            **_read_augmentation(augmentation),
            "preprocessing": _read_steps(preprocessing),
            "labels": kind,
            "spacing": parse_spacing(model_spacing, "--model-spacing"),
            "seed": seed,
            "device": device,
        }
    )
    pairs = [
        _read_labelled(grey, truth, opening)
        for grey, truth in [(image, labels), *(more or [])]
    ]
    result = run(train_dense(pairs, settings, folder=out, resume=resume))
    scores = "".join(f", {s.measure} {s.value:.3f} on {s.data}" for s in result.scores)
    steps_made = "1 step" if result.steps == 1 else f"{result.steps} steps"
    tell(f"Model written to {result.folder} after {steps_made}{scores}")
    for note in result.notes:
        tell(note)


@app.command
def train_sparse(  # noqa: PLR0913 - the options of the command
    image: Path,
    annotation: Path,
    /,
    *,
    out: Path,
    start: str = "fast",
    preset: Literal["fast", "paper"] = "fast",
    opening: Opening = AS_STORED,
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
    opening : Opening
        How the stack is opened.
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
    volume, painted = _read_painted(image, annotation, opening)
    job = sparse.train_sparse(volume, painted, settings, folder=out, resume=resume)
    _write_trained(run(job), volume.spacing)


@app.command
def fine_tune(  # noqa: PLR0913 - the options of the command
    image: Path,
    annotation: Path,
    /,
    *,
    model: str,
    out: Path,
    opening: Opening = AS_STORED,
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
    opening : Opening
        How the stack is opened.
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
    volume, painted = _read_painted(image, annotation, opening)
    job = sparse.fine_tune(
        volume, painted, settings, model=model, folder=out, resume=resume
    )
    _write_trained(run(job), volume.spacing)


def _read_augmentation(text: str) -> dict[str, object]:
    """Read the name of a set, JSON, or a file with JSON in it."""
    given = text if text.startswith("[") else _content(text)
    if not given:
        return {"augmentation": text}
    return {
        "augmentations": parse_json(given, "--augmentation", '[{"step": "rotation"}]')
    }


def _read_steps(text: str) -> object:
    """Read preprocessing steps: JSON, or a file with JSON in it."""
    if not text:
        return ()
    return parse_json(
        _content(text) or text, "--preprocessing", '[{"step": "equalize"}]'
    )


def _content(text: str) -> str:
    """Return what is in a JSON file; nothing where there is none of this name."""
    path = Path(text)
    is_file = path.suffix == ".json" and path.is_file()
    return path.read_text(encoding="utf-8") if is_file else ""


def _read_labelled(image: Path, labels: Path, opening: Opening) -> "LabelledVolume":
    """Open a stack and its labels, and see whether they are what they should be."""
    from napari_mitoseg.io.checks import check_image, check_labels
    from napari_mitoseg.io.read import read_labels
    from napari_mitoseg.training.dense_data import LabelledVolume

    volume = opening.read(image)
    check_image(volume)
    truth = read_labels(labels)
    check_labels(truth)
    return LabelledVolume(volume, truth)


def _read_painted(
    image: Path, annotation: Path, opening: Opening
) -> "tuple[Volume, Annotation]":
    """Read a stack and what is labelled of it."""
    from napari_mitoseg.io.annotation import read_annotation

    volume = opening.read(image)
    return volume, read_annotation(annotation, volume.shape)


def _write_trained(result: "SparseResult", spacing: Spacing | None) -> None:
    """Write the prediction beside the model and say what was measured."""
    from napari_mitoseg.outputs import write_training_result

    run(write_training_result(result, spacing))
    score = "" if result.iou is None else f", held-out IoU {result.iou:.3f}"
    tell(f"Model and prediction written to {result.folder}{score}")
