"""Named entries that a user may pick by name."""

import difflib
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from napari_mitoseg.errors import UnknownNameError
from napari_mitoseg.params import LONGEST_NAME, shown

Entry = TypeVar("Entry")


class Registry(Generic[Entry]):
    """Entries under unique names, in alphabetical order.

    Parameters
    ----------
    kind : str
        What an entry is, for error messages (``"post-processing step"``).

    Examples
    --------
    >>> shapes = Registry("shape")
    >>> @shapes.register("ball")
    ... class Ball: ...
    >>> shapes.names()
    ('ball',)
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, Entry] = {}

    def register(self, name: str) -> Callable[[Entry], Entry]:
        """Return a decorator that files its argument under `name`.

        Parameters
        ----------
        name : str
            Unique name, as written in recipes and on the command line.

        Returns
        -------
        callable
            Decorator that returns the entry unchanged.

        Raises
        ------
        ValueError
            If the name is taken.
        """
        if name in self._entries:
            msg = f"The {self.kind} {name!r} is registered already."
            raise ValueError(msg)

        def file_under(entry: Entry) -> Entry:
            self._entries[name] = entry
            return entry

        return file_under

    def names(self) -> tuple[str, ...]:
        """Return all names, sorted: what was imported first decides nothing."""
        return tuple(sorted(self._entries))

    def __getitem__(self, name: str) -> Entry:
        """Return the entry called `name`; UnknownNameError lists the choices."""
        if name not in self._entries:
            raise UnknownNameError(self._unknown(name))
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        """Say whether an entry has this name."""
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self.names())

    def __len__(self) -> int:
        """Count the entries."""
        return len(self._entries)

    def items(self) -> tuple[tuple[str, Entry], ...]:
        """Return pairs of name and entry."""
        return tuple(sorted(self._entries.items()))

    def _unknown(self, name: str) -> str:
        close = difflib.get_close_matches(name[:LONGEST_NAME], self._entries, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        return (
            f"There is no {self.kind} called {shown(name)}.{hint} "
            f"Choose one of: {', '.join(self)}."
        )
