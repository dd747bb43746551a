"""The chain of steps from probability maps to instances."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.errors import InvalidParameterError, ShapeError
from napari_mitoseg.jobs import Job, Progress, as_part, relayed
from napari_mitoseg.labelling import Labels, consecutive
from napari_mitoseg.maps import ProbabilityMaps
from napari_mitoseg.postprocessing.average_z import AverageZ
from napari_mitoseg.postprocessing.cache import ChainCache
from napari_mitoseg.postprocessing.components import ConnectedComponents
from napari_mitoseg.postprocessing.fill_holes import FillHoles
from napari_mitoseg.postprocessing.remove_small import RemoveSmall
from napari_mitoseg.postprocessing.seed_map import SeedMap
from napari_mitoseg.postprocessing.state import Kind, State
from napari_mitoseg.postprocessing.step import Step, steps
from napari_mitoseg.postprocessing.threshold import BoundaryThreshold, Threshold
from napari_mitoseg.postprocessing.watershed import SeededWatershed
from napari_mitoseg.registry import Registry
from napari_mitoseg.steps import NamedStep, StepSequence
from napari_mitoseg.volume import Spacing, Volume

StepTypes = Sequence[type[Step]]


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Result of a chain.

    Attributes
    ----------
    semantic : ndarray of uint8, shape (Z, Y, X)
        1 in mitochondria, else 0.
    boundary : ndarray of uint8, shape (Z, Y, X)
        1 on instance boundaries, else 0; all 0 where the network gives none.
    labels : ndarray of uint32, shape (Z, Y, X)
        Instances from 1 without gaps; 0 is background.
    spacing : tuple of float
        Distance between voxel centres in nm, ZYX.

    Notes
    -----
    After a run with a cache some arrays are read-only, since the cache goes on from
    them; copy such a one before painting in it.
    """

    semantic: NDArray[np.uint8]
    boundary: NDArray[np.uint8]
    labels: Labels
    spacing: Spacing


class Chain(StepSequence):
    """Post-processing steps in an order that makes sense.

    Parameters
    ----------
    steps : sequence of Step or of mappings
        The steps, from probability maps to labels.

    Raises
    ------
    UnknownNameError
        If a step is not registered; lists the choices.
    InvalidParameterError
        If a parameter is wrong, or a step cannot stand where it does; says which, what
        it needs and which steps may stand there.

    Examples
    --------
    >>> chain = Chain([{"step": "threshold"}, {"step": "connected-components"}])
    >>> chain.model_dump()[0]
    {'step': 'threshold', 'value': 0.5}
    >>> chain.legal_next(2)
    ('boundary-threshold', 'fill-holes', 'remove-small')
    """

    registry: ClassVar[Registry[type[Step]]] = steps

    @classmethod
    def check(cls, steps: Sequence[NamedStep]) -> None:
        """Raise InvalidParameterError if the order makes no sense."""
        _check([cast("type[Step]", type(step)) for step in steps])

    def legal_next(self, position: int) -> tuple[str, ...]:
        """Name the steps that may be inserted before `position`.

        Parameters
        ----------
        position : int
            0 for the front, ``len(chain)`` for the end.

        Returns
        -------
        tuple of str
            Steps with which the whole chain remains legal.
        """
        before, after = self._types[:position], self._types[position:]
        return tuple(
            name
            for name, step in steps.items()
            if _problem([*before, step, *after]) is None
        )

    def can_remove(self, position: int) -> bool:
        """Say whether the chain remains legal without the step at `position`."""
        return _problem(self._types[:position] + self._types[position + 1 :]) is None

    def can_move(self, position: int, to: int) -> bool:
        """Say whether the step at `position` may be moved to `to`."""
        rest = [*self._types]
        rest.insert(to, rest.pop(position))
        return _problem(rest) is None

    def check_without_image(self) -> None:
        """Raise InvalidParameterError if a step looks at the image."""
        needing = [step.name for step in self._types if step.needs_image]
        if needing:
            msg = (
                f"The step {needing[0]} looks at the image, but the chain was given "
                "the maps alone. Give the image they were predicted from too, or "
                "remove the step."
            )
            raise InvalidParameterError(msg)

    def run(
        self,
        maps: ProbabilityMaps,
        cache: ChainCache | None = None,
        image: Volume | None = None,
    ) -> Job[Segmentation]:
        """Run the chain on probability maps.

        Parameters
        ----------
        maps : ProbabilityMaps
            What the network gave; left as it is.
        cache : ChainCache, optional
            Remembers the state after each step; a later run on the same maps and the
            same image starts where the chain differs.
        image : Volume, optional
            What the maps were predicted from; read slice by slice, by the steps that
            look at it.

        Yields
        ------
        Progress
            After each step, those known from the cache included; more often from steps
            that take long.

        Returns
        -------
        Segmentation
            Masks and instances.

        Raises
        ------
        InvalidParameterError
            If a step looks at the image and there is none.
        ShapeError
            If the image has another shape than the maps.
        """
        todo = cast("tuple[Step, ...]", self.steps)
        if image is None:
            self.check_without_image()
        else:
            _check_shape(image, maps)
        start = State(maps, image=image)
        n_done, state = cache.resume(maps, todo, image) if cache else (0, start)
        for n, step in enumerate(todo, start=1):
            if n > n_done:
                # What the last step made belongs to the caller, to paint in.
                kept = cache if n < len(todo) else None
                job = _after(step, state, kept)
                state = yield from relayed(job, partial(as_part, n - 1, len(todo)))
            yield Progress(n, len(todo), step.title)
        return _result(state)

    @property
    def _types(self) -> list[type[Step]]:
        return [cast("type[Step]", type(step)) for step in self.steps]


