"""What a chain remembers between two runs on the same maps."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.maps import ProbabilityMaps
from napari_mitoseg.postprocessing.state import State
from napari_mitoseg.postprocessing.step import Step
from napari_mitoseg.volume import Volume


@dataclass(frozen=True, eq=False)
class _Made:
    """What a step made of what it read."""

    step: Step
    read: tuple[Any, ...]
    changes: dict[str, Any]


class ChainCache:
    """States after each step of the last run but its last.

    Parameters
    ----------
    max_bytes : int
        Arrays to keep in memory at most; the states after the first steps go first,
        the last two always stay.

    Notes
    -----
    States belong to one pair of maps and one image, recognised by identity, and to the
    chain that ran last: a run with others, or with other steps from some position on,
    drops what no longer holds.  Of steps that say what they read, what they made last
    is kept beyond that, and used again where they would read the same.
    """

    def __init__(self, max_bytes: int = 1 << 30) -> None:
        self.max_bytes = max_bytes
        self._maps: ProbabilityMaps | None = None
        self._image: Volume | None = None
        self._states: list[tuple[Step, State | None]] = []
        self._made: dict[str, _Made] = {}

    def resume(
        self,
        maps: ProbabilityMaps,
        steps: tuple[Step, ...],
        image: Volume | None = None,
    ) -> tuple[int, State]:
        """Return how many steps are done already, and the state after them.

        Parameters
        ----------
        maps : ProbabilityMaps
            Maps to run on.
        steps : tuple of Step
            The whole chain.
        image : Volume, optional
            What the maps were predicted from.

        Returns
        -------
        n_done : int
            Steps whose result is known; later ones are forgotten.
        state : State
            State after them.
        """
        if self._maps is not maps or self._image is not image:
            self.clear()
            self._maps, self._image = maps, image
        del self._states[self._n_common(steps) :]
        while self._states and self._states[-1][1] is None:
            self._states.pop()
        state = self._states[-1][1] if self._states else None
        return len(self._states), state or State(maps, image=image)

    def recall(self, step: Step, state: State) -> State | None:
        """Return the state after a step that has done the same before, else None."""
        made = self._made.get(step.name)
        if made is None or made.step != step or not _same(made.read, step.reads(state)):
            return None
        return replace(state, **made.changes)

    def keep(self, step: Step, before: State, state: State) -> None:
        """Remember the state after the next step."""
        for array in state.arrays():
            array.flags.writeable = False
        self._states.append((step, state))
        read = step.reads(before)
        if read:
            self._made[step.name] = _Made(step, read, _changes(before, state))
        if self.n_bytes > self.max_bytes:
            self._made.clear()
        for i, (done, _) in enumerate(self._states[:-2]):
            if self.n_bytes <= self.max_bytes:
                return
            self._states[i] = (done, None)

    def clear(self) -> None:
        """Forget everything."""
        self._maps, self._image = None, None
        self._states, self._made = [], {}

    @property
    def n_bytes(self) -> int:
        """Memory that the remembered arrays take."""
        return sum({id(a): a.nbytes for a in self._arrays()}.values())

    def _arrays(self) -> Iterator[NDArray[Any]]:
        for _, state in self._states:
            if state is not None:
                yield from state.arrays()
        for made in self._made.values():
            values = [*made.read, *made.changes.values()]
            yield from (value for value in values if isinstance(value, np.ndarray))

    def _n_common(self, steps: tuple[Step, ...]) -> int:
        n = 0
        for (done, _), step in zip(self._states, steps, strict=False):
            if type(done) is not type(step) or done != step:
                break
            n += 1
        return n


def _changes(before: State, after: State) -> dict[str, Any]:
    values = {f.name: getattr(after, f.name) for f in fields(State)}
    return {k: v for k, v in values.items() if v is not getattr(before, k)}


def _same(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """Compare what a step reads: arrays by value, everything else by identity."""
    return all(
        a is b
        or (
            isinstance(a, np.ndarray)
            and isinstance(b, np.ndarray)
            and np.array_equal(a, b)
        )
        for a, b in zip(one, other, strict=True)
    )
