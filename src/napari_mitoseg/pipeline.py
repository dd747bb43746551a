"""Run a recipe: the one job behind the command line and the widgets."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TypeVar

import numpy as np

from napari_mitoseg import __version__
from napari_mitoseg.errors import WeightsError
from napari_mitoseg.inference.doubt import doubts, measure_doubt
from napari_mitoseg.inference.predict import predict_maps
from napari_mitoseg.inference.settings import DeviceName
from napari_mitoseg.io.checks import check_image
from napari_mitoseg.jobs import Job, Progress, as_part, phase, relayed
from napari_mitoseg.labelling import consecutive
from napari_mitoseg.maps import Calibration, ProbabilityMaps
from napari_mitoseg.models.zoo import ModelCard, TrainedModel, load_model
from napari_mitoseg.postprocessing import Chain, ChainCache, Segmentation
from napari_mitoseg.preprocessing import Pipeline, Prepared, Table
from napari_mitoseg.recipe import Recipe
from napari_mitoseg.restoration import prepare_image
from napari_mitoseg.volume import Array, Region, Volume

_TOTAL = 1000
_NETWORK_UP_TO = 0.9
"""Share of the progress bar after which the network is done."""

_PREPARED_UP_TO = 0.2
"""The same for preprocessing, where it must look at the stack before."""

Answer = TypeVar("Answer")
Prepare = Callable[[Volume, Pipeline, DeviceName], Job[Prepared]]


@dataclass(frozen=True, eq=False)
class Basis:
    """What post-processing starts from, kept so that it can be repeated.

    Attributes
    ----------
    maps : ProbabilityMaps
        What the network said, on the image as it saw it.
    prepared : Prepared
        That image, and how labels get from it to the image as it was given.
    region : Region
        The part that the maps cover.
    """

    maps: ProbabilityMaps
    prepared: Prepared
    region: Region

    @cached_property
    def image(self) -> Volume:
        """The part of the prepared image that the maps cover, lazy."""
        return self.prepared.volume.crop(self.region)


@dataclass(frozen=True, eq=False)
class Result:
    """What a recipe makes of a volume.

    Attributes
    ----------
    maps : ProbabilityMaps
        What the network said, where it belongs in the image as it was given.
    segmentation : Segmentation
        Semantic mask, boundary mask and instances, in the image as it was given.
    recipe : Recipe
        What was run, with the checksum of the weights and the version of the program.
    basis : Basis or None
        What the post-processing can be repeated from; `maps` alone where it is None.
    warnings : tuple of str
        That the stack looks unlike those the model was trained on, see `doubts`.
    calibration : tuple of (float, float)
        What mean probabilities of objects are worth, see `ModelCard`.
    """

    maps: ProbabilityMaps
    segmentation: Segmentation
    recipe: Recipe
    basis: Basis | None = None
    warnings: tuple[str, ...] = ()
    calibration: Calibration = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What preprocessing and prediction have to say, a sentence or two each."""
        prepared = () if self.basis is None else self.basis.prepared.notes
        return *prepared, *self.warnings

    @property
    def tables(self) -> Mapping[str, Table]:
        """What the preprocessing has measured, by the name of the table."""
        return {} if self.basis is None else self.basis.prepared.tables


def run_recipe(
    volume: Volume,
    recipe: Recipe,
    *,
    region: Region | None = None,
    model: TrainedModel | None = None,
    maps: ProbabilityMaps | None = None,
    cache: ChainCache | None = None,
    prepare: Prepare = prepare_image,
) -> Job[Result]:
    """Segment a volume.

    Parameters
    ----------
    volume : Volume
        The stack.
    recipe : Recipe
        What to do.
    region : Region, optional
        Part to segment; everything when absent.
    model : TrainedModel, optional
        The recipe's model if it is loaded already.
    maps : ProbabilityMaps, optional
        Filled in place as tiles finish, see `predict_maps`; where sections are
        registered they lie on the registered image.
    cache : ChainCache, optional
        Remembers the steps of the post-processing, see `Chain.run`.
    prepare : callable
        Puts the preprocessing in front of the volume, as a job.

    Yields
    ------
    Progress
        One per tile and per post-processing step.

    Returns
    -------
    Result
        Maps, labels and the complete recipe.

    Raises
    ------
    MitoSegError
        If the volume is no EM image, the model cannot be loaded, or a setting does not
        fit.
    """
    yield Progress(0, _TOTAL, "Checking the image")
    check_image(volume)
    yield Progress(0, _TOTAL, "Loading the model")
    model = model or load_model(recipe.model)
    check_weights(recipe, model.card)
    start = _PREPARED_UP_TO if recipe.preprocessing.moving else 0.0
    job = prepare(volume, recipe.preprocessing, recipe.inference.device)
    prepared = yield from phase(job, 0.0, start)
    predicted = predict_maps(prepared.volume, model, recipe.inference, region, maps)
    maps = yield from phase(predicted, start, _NETWORK_UP_TO)
    region = (region or Region.whole(volume.shape)).within(volume.shape)
    basis = Basis(maps, prepared, region)
    chain = segment_again(basis, recipe.postprocessing, cache)
    segmentation = yield from phase(chain, _NETWORK_UP_TO, 1.0)
    shown = yield from phase(_maps_on_original(basis), 1.0, 1.0)
    card = model.card
    doubt = None if card.doubt is None else measure_doubt(maps.semantic)
    warnings = doubts(doubt, card)
    complete = completed(recipe, card)
    return Result(shown, segmentation, complete, basis, warnings, card.calibration)


