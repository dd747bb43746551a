"""The base of all post-processing steps and their registry."""

from typing import Any, ClassVar, NamedTuple

from napari_mitoseg.jobs import Job
from napari_mitoseg.postprocessing.state import Kind, State
from napari_mitoseg.registry import Registry
from napari_mitoseg.steps import NamedStep


class Reach(NamedTuple):
    """How far around a voxel a step looks.

    Attributes
    ----------
    slices : int
        Slices on each side.
    pixels : int or None
        Pixels on each side within a slice; None for all of the slice.
    """

    slices: int = 0
    pixels: int | None = 0


WHOLE_SLICE = Reach(0, None)
"""Of steps that look at each slice alone."""


class Step(NamedStep):
    """One step of a post-processing chain: its parameters, and what it does.

    Attributes
    ----------
    accepts : frozenset of Kind
        What the step works on.
    gives : Kind or None
        What it leaves; None where that is what came in.
    needs : str or None
        Name of a step that must stand earlier in the chain.
    is_single : bool
        Whether a second one in the same chain would make no sense.
    needs_image : bool
        Whether it looks at the image too; the chain is then refused without one.
    neighbourhood : Reach or None
        How far around a voxel it looks: far enough read around a block of the volume,
        the step gives there what it gives in the volume. None for steps that look at
        all of it; these go over blocks only if `distributed` knows how.

    Notes
    -----
    A new step is one file with a subclass under ``@steps.register(name)``, and one
    line in ``postprocessing/__init__.py``.
    """

    accepts: ClassVar[frozenset[Kind]]
    gives: ClassVar[Kind | None] = None
    needs: ClassVar[str | None] = None
    is_single: ClassVar[bool] = False
    needs_image: ClassVar[bool] = False

    @property
    def neighbourhood(self) -> Reach | None:
        """How far around a voxel the step looks; None for the whole volume."""
        return None

    def apply(self, state: State) -> State:
        """Return the state after this step.

        Parameters
        ----------
        state : State
            What the earlier steps made; its arrays are left as they are.

        Returns
        -------
        State
            The same with what this step makes.
        """
        raise NotImplementedError

    def applying(self, state: State) -> Job[State]:
        """Apply the step as a job, for steps that take long enough to watch.

        Parameters
        ----------
        state : State
            As for `apply`.

        Yields
        ------
        Progress
            Of this step alone; none from steps that are fast.

        Returns
        -------
        State
            As from `apply`.
        """
        yield from ()
        return self.apply(state)

    def reads(self, state: State) -> tuple[Any, ...]:  # noqa: ARG002
        """Return all that this step looks at in a state, for steps that look at little.

        Parameters
        ----------
        state : State
            What the earlier steps made.

        Returns
        -------
        tuple
            A cache need not apply the step again where these are the same.  Empty for
            steps that are always applied.
        """
        return ()


steps: Registry[type[Step]] = Registry("post-processing step")
