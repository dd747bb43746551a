"""How long the parts of a training take, and how long the rest will."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Schedule:
    """Parts of a job with the seconds each is expected to take.

    Attributes
    ----------
    expected : dict of str to float
        Seconds by name of the part, in order; better estimates may replace them.
    clock : callable
        Seconds; a monotonic clock.
    """

    expected: dict[str, float]
    clock: Callable[[], float] = time.monotonic
    _part: str = field(default="", init=False)
    _began: float = field(default=0.0, init=False)

    def begin(self, part: str) -> None:
        """Enter a part."""
        self._part, self._began = part, self.clock()

    def seconds_left(self, done: float) -> float:
        """Estimate the time to the end of the job.

        Parameters
        ----------
        done : float
            Finished share of the part that runs, 0 to 1.

        Returns
        -------
        float
            Rest of this part, by its own pace once a tenth is done, and the others.
        """
        names = list(self.expected)
        later = names[names.index(self._part) + 1 :]
        spent = self.clock() - self._began
        whole = spent / done if done > 0.1 else max(self.expected[self._part], spent)
        return max(whole - spent, 0.0) + sum(self.expected[name] for name in later)

    def fraction(self, done: float) -> float:
        """Return the finished share of the job, 0 to 1.

        Parameters
        ----------
        done : float
            Finished share of the part that runs, 0 to 1.

        Returns
        -------
        float
            By the times that were expected.
        """
        names = list(self.expected)
        earlier = names[: names.index(self._part)]
        before = sum(self.expected[name] for name in earlier)
        total = sum(self.expected.values())
        return (before + min(done, 1.0) * self.expected[self._part]) / total