def segment_again(
    basis: Basis, chain: Chain, cache: ChainCache | None = None
) -> Job[Segmentation]:
    """Make instances of maps that are known.

    Parameters
    ----------
    basis : Basis
        Maps and image of an earlier result.
    chain : Chain
        Post-processing steps.
    cache : ChainCache, optional
        Remembers the steps, see `Chain.run`.

    Yields
    ------
    Progress
        One per step, and one per slice that is moved back.

    Returns
    -------
    Segmentation
        In the image as it was given: what preprocessing has moved is moved back.
    """
    job = chain.run(basis.maps, cache, basis.image)
    if not basis.prepared.undos:
        return (yield from job)
    segmentation = yield from relayed(job, partial(as_part, 0, 2))
    arrays = segmentation.semantic, segmentation.boundary, segmentation.labels
    back = _on_original(basis, arrays)
    semantic, boundary, labels = yield from relayed(back, partial(as_part, 1, 2))
    # An instance may lie wholly outside the original sections.
    return replace(
        segmentation,
        semantic=semantic,
        boundary=boundary,
        labels=consecutive(labels),
    )


def _maps_on_original(basis: Basis) -> Job[ProbabilityMaps]:
    """Return maps that lie on the image as it was given."""
    maps = basis.maps
    if not basis.prepared.undos:
        return maps
    known = [a for a in (maps.semantic, maps.boundary) if a is not None]
    semantic, *rest = yield from _on_original(basis, known)
    return replace(maps, semantic=semantic, boundary=rest[0] if rest else None)


def _on_original(basis: Basis, arrays: Sequence[Array]) -> Job[list[Array]]:
    """Move arrays back to where they belong, slice by slice."""
    restored = [np.empty_like(array) for array in arrays]
    (first, y0, x0), (_, y1, x1) = basis.region.start, basis.region.stop
    depth = len(arrays[0])
    for z in range(depth):
        part = Region((first + z, y0, x0), (first + z + 1, y1, x1))
        for array, result in zip(arrays, restored, strict=True):
            result[z] = basis.prepared.restored(array[z : z + 1], part)[0]
        yield Progress(z + 1, depth, "Moving back")
    return restored


def check_weights(recipe: Recipe, card: ModelCard) -> None:
    """Refuse weights that are not those a recipe was made with.

    Parameters
    ----------
    recipe : Recipe
        Perhaps with a checksum.
    card : ModelCard
        Of the model it names.

    Raises
    ------
    WeightsError
        If there is a checksum, and it is another one.
    """
    if recipe.weights_sha256 and recipe.weights_sha256 != card.sha256:
        msg = (
            f"The recipe was made with other weights of {recipe.model!r} "
            f"({recipe.weights_sha256[:12]}…; these are {card.sha256[:12]}…). Restore "
            "them, or empty weights_sha256 in the recipe to take these."
        )
        raise WeightsError(msg)


def completed(recipe: Recipe, card: ModelCard) -> Recipe:
    """Return a recipe with what is known when it is run.

    Parameters
    ----------
    recipe : Recipe
        What is run.
    card : ModelCard
        Of the model it names.

    Returns
    -------
    Recipe
        With the checksum of the weights and the version of the program.
    """
    software = f"napari-mitoseg {__version__}"
    known = {"weights_sha256": card.sha256, "software": software}
    return recipe.model_copy(update=known)
