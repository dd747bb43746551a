"""Length and branching of each object."""

from collections.abc import Mapping
from typing import ClassVar

from napari_mitoseg.morphology.columns import ColumnInfo
from napari_mitoseg.morphology.descriptors.shape import ratio
from napari_mitoseg.morphology.family import Family, families
from napari_mitoseg.morphology.solid import SolidObject

THINNING = (
    "Lee, Kashyap, Chu, Building skeleton models via 3-D medial surface/axis thinning "
    "algorithms, CVGIP 56 (1994), doi:10.1006/cgip.1994.1042"
)


@families.register("skeleton")
class SkeletonFamily(Family):
    """Length, branches, end points, loops and tortuosity.

    Notes
    -----
    The centreline leads from tip to tip; a side branch that rises above the surface by
    less than half the radius there counts as roughness. A ball has one branch, as long
    as its diameter. A sheet has no centreline: of flat objects, the figures say
    little.
    """

    name: ClassVar[str] = "skeleton"
    title: ClassVar[str] = "Centreline"
    columns: ClassVar[tuple[ColumnInfo, ...]] = (
        ColumnInfo(
            "skeleton_length_um",
            "Centreline length",
            "µm",
            "Length of all branches, from tip to tip.",
            THINNING,
        ),
        ColumnInfo("n_branches", "Branches", "", "Lines between tips and junctions."),
        ColumnInfo(
            "n_branch_points",
            "Branch points",
            "",
            "Junctions of three or more branches.",
        ),
        ColumnInfo("n_end_points", "End points", "", "Free tips of branches."),
        ColumnInfo(
            "n_loops",
            "Loops",
            "",
            "Independent loops: lines − nodes + connected parts of the centreline.",
        ),
        ColumnInfo(
            "mean_branch_length_um",
            "Mean branch length",
            "µm",
            "Centreline length / branches.",
        ),
        ColumnInfo(
            "longest_path_um",
            "Longest path",
            "µm",
            "Shortest way along the centreline between the two tips that are farthest "
            "apart that way; empty without two tips.",
        ),
        ColumnInfo(
            "tortuosity",
            "Tortuosity",
            "",
            "Longest path / straight distance between its tips: 1 when straight.",
        ),
    )

    @classmethod
    def of_solid(cls, solid: SolidObject) -> Mapping[str, float]:
        """Measure one object of a volume."""
        skeleton = solid.skeleton
        length = skeleton.length_um
        path, distance = skeleton.longest_path_nm()
        return {
            "skeleton_length_um": length,
            "n_branches": skeleton.n_branches,
            "n_branch_points": skeleton.joints.size,
            "n_end_points": skeleton.ends.size,
            "n_loops": skeleton.n_loops,
            "mean_branch_length_um": ratio(length, skeleton.n_branches),
            "longest_path_um": path / 1e3 if path else float("nan"),
            "tortuosity": ratio(path, distance),
        }