def legal_after(prefix: StepTypes) -> tuple[str, ...]:
    """Name the steps that may follow the beginning of a chain.

    Parameters
    ----------
    prefix : sequence of Step classes
        Legal beginning of a chain; may be empty.

    Returns
    -------
    tuple of str
        Names, in the order of registration.
    """
    return tuple(name for name, s in steps.items() if _objection(prefix, s) is None)


def _check_shape(image: Volume, maps: ProbabilityMaps) -> None:
    if image.shape != maps.shape:
        msg = (
            f"The image has shape {image.shape}, the maps {maps.shape}. Give the part "
            "of the image that the maps were predicted from."
        )
        raise ShapeError(msg)


def _check(order: StepTypes) -> None:
    problem = _problem(order)
    if problem is not None:
        raise InvalidParameterError(problem)


def _problem(order: StepTypes) -> str | None:
    """Say what is wrong with an order of steps; None where it is legal."""
    for n, step in enumerate(order):
        objection = _objection(order[:n], step)
        if objection is not None:
            choices = ", ".join(legal_after(order[:n]))
            return (
                f"Step {n + 1} of the chain, {step.name}, {objection}. At this "
                f"place may stand: {choices}."
            )
    kind = _kind_after(order)
    if kind is Kind.LABELS:
        return None
    return (
        f"The chain ends with {kind.value}, but must end with labels. Add "
        f"{'' if kind is Kind.MASK else 'threshold and '}connected-components."
    )


def _objection(prefix: StepTypes, step: type[Step]) -> str | None:
    """Say why a step cannot follow a legal prefix; None where it can."""
    kind = _kind_after(prefix)
    names = [earlier.name for earlier in prefix]
    if kind not in step.accepts:
        wanted = " or ".join(k.value for k in Kind if k in step.accepts)
        source = f"{names[-1]} leaves {kind.value}" if names else "there is none yet"
        return f"works on {wanted}, but {source}"
    if step.needs is not None and step.needs not in names:
        return f"needs the step {step.needs} somewhere before it"
    if step.is_single and step.name in names:
        return "is in the chain already and makes no sense twice"
    return None


def _kind_after(prefix: StepTypes) -> Kind:
    given = [step.gives for step in prefix if step.gives is not None]
    return given[-1] if given else Kind.PROBABILITY


def _after(step: Step, state: State, cache: ChainCache | None) -> Job[State]:
    """Return the state after a step, from the cache if it did the same before."""
    after = cache.recall(step, state) if cache else None
    if after is None:
        after = yield from step.applying(state)
    if cache is not None:
        cache.keep(step, state, after)
    return after


def _result(state: State) -> Segmentation:
    semantic = state.foreground()
    boundary = state.boundary
    if boundary is None:
        boundary = np.zeros(semantic.shape, np.bool_)
    return Segmentation(
        semantic.view(np.uint8),
        boundary.view(np.uint8),
        consecutive(state.labelled()),
        state.spacing,
    )


DEFAULT_CHAIN = Chain(
    steps=(
        AverageZ(),
        Threshold(),
        BoundaryThreshold(),
        FillHoles(),
        SeedMap(semantic=0.6),
        ConnectedComponents(),
        SeededWatershed(),
        RemoveSmall(),
    )
)
"""What is run unless something else is asked for; looks at the image, too.

The published threshold of seeds, 0.9, breaks mitochondria that a network is not sure of
all along, many on stacks never seen; it parts more of those that touch.
"""
