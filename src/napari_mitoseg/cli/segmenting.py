"""Commands that segment: `segment`, `models`, `demo`."""

from inspect import cleandoc
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from napari_mitoseg.cli.app import app
from napari_mitoseg.cli.console import run, tell
from napari_mitoseg.cli.in_blocks import BlockOptions, Image, segment_in_blocks
from napari_mitoseg.cli.options import SpacingText, parse_spacing
from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.inference.settings import DeviceName
from napari_mitoseg.recipe import Recipe


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
    blocks: bool | None = None,
    memory: Annotated[float | None, Parameter(validator=Number(gt=0))] = None,
    workers: Annotated[int, Parameter(validator=Number(gte=1))] = 1,
    scheduler: str | None = None,
    restart: Annotated[bool, Parameter(negative=())] = False,
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
    blocks : bool, optional
        Go block by block, with bounded memory, into an OME-Zarr; when absent, that is
        done if the volume is too large. A run that is broken off then goes on where it
        was when the same command is given again.
    memory : float, optional
        GB that each worker may take where it goes block by block; half of what is free,
        shared among them, when absent.
    workers : int
        Processes on this machine that work on blocks.
    scheduler : str, optional
        Address of a dask scheduler whose workers work on blocks.
    restart : bool
        Begin anew where an unfinished run is in OUT.
    """
    from napari_mitoseg.io.atomic import check_writable
    from napari_mitoseg.io.read import read_volume
    from napari_mitoseg.outputs import write_result
    from napari_mitoseg.pipeline import run_recipe

    chosen = Recipe.load(recipe) if recipe else Recipe()
    chosen = chosen.with_overrides(model, device, augmentation)
    volume = read_volume(
        image, spacing=parse_spacing(spacing), channel=channel, time=time
    )
    check_writable(out)
    options = BlockOptions(blocks, memory, workers, scheduler, restart)
    if options.wanted(volume.shape, out, format):
        given = Image(image, parse_spacing(spacing), channel, time)
        _say_found(segment_in_blocks(given, chosen, out, options), volume.name, out)
        return
    result = run(run_recipe(volume, chosen))
    run(write_result(result, out, format))
    _say_found(int(result.segmentation.labels.max(initial=0)), volume.name, out)
    for note in result.notes:
        tell(note)


def _say_found(found: int, name: str, out: Path) -> None:
    objects = "mitochondrion" if found == 1 else "mitochondria"
    tell(f"{found} {objects} in {name}, written to {out}")


@app.command
def models() -> None:
    """List the models with spacing, scores, licence, citation and their weights.

    Behind them stand the networks that can be trained, with what to cite for them.
    """
    from napari_mitoseg.models.architectures import architectures
    from napari_mitoseg.models.zoo import find_model, list_models

    for card in list_models():
        tell(f"{card.name}  ({card.architecture})")
        tell(f"  spacing   {', '.join(f'{v:g}' for v in card.spacing)} nm (z, y, x)")
        for score in card.scores:
            tell(f"  score     {score.measure} {score.value:.3f} on {score.data}")
        tell(f"  licence   {card.licence}")
        for cited in card.citation:
            tell(f"  cite      {cited}")
        tell(f"  weights   {find_model(card.name)}")
    tell("Networks: napari-mitoseg train IMAGE LABELS --model NETWORK --out FOLDER")
    for name in architectures:
        network = architectures[name]
        about, *_ = cleandoc(network.__doc__ or name).splitlines()
        tell(f"{name}")
        tell(f"  what      {about}")
        for cited in network.citation:
            tell(f"  cite      {cited}")


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
