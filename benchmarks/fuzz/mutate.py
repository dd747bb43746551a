"""Turn a number into a damaged input: always the same one."""

import hashlib
import json
import random
from dataclasses import dataclass
from pathlib import Path

from binary import change, put_bomb
from corpus import SEEDS

Tree = dict[str, bytes]
"""Content of each file by its path within the input's folder."""

WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class Case:
    """A damaged input.

    Attributes
    ----------
    number : int
        What it was made from.
    seed : int
        Which one of the corpus it was.
    tree : dict
        Its files.
    """

    number: int
    seed: int
    tree: Tree


def make_case(number: int, corpus: list[Tree], chosen: list[int]) -> Case:
    """Damage one of the chosen inputs of the corpus."""
    rng = random.Random(number)
    seed = _seed(chosen, rng)
    tree = dict(corpus[seed])
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        _damage(tree, corpus, rng)
    if rng.random() < 0.9:
        _renew_checksum(tree)
    return Case(number, seed, tree)


def _seed(chosen: list[int], rng: random.Random) -> int:
    """Choose an input: kinds of which there are few varieties as often as TIFF."""
    if rng.random() < 0.5:
        return rng.choice(chosen)
    target = rng.choice(sorted({SEEDS[number].target for number in chosen}))
    return rng.choice([n for n in chosen if SEEDS[n].target == target])


def read_tree(folder: Path) -> Tree:
    """Read all files of a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def read_corpus(folder: Path) -> list[Tree]:
    """Read what `corpus.build` has written, in the order of its inputs."""
    return [read_tree(folder / str(number)) for number in range(len(SEEDS))]


def write_tree(folder: Path, tree: Tree) -> None:
    """Write files into a folder."""
    for name, content in tree.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _damage(tree: Tree, corpus: list[Tree], rng: random.Random) -> None:
    if not tree:
        return
    name = _chosen(tree, rng)
    way = rng.random() if len(tree) > 1 else 1.0
    if way < 0.04:
        del tree[name]
    elif way < 0.08:
        other = rng.choice(sorted(tree))
        tree[name], tree[other] = tree[other], tree[name]
    elif way < 0.11:
        foreign = rng.choice(corpus)
        tree[name] = foreign[rng.choice(sorted(foreign))]
    elif way < 0.13:
        tree[name] = put_bomb(tree[name], rng)
    else:
        tree[name] = change(tree[name], rng)


def _chosen(tree: Tree, rng: random.Random) -> str:
    """Choose a file; those that describe the others as often as all of them."""
    names = sorted(tree)
    telling = [n for n in names if n.endswith(("json", ".zarray", ".zattrs", "group"))]
    return rng.choice(telling if telling and rng.random() < 0.6 else names)


def _renew_checksum(tree: Tree) -> None:
    """Let the card of a model name the weights as they are now."""
    for name in [n for n in tree if n.endswith(("model.json", "interpolation.json"))]:
        weights = name.rpartition("/")[0] + "/" + WEIGHTS
        try:
            card = json.loads(tree[name])
            card["sha256"] = hashlib.sha256(tree[weights]).hexdigest()
            tree[name] = json.dumps(card).encode()
        except (ValueError, LookupError, TypeError, RecursionError):
            continue
