"""The job that trains from a few labelled slices and segments the whole stack.

Algorithm 1 of the paper [1]_: N_se learns from the labelled slices and segments all of
them (S_c); morphological post-processing with the truth makes soft labels of that
(S_f); N_sp learns from them what neighbouring slices say about each other.

References
----------
.. [1] Semi-supervised segmentation of mitochondria from electron microscopy images
   using spatial continuity.
"""

from collections.abc import Callable
from pathlib import Path

from napari_mitoseg.annotation.encoding import Annotation, check_annotation
from napari_mitoseg.jobs import Job
from napari_mitoseg.models.zoo import TrainedModel, load_trainable
from napari_mitoseg.training.fit import never
from napari_mitoseg.training.sparse_report import SparseResult
from napari_mitoseg.training.sparse_run import SparseRun
from napari_mitoseg.training.sparse_settings import SCRATCH, SparseSettings
from napari_mitoseg.volume import Volume


def first_slice() -> int:
    """Return 0: the slice to look at while training, unless told otherwise."""
    return 0


def train_sparse(
    volume: Volume,
    annotation: Annotation,
    settings: SparseSettings,
    *,
    folder: Path,
    resume: bool = False,
    stop: Callable[[], bool] = never,
    watch: Callable[[], int] = first_slice,
) -> Job[SparseResult]:
    """Train from a few labelled slices and predict the whole stack.

    Parameters
    ----------
    volume : Volume
        The image, with its spacing.
    annotation : Annotation
        Of the same shape; one slice at least is complete and one is not.
    settings : SparseSettings
        Preset, time, start, seed, device.
    folder : Path
        Becomes a model folder when training is finished.
    resume : bool
        Go on with an interrupted training in `folder`, if there is one.
    stop : callable
        Asked all the time; once it says true, training ends early, and what has been
        learned is made into a complete model.
    watch : callable
        Tells which slice to show while training.

    Yields
    ------
    SparseProgress
        After each step and each tile.

    Returns
    -------
    SparseResult
        Model, and S_c, S_f and the final probability of the stack.

    Raises
    ------
    AnnotationError
        If the annotation does not fit the image or cannot be learned from.
    InvalidParameterError
        If the spacing or the device is missing, or what is to be resumed was started
        with other settings.
    UnknownNameError, WeightsError
        If there is no such model to start from, or it does not fit.
    WriteError
        If the disk refuses; an earlier model in `folder` stays.
    DeviceMemoryError
        If the device has too little memory.

    Notes
    -----
    Closing the generator keeps a checkpoint in the hidden folder ``.training`` and
    leaves an earlier model in `folder` as it is.
    """
    check_annotation(annotation, volume.shape, need_complete=True, need_unlabelled=True)
    run = SparseRun(volume, annotation, settings, find_start(settings), folder)
    return (yield from run.job(resume=resume, stop=stop, watch=watch))


def fine_tune(
    volume: Volume,
    annotation: Annotation,
    settings: SparseSettings,
    *,
    model: str,
    folder: Path,
    resume: bool = False,
    stop: Callable[[], bool] = never,
    watch: Callable[[], int] = first_slice,
) -> Job[SparseResult]:
    """Train a model further on an annotation, and predict the whole stack.

    Parameters
    ----------
    volume : Volume
        The image, with its spacing.
    annotation : Annotation
        Of the same shape; slices may be labelled in part, and unlabelled pixels do not
        count.
    settings : SparseSettings
        Time, seed and device; preset, start and what concerns N_sp do not matter.
    model : str
        Name or folder of the model to start from.
    folder : Path
        Becomes a model folder when training is finished.
    resume : bool
        As for `train_sparse`.
    stop : callable
        As for `train_sparse`.
    watch : callable
        As for `train_sparse`.

    Yields
    ------
    SparseProgress
        After each step and each tile.

    Returns
    -------
    SparseResult
        S_c is by the tuned network alone.  Of a model with two networks N_se is tuned
        and N_sp kept; of one with a single network S_c and the final probability are
        the same, and the disagreement is between its views.

    Raises
    ------
    AnnotationError
        If the annotation does not fit the image, or only one class is painted.
    InvalidParameterError, UnknownNameError, WeightsError, WriteError, DeviceMemoryError
        As for `train_sparse`.
    """
    check_annotation(annotation, volume.shape)
    chosen = settings.model_copy(
        update={"preset": "fast", "start": model, "refine": False}
    )
    start = load_trainable(model)
    run = SparseRun(volume, annotation, chosen, start, folder, tunes=True)
    return (yield from run.job(resume=resume, stop=stop, watch=watch))


def find_start(settings: SparseSettings) -> TrainedModel | None:
    """Load the model that training starts from.

    Parameters
    ----------
    settings : SparseSettings
        Preset and start.

    Returns
    -------
    TrainedModel or None
        None for scratch, and for the preset paper.
    """
    if settings.preset == "paper" or settings.start == SCRATCH:
        return None
    return load_trainable(settings.start)
