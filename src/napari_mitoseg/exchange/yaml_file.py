"""YAML from strangers: plain data, of limited size and depth."""

from typing import Any

import yaml

from napari_mitoseg.errors import ReadError

MOST_BYTES = 2 * 2**20
MOST_ALIASES = 200
MOST_NODES = 100_000


class _Loader(yaml.SafeLoader):  # type: ignore[misc] # without annotations
    """Makes no objects, and counts what it makes."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._n_aliases = self._n_nodes = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._n_aliases += bool(self.check_event(yaml.AliasEvent))
        self._n_nodes += 1
        if self._n_aliases > MOST_ALIASES or self._n_nodes > MOST_NODES:
            msg = "it refers to itself too often, or holds too much"
            raise yaml.YAMLError(msg)
        return super().compose_node(parent, index)


def read_yaml(content: bytes, name: str) -> dict[str, Any]:
    """Read a mapping from YAML.

    Parameters
    ----------
    content : bytes
        The file.
    name : str
        Of the file, for messages.

    Returns
    -------
    dict
        Plain data.

    Raises
    ------
    ReadError
        If it is too large, no YAML, refers to itself without end, or is no mapping.
    """
    if len(content) > MOST_BYTES:
        msg = (
            f"{name} has {len(content)} bytes; a description has at most {MOST_BYTES}."
        )
        raise ReadError(msg)
    loader = None
    try:
        loader = _Loader(content.decode("utf-8"))
        found = loader.get_single_data()
        _count(found, [0])
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        msg = f"{name} cannot be read ({reason}). Get it again."
        raise ReadError(msg) from error
    finally:
        if loader is not None:
            loader.dispose()
    if not isinstance(found, dict):
        msg = f"{name} holds no description. Give that of a model."
        raise ReadError(msg)
    return found


def write_yaml(content: dict[str, Any]) -> bytes:
    """Write a mapping as YAML, in its order.

    Parameters
    ----------
    content : dict
        Plain data.

    Returns
    -------
    bytes
        The file.
    """
    text: str = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=88)
    return text.encode("utf-8")


def _count(found: Any, n: list[int]) -> None:
    """Refuse what grows when its references are followed."""
    n[0] += 1
    if n[0] > MOST_NODES:
        msg = "it holds too much"
        raise yaml.YAMLError(msg)
    parts = found.values() if isinstance(found, dict) else found
    if isinstance(found, dict | list):
        for part in parts:
            _count(part, n)
