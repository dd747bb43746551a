"""What a chain remembers between two runs on the same maps."""

from napari_mitoseg.maps import ProbabilityMaps
from napari_mitoseg.postprocessing.state import State
from napari_mitoseg.postprocessing.step import Step


class ChainCache:
    """States after each step of the last run but its last.

    Parameters
    ----------
    max_bytes : int
        Arrays to keep in memory at most; the states after the first steps go first,
        the last two always stay.

    Notes
    -----
    States belong to one pair of maps, recognised by identity, and to the chain that
    ran last: a run with other maps, or with other steps from some position on, drops
    what no longer holds.
    """

    def __init__(self, max_bytes: int = 2 << 30) -> None:
        self.max_bytes = max_bytes
        self._maps: ProbabilityMaps | None = None
        self._states: list[tuple[Step, State | None]] = []

    def resume(
        self, maps: ProbabilityMaps, steps: tuple[Step, ...]
    ) -> tuple[int, State]:
        """Return how many steps are done already, and the state after them.

        Parameters
        ----------
        maps : ProbabilityMaps
            Maps to run on.
        steps : tuple of Step
            The whole chain.

        Returns
        -------
        n_done : int
            Steps whose result is known; later ones are forgotten.
        state : State
            State after them.
        """
        if self._maps is not maps:
            self._maps, self._states = maps, []
        del self._states[self._n_common(steps) :]
        while self._states and self._states[-1][1] is None:
            self._states.pop()
        state = self._states[-1][1] if self._states else None
        return len(self._states), state or State(maps)

    def keep(self, step: Step, state: State) -> None:
        """Remember the state after the next step."""
        for array in state.arrays():
            array.flags.writeable = False
        self._states.append((step, state))
        for i, (done, _) in enumerate(self._states[:-2]):
            if self.n_bytes <= self.max_bytes:
                return
            self._states[i] = (done, None)

    def clear(self) -> None:
        """Forget everything."""
        self._maps, self._states = None, []

    @property
    def n_bytes(self) -> int:
        """Memory that the remembered arrays take."""
        states = [state for _, state in self._states if state is not None]
        arrays = {id(a): a.nbytes for state in states for a in state.arrays()}
        return sum(arrays.values())

    def _n_common(self, steps: tuple[Step, ...]) -> int:
        n = 0
        for (done, _), step in zip(self._states, steps, strict=False):
            if type(done) is not type(step) or done != step:
                break
            n += 1
        return n
