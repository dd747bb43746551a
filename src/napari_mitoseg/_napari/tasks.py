"""The work a panel sends into a thread, as jobs.

Torch and everything that needs it is imported inside the jobs, so that a panel opens
at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg._napari.reader import LayerData, image_data
from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.evaluation import Evaluation, LabelKind, compare_labels, tell_apart
from napari_mitoseg.inference.settings import MOST_ZOOM, DeviceName
from napari_mitoseg.jobs import Job, Progress, as_part, relayed
from napari_mitoseg.maps import ProbabilityMaps
from napari_mitoseg.models.zoo import ModelCard, find_model, load_model, read_card
from napari_mitoseg.postprocessing import Chain, ChainCache, Segmentation
from napari_mitoseg.preprocessing import Pipeline, Prepared
from napari_mitoseg.recipe import Recipe
from napari_mitoseg.volume import Region, Spacing, Volume

if TYPE_CHECKING:
    from napari_mitoseg.inference.layout import Plan
    from napari_mitoseg.models.zoo import TrainedModel
    from napari_mitoseg.pipeline import Result


class ModelCache:
    """Keeps the model that was used last, so that a preview need not load it again.

    Attributes
    ----------
    lock : RLock
        Held while the network is measured: a run must not use it meanwhile.
    """

    def __init__(self) -> None:
        self.lock = RLock()
        self._key: tuple[Path, str] | None = None
        self._model: TrainedModel | None = None

    def load(self, name: str) -> "TrainedModel":
        """Return a model, loaded only if it is another than the last.

        Parameters
        ----------
        name : str
            Name or folder.

        Returns
        -------
        TrainedModel
            Ready to predict.
        """
        folder = find_model(name)
        key = (folder, read_card(folder).sha256)
        with self.lock:
            if self._model is None or key != self._key:
                self._model, self._key = load_model(name), key
            return self._model


class PreparedCache:
    """Keeps the stack that was prepared last: a preview need not register it again."""

    def __init__(self) -> None:
        self._known: tuple[Volume, Pipeline, Prepared] | None = None

    def prepare(
        self, volume: Volume, preprocessing: Pipeline, device: DeviceName = "auto"
    ) -> Job[Prepared]:
        """Prepare a volume, unless it is the same as the last time.

        Parameters
        ----------
        volume : Volume
            The stack; the same if its data are the same object.
        preprocessing : Pipeline
            What is done to it.
        device : {"auto", "cpu", "cuda", "mps"}
            Where networks in it run.

        Yields
        ------
        Progress
            Of what must be done before the first slice can be read.

        Returns
        -------
        Prepared
            See `Pipeline.prepare`.
        """
        from napari_mitoseg.restoration import prepare_image  # noqa: PLC0415

        if self._known is not None:
            last, steps, prepared = self._known
            same = last.data is volume.data and last.spacing == volume.spacing
            if same and steps == preprocessing:
                return prepared
        prepared = yield from prepare_image(volume, preprocessing, device)
        self._known = volume, preprocessing, prepared
        return prepared


@dataclass(frozen=True, eq=False)
class OpenedStack:
    """A stack that was opened, as a layer that is still to be made.

    Attributes
    ----------
    layer : tuple
        Data, keywords and ``"image"``.
    path : Path
        Where it came from.
    """

    layer: LayerData
    path: Path


def warm_up() -> Job[None]:
    """Import torch before it is needed: the first run would wait for it."""
    yield Progress(0, 1, "Loading torch")
    import napari_mitoseg.pipeline  # noqa: F401, PLC0415


def open_stack(path: Path) -> Job[OpenedStack]:
    """Open a TIFF stack, a folder of images or an OME-Zarr, without reading all of it.

    Parameters
    ----------
    path : Path
        File or folder.

    Yields
    ------
    Progress
        Before the middle slice is read.

    Returns
    -------
    OpenedStack
        The stack, with the range of its middle slice.
    """
    from napari_mitoseg.io import read_volume  # noqa: PLC0415

    yield Progress(0, 2, f"Opening {path.name}")
    volume = read_volume(path)
    yield Progress(1, 2, f"Opening {path.name}")
    return OpenedStack(image_data(volume), path)


def estimate(
    volume: Volume, recipe: Recipe, region: Region | None, models: ModelCache
) -> Job["Plan"]:
    """Estimate what a run takes; see `plan_prediction`."""
    yield Progress(0, 2, "Estimating")
    from napari_mitoseg.inference.layout import plan_prediction  # noqa: PLC0415

    models.load(recipe.model)
    yield Progress(1, 2, "Estimating")
    with models.lock:
        model = models.load(recipe.model)
        return plan_prediction(volume, model, recipe.inference, region)


def segment(
    volume: Volume,
    recipe: Recipe,
    region: Region,
    models: ModelCache,
    maps: ProbabilityMaps | None = None,
    cache: ChainCache | None = None,
    prepared: PreparedCache | None = None,
) -> Job["Result"]:
    """Run a recipe; see `run_recipe`.

    Parameters
    ----------
    volume : Volume
        The stack.
    recipe : Recipe
        What to do.
    region : Region
        The part to segment.
    models : ModelCache
        Where the model comes from.
    maps : ProbabilityMaps, optional
        Filled as tiles finish.
    cache : ChainCache, optional
        Gets the post-processing ready to be repeated.
    prepared : PreparedCache, optional
        Spares preprocessing that has been done before.

    Yields
    ------
    Progress
        One a tile and step.

    Returns
    -------
    Result
        Maps, labels and the complete recipe.
    """
    yield Progress(0, 1000, "Loading the model")
    from napari_mitoseg.pipeline import run_recipe  # noqa: PLC0415

    model = models.load(recipe.model)
    result: Result = yield from run_recipe(
        volume,
        recipe,
        region=region,
        model=model,
        maps=maps,
        cache=cache,
        prepare=(prepared or PreparedCache()).prepare,
    )
    return replace(result, segmentation=_paintable(result.segmentation))


ZOOM_STEP = 1.5
"""Between two of the sizes that are tried."""


@dataclass(frozen=True, eq=False)
class Trial:
    """What is found where the network is shown a part of a slice at some size.

    Attributes
    ----------
    zoom : float
        How much larger it is shown.
    plane : ndarray, shape (Y, X)
        The part.
    mask : ndarray of bool, shape (Y, X)
        What was found.
    n_objects : int
        Number of mitochondria.
    """

    zoom: float
    plane: NDArray[Any]
    mask: NDArray[np.bool_]
    n_objects: int


def try_zooms(
    volume: Volume,
    recipe: Recipe,
    region: Region,
    models: ModelCache,
    prepared: PreparedCache,
) -> Job[list[Trial]]:
    """Segment a part of a slice at the zoom of a recipe, and at one on either side.

    Parameters
    ----------
    volume : Volume
        The stack.
    recipe : Recipe
        What to do.
    region : Region
        The part, one slice deep.
    models, prepared : ModelCache, PreparedCache
        As for `segment`.

    Yields
    ------
    Progress
        Of all runs together.

    Returns
    -------
    list of Trial
        From the smallest zoom; fewer than three at the end of what is allowed.
    """
    now = recipe.inference.zoom
    wanted = [round(float(now * ZOOM_STEP**step), 2) for step in (-1, 0, 1)]
    wanted[1] = now
    zooms = [zoom for zoom in wanted if 1 / MOST_ZOOM <= zoom <= MOST_ZOOM]
    plane = volume.read_slice(region.start[0])[region.slices[1:]]
    found = []
    for i, zoom in enumerate(zooms):
        inference = recipe.inference.model_copy(update={"zoom": zoom})
        other = recipe.model_copy(update={"inference": inference})
        job = segment(volume, other, region, models, prepared=prepared)
        report = partial(as_part, i, len(zooms))
        segmentation = (yield from relayed(job, report)).segmentation
        n = len(np.unique(segmentation.labels[segmentation.labels > 0]))
        found.append(Trial(zoom, plane, segmentation.labels[0] > 0, n))
    return found


def rechain(
    results: Sequence["Result"], chain: Chain, caches: Sequence[ChainCache]
) -> Job[list["Result"]]:
    """Repeat the post-processing of results on their kept maps.

    Parameters
    ----------
    results : sequence of Result
        Earlier results.
    chain : Chain
        The steps as they are now.
    caches : sequence of ChainCache
        One a result; remembers the steps that have not changed.

    Yields
    ------
    Progress
        One a step.

    Returns
    -------
    list of Result
        The same maps with other labels.
    """
    from napari_mitoseg.pipeline import segment_again  # noqa: PLC0415

    updated = []
    for result, cache in zip(results, caches, strict=True):
        again = chain.run(result.maps, cache)
        if result.basis is not None:
            again = segment_again(result.basis, chain, cache)
        segmentation: Segmentation = yield from again
        recipe = result.recipe.model_copy(update={"postprocessing": chain})
        paintable = _paintable(segmentation)
        updated.append(replace(result, segmentation=paintable, recipe=recipe))
    return updated


def save_result(result: "Result", folder: Path, kind: Any) -> Job[Path]:
    """Write the files of a result; see `write_result`."""
    from napari_mitoseg.outputs import write_result  # noqa: PLC0415

    yield from write_result(result, folder, kind)
    return folder


def save_recipe(recipe: Recipe, path: Path) -> Job[Path]:
    """Write a recipe, or leave what was there before."""
    from napari_mitoseg.io import staged  # noqa: PLC0415

    yield Progress(0, 1, f"Writing {path.name}")
    with staged(path.parent, [path.name]) as paths:
        paths[path.name].write_text(recipe.as_json(), encoding="utf-8")
    return path


@dataclass(frozen=True, eq=False)
class Judged:
    """An evaluation, and the objects of those volumes that were masks.

    Attributes
    ----------
    evaluation : Evaluation
        Scores, and what has become of each object.
    numbered : tuple of (ndarray of uint32 or None)
        The objects of the prediction and of the truth; None where it holds instances.
    """

    evaluation: Evaluation
    numbered: tuple[NDArray[np.uint32] | None, ...]


def evaluate(
    prediction: Volume,
    truth: Volume,
    probability: Volume | None = None,
    *,
    instances: bool = True,
) -> Job[Judged]:
    """Compare two label volumes and paint the errors; see `compare_labels`."""
    kind: LabelKind = "auto" if instances else "instances"
    told = (
        (yield from tell_apart(prediction, kind)),
        (yield from tell_apart(truth, kind)),
    )
    numbered = tuple(
        None if new is old else new.read()
        for new, old in zip(told, (prediction, truth), strict=True)
    )
    evaluation = yield from compare_labels(
        told[0], told[1], instances=instances, probability=probability, paint=instances
    )
    return Judged(evaluation, numbered)


def save_evaluation(
    evaluation: Evaluation, folder: Path, spacing: Spacing | None
) -> Job[Path]:
    """Write scores and errors; see `write_errors`."""
    from napari_mitoseg.outputs import write_errors  # noqa: PLC0415

    yield from write_errors(evaluation, folder, spacing)
    return folder


def blank_maps(region: Region, spacing: Spacing, card: ModelCard) -> ProbabilityMaps:
    """Return maps of a region for a run to fill; they take no memory yet."""
    semantic, boundary = (np.zeros(region.shape, np.uint8) for _ in range(2))
    has_boundary = "boundary" in card.outputs
    return ProbabilityMaps(semantic, boundary if has_boundary else None, spacing)


def region_or_whole(region: Region | None, volume: Volume) -> Region:
    """Return a region inside a volume; all of it where none is asked for.

    Raises
    ------
    InvalidParameterError
        If the region lies outside the volume.
    """
    if region is None:
        return Region.whole(volume.shape)
    try:
        return region.within(volume.shape)
    except InvalidParameterError as error:
        msg = "The region lies outside the image. Move the slices or the rectangle."
        raise InvalidParameterError(msg) from error


def _paintable(segmentation: Segmentation) -> Segmentation:
    """Copy what the cache keeps, so that the user can paint in the layers."""
    copies = {
        name: array.copy()
        for name in ("semantic", "boundary", "labels")
        if not (array := getattr(segmentation, name)).flags.writeable
    }
    return replace(segmentation, **copies)
