"""The base of all preprocessing steps, their registry, and the pipeline."""

from typing import ClassVar, cast

from napari_mitoseg.registry import Registry
from napari_mitoseg.steps import NamedStep, StepSequence
from napari_mitoseg.volume import Volume


class Step(NamedStep):
    """One change of the image before the network sees it.

    Notes
    -----
    Steps are lazy: they work on each slice when it is read.
    """

    def __call__(self, volume: Volume) -> Volume:
        """Return the volume with the step in front of its data.

        Parameters
        ----------
        volume : Volume
            Image; nothing of it is read yet.

        Returns
        -------
        Volume
            Lazy float32 volume of the same shape and spacing.
        """
        raise NotImplementedError


steps: Registry[type[Step]] = Registry("preprocessing step")


class Pipeline(StepSequence):
    """Preprocessing steps, in the order in which they run.

    Examples
    --------
    >>> Pipeline([{"step": "invert"}]).model_dump()
    [{'step': 'invert'}]
    """

    registry: ClassVar[Registry[type[Step]]] = steps

    def __call__(self, volume: Volume) -> Volume:
        """Return the volume with all steps in front of its data, lazily."""
        for step in self.steps:
            volume = cast("Step", step)(volume)
        return volume
