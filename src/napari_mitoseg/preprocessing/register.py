"""Registration: every section is laid onto its neighbour."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import ClassVar

import numpy as np

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.jobs import Job, Progress, drain
from napari_mitoseg.params import param
from napari_mitoseg.preprocessing.displacement import Coordinates, Displacement, Frame
from napari_mitoseg.preprocessing.moving_least_squares import Deformation, deform
from napari_mitoseg.preprocessing.section_matching import (
    FEWEST_MATCHES,
    NO_FEATURES,
    Features,
    find_features,
    match_features,
)
from napari_mitoseg.preprocessing.step import Prepared, Step, Table, steps
from napari_mitoseg.volume import Array, Region, Volume

TABLE = "registration"

_NODES_PER_SMOOTHNESS = 8


@steps.register("register")
class Register(Step):
    """Lay each section onto its neighbour, where cutting has shifted and bent it.

    Notes
    -----
    As in [1]_: SIFT features that neighbouring sections have in common, and a moving
    least squares deformation [2]_ that brings them together. The section nearest to the
    middle that has features stays; from there outwards each section follows the one
    before it, so that errors add up over half the stack at most. Rigid deformations
    keep sizes; with affine ones sizes may drift. Structures that run obliquely through
    the stack are straightened to some degree: it is for stacks whose sections do jump.
    The paper modifies the deformation, in a way it does not give, so that it can break
    at wrinkles; here it is smooth everywhere.

    The whole stack is looked at before the first slice can be read. The labels of a
    result are brought back onto the original sections; how far each section was moved
    stands in ``registration.csv``. A section that has too little in common with its
    neighbours (blank, without structure, tiny) moves along with the one before it, and
    the next one is matched across it. What is moved beyond the side of the picture is
    not segmented.

    References
    ----------
    .. [1] Fusion fully convolutional network for mitochondria in ATUM-SEM stacks,
       section 2.1.
    .. [2] S. Schaefer, T. McPhail, J. Warren, "Image deformation using moving least
       squares", ACM Transactions on Graphics 25(3), 533-540 (2006),
       doi:10.1145/1141911.1141920.
    """

    name: ClassVar[str] = "register"
    title: ClassVar[str] = "Register sections"
    is_local: ClassVar[bool] = False

    deformation: Deformation = param(
        Deformation.RIGID,
        description="Whether sections are locally turned and shifted, or also "
        "stretched.",
    )
    smoothness: float = param(
        1000.0,
        gt=0,
        unit="nm",
        description="Distance over which matches are averaged: higher is stiffer.",
    )
    tolerance: float = param(
        200.0,
        gt=0,
        unit="nm",
        description="How far sections may bend from a mere rotation and shift.",
    )
    detail: float = param(
        10.0,
        gt=0,
        unit="nm",
        advanced=True,
        description="Pixels are averaged to this size before features are looked for.",
    )

    def __call__(self, volume: Volume) -> Volume:
        """Register the sections; looks at all of them."""
        return drain(self.prepare(volume)).volume

    def prepare(self, volume: Volume) -> Job[Prepared]:
        """Register the sections.

        Parameters
        ----------
        volume : Volume
            Image; read once.

        Yields
        ------
        Progress
            One a section.

        Returns
        -------
        Prepared
            The registered volume, lazy; how labels get back onto the sections; how far
            each section is moved.

        Raises
        ------
        InvalidParameterError
            If the volume has no spacing.
        """
        sections = yield from self.measure(volume)
        moves = [section.displacement for section in sections]

        def move(z: int, plane: Array) -> Array:
            return moves[z].sampled(plane)

        @lru_cache(1)
        def coordinates(z: int) -> Coordinates:
            # Several labels are undone slice by slice, so the last one is enough.
            return moves[z].inverse().coordinates()

        return Prepared(
            volume.map_numbered(move),
            (partial(_undone, coordinates),),
            {TABLE: table_of(sections)},
            (in_words(sections),),
        )

    def measure(self, volume: Volume) -> Job[tuple["Section", ...]]:
        """Measure how the sections are to be moved.

        Parameters
        ----------
        volume : Volume
            Image; read once.

        Yields
        ------
        Progress
            One a section.

        Returns
        -------
        tuple of Section
            In the order of the stack.

        Raises
        ------
        InvalidParameterError
            If the volume has no spacing.
        """
        looked_at = _LookedAt(volume, _plane_spacing(volume), self.detail)
        depth = volume.shape[0]
        distance = self.smoothness / _NODES_PER_SMOOTHNESS
        frame = Frame.over(volume.shape[1:], looked_at.spacing, distance)
        yield Progress(0, depth, self.title)
        middle, features = looked_at.middle()
        first = _Seen(Section(middle, Displacement.none(frame)), features)
        found = {middle: first.section}
        for outwards in (range(middle - 1, -1, -1), range(middle + 1, depth)):
            near = anchor = first
            for z in outwards:
                features = looked_at(z)
                near = _Seen(self._laid(z, features, near, anchor), features)
                anchor = near if near.section.n_matches else anchor
                found[z] = near.section
                yield Progress(len(found), depth, self.title)
        return tuple(found[z] for z in range(depth))

    def _laid(
        self, z: int, features: Features, near: "_Seen", anchor: "_Seen"
    ) -> "Section":
        """Lay a section onto the one before it, or else onto the last that fitted."""
        for other in dict.fromkeys((near, anchor)):
            source, target = match_features(
                other.features, features, self.tolerance, self.smoothness
            )
            if len(source):
                before, kind = other.section.displacement, self.deformation
                nodes = before.frame.nodes
                places = nodes + before.steps
                found = deform(places, source, target, self.smoothness, kind)
                return Section(
                    z, Displacement(before.frame, found - nodes), len(source)
                )
        return Section(z, near.section.displacement)


@dataclass(frozen=True, eq=False)
class Section:
    """One section and where it belongs.

    Attributes
    ----------
    number : int
        Its place in the stack.
    displacement : Displacement
        Where in the section each place of the registered section is found.
    n_matches : int
        Features in common with the section it was laid onto; 0 for the one that stays,
        and for those that move along with their neighbour.
    """

    number: int
    displacement: Displacement
    n_matches: int = 0


@dataclass(frozen=True, eq=False)
class _Seen:
    """A section and what is recognizable in it."""

    section: Section
    features: Features


@dataclass(frozen=True, eq=False)
class _LookedAt:
    """The features of the sections of a volume."""

    volume: Volume
    spacing: tuple[float, float]
    detail: float

    def __call__(self, z: int) -> Features:
        return find_features(self.volume.read_slice(z), self.spacing, self.detail)

    def middle(self) -> tuple[int, Features]:
        """Return the section nearest to the middle that has features."""
        depth = self.volume.shape[0]
        for z in sorted(range(depth), key=lambda z: abs(z - depth // 2)):
            features = self(z)
            if len(features) >= FEWEST_MATCHES:
                return z, features
        return depth // 2, NO_FEATURES


def table_of(sections: Sequence[Section]) -> Table:
    """Return how far each section is moved.

    Parameters
    ----------
    sections : sequence of Section
        Of one stack.

    Returns
    -------
    mapping of str to ndarray
        Columns: slice, median and largest displacement in nm, matched features.
    """
    lengths = [section.displacement.lengths for section in sections]
    return {
        "slice": np.array([section.number for section in sections]),
        "median_nm": np.array([np.median(n) for n in lengths]).round(1),
        "largest_nm": np.array([n.max() for n in lengths]).round(1),
        "n_matches": np.array([section.n_matches for section in sections]),
    }


def in_words(sections: Sequence[Section]) -> str:
    """Say in a sentence or two how far the sections were moved.

    Parameters
    ----------
    sections : sequence of Section
        Of one stack.

    Returns
    -------
    str
        Median and largest displacement, and how many sections could not be matched.
    """
    n_alone = sum(section.n_matches == 0 for section in sections) - 1
    if n_alone == len(sections) - 1:
        return "No section was moved: neighbours have too little in common."
    lengths = np.concatenate([section.displacement.lengths for section in sections])
    moved = (
        f"Sections were moved by {np.median(lengths):.0f} nm in the median and "
        f"{lengths.max():.0f} nm at most."
    )
    if n_alone == 0:
        return moved
    return (
        f"{moved} {n_alone} of {len(sections)} had too little in common with their "
        "neighbours and moved along."
    )


def _plane_spacing(volume: Volume) -> tuple[float, float]:
    if volume.spacing is None:
        msg = (
            f"{volume.name} has no spacing, and the step {Register.name} measures in "
            "nm. Give the spacing in nm, or remove the step."
        )
        raise InvalidParameterError(msg)
    return volume.spacing[1:]


def _undone(
    coordinates: Callable[[int], Coordinates], labels: Array, region: Region
) -> Array:
    """Take labels on registered sections back to the sections, nearest neighbour."""
    restored = np.zeros_like(labels)
    _, rows, columns = region.slices
    for z, plane in enumerate(labels):
        y, x = np.rint(coordinates(region.start[0] + z)[:, rows, columns]).astype(int)
        y, x = y - rows.start, x - columns.start
        height, width = plane.shape
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        restored[z][inside] = plane[y[inside], x[inside]]
    return restored
