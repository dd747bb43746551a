"""Run a recipe: the one job behind the command line and the widgets."""

from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from napari_mitoseg import __version__
from napari_mitoseg.errors import InvalidParameterError, WeightsError
from napari_mitoseg.inference.interpolation import load_interpolator
from napari_mitoseg.inference.predict import predict_maps
from napari_mitoseg.inference.settings import DeviceName
from napari_mitoseg.io.checks import check_image
from napari_mitoseg.io.planes import PlaneStack
from napari_mitoseg.jobs import Job, Progress, relayed
from napari_mitoseg.maps import ProbabilityMaps
from napari_mitoseg.models.zoo import ModelCard, TrainedModel, load_model
from napari_mitoseg.postprocessing import ChainCache, Segmentation
from napari_mitoseg.preprocessing import Pipeline, Restore
from napari_mitoseg.recipe import Recipe
from napari_mitoseg.volume import Array, Region, Volume

_TOTAL = 1000
_NETWORK_SHARE = 0.9
"""Share of the progress bar that the network takes."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, eq=False)
class Result:
    """What a recipe makes of a volume.

    Attributes
    ----------
    maps : ProbabilityMaps
        What the network said, kept so that post-processing can be repeated.
    segmentation : Segmentation
        Semantic mask, boundary mask and instances.
    recipe : Recipe
        What was run, with the checksum of the weights and the version of the program.
    """

    maps: ProbabilityMaps
    segmentation: Segmentation
    recipe: Recipe


def run_recipe(
    volume: Volume,
    recipe: Recipe,
    *,
    region: Region | None = None,
    model: TrainedModel | None = None,
    maps: ProbabilityMaps | None = None,
    cache: ChainCache | None = None,
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
        Filled in place as tiles finish, see `predict_maps`.
    cache : ChainCache, optional
        Remembers the steps of the post-processing, see `Chain.run`.

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
    _check_weights(recipe, model.card)
    prepared = with_networks(recipe.preprocessing, recipe.inference.device)(volume)
    predicted = predict_maps(prepared, model, recipe.inference, region, maps)
    maps = yield from _phase(predicted, 0.0, _NETWORK_SHARE)
    chain = recipe.postprocessing.run(maps, cache)
    segmentation = yield from _phase(chain, _NETWORK_SHARE, 1.0)
    return Result(maps, segmentation, _complete(recipe, model.card))


def with_networks(preprocessing: Pipeline, device: DeviceName = "auto") -> Pipeline:
    """Load the networks that preprocessing needs.

    Parameters
    ----------
    preprocessing : Pipeline
        Steps as a recipe holds them.
    device : {"auto", "cpu", "cuda", "mps"}
        Where the networks run.

    Returns
    -------
    Pipeline
        The same steps, ready to be called.

    Raises
    ------
    WeightsError
        If a network is missing or damaged.
    """
    for position, step in enumerate(preprocessing.steps):
        if isinstance(step, Restore) and step.is_marked:
            ready = step.bound(load_interpolator(step.model, device))
            preprocessing = preprocessing.replaced(position, ready)
    return preprocessing


def restore_stack(
    volume: Volume, step: Restore, device: DeviceName = "auto"
) -> Job[Volume]:
    """Restore what is marked, at once.

    Parameters
    ----------
    volume : Volume
        The stack.
    step : Restore
        Network and marks.
    device : {"auto", "cpu", "cuda", "mps"}
        Where the network runs.

    Yields
    ------
    Progress
        One a slice.

    Returns
    -------
    Volume
        Of the same type.  Restored slices are in memory, the others are read from
        `volume` when they are needed.

    Raises
    ------
    InvalidParameterError
        If nothing is marked, or a mark cannot be restored.
    WeightsError
        If the network is missing or damaged.
    """
    if not step.is_marked:
        msg = "No slice and no region is marked. Mark what is to be restored."
        raise InvalidParameterError(msg)
    slices = sorted({mark.z for mark in step.marks(volume.shape)})
    yield Progress(0, len(slices), "Loading the network")
    restored = step.bound(load_interpolator(step.model, device))(volume)
    planes: dict[int, Array] = {}
    for done, z in enumerate(slices):
        yield Progress(done, len(slices), f"Restoring slice {z}")
        planes[z] = _of_type(restored.read_slice(z), volume.dtype)

    def read(z: int, rows: slice, columns: slice) -> Array:
        if z in planes:
            return planes[z][rows, columns]
        return np.asarray(volume.data[z, rows, columns])

    stack = PlaneStack(volume.shape, volume.dtype, read)
    return replace(volume, data=stack, name=f"{volume.name} restored")


def _of_type(plane: Array, dtype: np.dtype[Any]) -> Array:
    """Return grey values in the type of their stack."""
    if dtype.kind not in "iu":
        return plane.astype(dtype)
    limits = np.iinfo(dtype)
    return np.rint(plane).clip(limits.min, limits.max).astype(dtype)


def _phase(job: Job[Answer], start: float, stop: float) -> Job[Answer]:
    """Run a job as one part of the progress bar."""

    def report(progress: Progress) -> Progress:
        share = start + (stop - start) * progress.fraction
        return replace(progress, done=round(share * _TOTAL), total=_TOTAL)

    return relayed(job, report)


def _check_weights(recipe: Recipe, card: ModelCard) -> None:
    if recipe.weights_sha256 and recipe.weights_sha256 != card.sha256:
        msg = (
            f"The recipe was made with other weights of {recipe.model!r} "
            f"({recipe.weights_sha256[:12]}…; these are {card.sha256[:12]}…). Restore "
            "them, or empty weights_sha256 in the recipe to take these."
        )
        raise WeightsError(msg)


def _complete(recipe: Recipe, card: ModelCard) -> Recipe:
    software = f"napari-mitoseg {__version__}"
    known = {"weights_sha256": card.sha256, "software": software}
    return recipe.model_copy(update=known)
