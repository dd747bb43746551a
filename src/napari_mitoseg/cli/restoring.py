"""Commands that mend slices: `train-interpolation`, `noisy-slices`, `restore`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from napari_mitoseg.annotation.proposal import listed_slices
from napari_mitoseg.cli.app import app
from napari_mitoseg.cli.console import run, tell
from napari_mitoseg.cli.options import AS_STORED, Opening
from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.inference.settings import DeviceName
from napari_mitoseg.preprocessing import Restore


@app.command
def train_interpolation(  # noqa: PLR0913 - the options of the command
    image: Path,
    /,
    *,
    out: Path,
    minutes: float = 4.0,
    skip: str = "",
    reach: int = 10,
    opening: Opening = AS_STORED,
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
    opening : Opening
        How the stack is opened.
    seed : int
        Seed of all chance.
    device : {"auto", "cpu", "cuda", "mps"}
        Where to train.
    resume : bool
        Go on with an interrupted training in OUT.
    """
    from napari_mitoseg.io.checks import check_image
    from napari_mitoseg.models.interpolation import InterpolationConfig
    from napari_mitoseg.training import interpolation
    from napari_mitoseg.training.interpolation_settings import InterpolationSettings

    given = {"minutes": minutes, "seed": seed, "device": device}
    volume = opening.read(image)
    check_image(volume)
    job = interpolation.train_interpolation(
        volume,
        InterpolationSettings.parse(given),
        folder=out,
        config=InterpolationConfig.parse({"reach": reach}),
        skipped=listed_slices(skip, volume.shape[0]),
        resume=resume,
    )
    card = run(job).card
    tell(
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
    opening: Opening = AS_STORED,
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
    opening : Opening
        How the stack is opened.
    device : {"auto", "cpu", "cuda", "mps"}
        Where the network runs.
    as_json : bool
        Print the step restore with these marks, for the preprocessing of a recipe.
    """
    from napari_mitoseg.inference import noisy_slices as detector
    from napari_mitoseg.inference.interpolation import load_interpolator

    settings = detector.DetectorSettings.parse({"threshold": threshold})
    interpolate = load_interpolator(model, device)
    found = run(detector.find_noisy_slices(opening.read(image), interpolate, settings))
    if as_json:
        boxes = [(one.z, *box) for one in found for box in one.boxes]
        whole = [one.z for one in found if not one.boxes]
        tell(Restore(model=str(model), slices=whole, boxes=boxes).model_dump_json())
        return
    for one in found:
        places = "".join(f"  y {a}–{c}, x {b}–{d}" for a, b, c, d in one.boxes)
        tell(f"slice {one.z:4d}  score {one.score:8.1f}  {one.reason}{places}")
    tell(f"Slices proposed: {len(found)}")


@app.command
def restore(
    image: Path,
    /,
    *,
    model: Path,
    out: Path,
    slices: str = "",
    box: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    opening: Opening = AS_STORED,
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
    opening : Opening
        How the stack is opened.
    device : {"auto", "cpu", "cuda", "mps"}
        Where the network runs.
    """
    from napari_mitoseg.io.atomic import check_writable
    from napari_mitoseg.io.tiff import write_image_tiff
    from napari_mitoseg.restoration import restore_stack

    volume = opening.read(image)
    step = Restore.parse(
        {
            "model": str(model),
            "slices": listed_slices(slices, volume.shape[0]),
            "boxes": [_parse_box(text) for text in box],
        }
    )
    check_writable(out.parent)
    write_image_tiff(out, run(restore_stack(volume, step, device)))
    many = f"slices: {len(step.slices)}, regions: {len(step.boxes)}"
    tell(f"Restored {many}; written to {out}")


def _parse_box(text: str) -> list[int]:
    """Read ``Z,Y0,X0,Y1,X1``."""
    try:
        z, y, x, bottom, right = map(int, text.split(","))
    except ValueError as error:
        msg = (
            f"--box was given as {text!r}. Give five whole numbers, Z,Y0,X0,Y1,X1: the "
            "slice, the first y and x, and the y and x after the last."
        )
        raise InvalidParameterError(msg) from error
    return [z, y, x, bottom, right]
