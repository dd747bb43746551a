"""Commands that segment: `segment`, `models`, `demo`."""

from collections.abc import Sequence
from inspect import cleandoc
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from napari_mitoseg.cli.app import app
from napari_mitoseg.cli.console import run, tell
from napari_mitoseg.cli.in_blocks import AS_FITS, BlockOptions, segment_in_blocks
from napari_mitoseg.cli.options import AS_STORED, Opening
from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.inference.settings import DeviceName
from napari_mitoseg.models.zoo import ModelCard
from napari_mitoseg.recipe import Recipe
from napari_mitoseg.volume import Region

WHOLE = ":,:,:"


@app.command
def segment(  # noqa: PLR0913 - the options of the command
    image: Annotated[Path, Parameter(name="INPUT")],
    /,
    *,
    out: Path,
    model: str | None = None,
    recipe: Path | None = None,
    opening: Opening = AS_STORED,
    region: str | None = None,
    device: DeviceName | None = None,
    augmentation: Literal[1, 4, 8] | None = None,
    format: Literal["tiff", "zarr"] = "tiff",  # noqa: A002 - the option's name
    options: BlockOptions = AS_FITS,
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
    opening : Opening
        How the stack is opened.
    region : str, optional
        Part to segment, as z0:z1,y0:y1,x0:x1 in voxels (10:40,0:512,256:768), the first
        and the one behind the last; an end that is left out is that of the stack.
    device : {"auto", "cpu", "cuda", "mps"}, optional
        Where the network runs; overrides the recipe's.
    augmentation : {1, 4, 8}, optional
        Flipped and turned views averaged; overrides the recipe's.
    format : {"tiff", "zarr"}
        Write TIFF stacks, or one OME-Zarr with image labels.
    options : BlockOptions
        How to go block by block.
    """
    from napari_mitoseg.io.atomic import check_writable
    from napari_mitoseg.outputs import write_result
    from napari_mitoseg.pipeline import run_recipe

    chosen = Recipe.load(recipe) if recipe else Recipe()
    chosen = chosen.with_overrides(model, device, augmentation)
    volume = opening.read(image)
    part = Region.parse(region or WHOLE, volume.shape)
    name = f"{region} of {volume.name}" if region else volume.name
    check_writable(out)
    if options.wanted(part.shape, out, format):
        found = segment_in_blocks(opening.source(image), chosen, out, options, part)
        _say_found(found.n_objects, name, out, found.warnings)
        return
    result = run(run_recipe(volume, chosen, region=part))
    run(write_result(result, out, format))
    n_objects = int(result.segmentation.labels.max(initial=0))
    _say_found(n_objects, name, out, result.notes)


def _say_found(found: int, name: str, out: Path, notes: Sequence[str]) -> None:
    objects = "mitochondrion" if found == 1 else "mitochondria"
    tell(f"{found} {objects} in {name}, written to {out}")
    for note in notes:
        tell(note)


@app.command
def models() -> None:
    """List the models: spacing, scores, data, known failures, terms and weights.

    Behind them stand public models that can be installed, and the networks that can
    be trained, with what to cite for them.
    """
    from napari_mitoseg.models.architectures import architectures
    from napari_mitoseg.models.public import PUBLIC
    from napari_mitoseg.models.zoo import find_model, list_models

    names = {card.name for card in list_models()}
    for card in list_models():
        _tell_card(card)
        tell(f"  weights   {find_model(card.name)}")
    tell("Public models: napari-mitoseg install-model MODEL")
    for public in PUBLIC:
        if public.card.name not in names:
            _tell_card(public.card)
            tell(f"  page      {public.page}")
            tell(f"  download  {public.url}")
            tell(f"  sha256    {public.sha256 or 'not given by its publisher'}")
    tell("Networks: napari-mitoseg train IMAGE LABELS --model NETWORK --out FOLDER")
    for name in architectures:
        network = architectures[name]
        about, *_ = cleandoc(network.__doc__ or name).splitlines()
        tell(f"{name}")
        tell(f"  what      {about}")
        for cited in network.citation:
            tell(f"  cite      {cited}")


def _tell_card(card: ModelCard) -> None:
    tell(f"{card.name}  ({card.architecture})")
    tell(f"  spacing   {', '.join(f'{v:g}' for v in card.spacing)} nm (z, y, x)")
    for score in card.scores:
        tell(f"  score     {score}")
    for data in card.data:
        tell(f"  data      {data}")
    for limit in card.limits:
        tell(f"  limit     {limit}")
    tell(f"  licence   {card.licence or 'not stated'}")
    for cited in card.citation:
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
