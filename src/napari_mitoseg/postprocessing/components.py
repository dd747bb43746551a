"""Connected components: from a mask to instances."""

from dataclasses import replace
from typing import Any, ClassVar

from napari_mitoseg.labelling import Connectivity, label_components
from napari_mitoseg.params import param
from napari_mitoseg.postprocessing.state import Kind, State
from napari_mitoseg.postprocessing.step import Step, steps


@steps.register("connected-components")
class ConnectedComponents(Step):
    """Number the connected parts of the seeds, or of the mask where there are none."""

    name: ClassVar[str] = "connected-components"
    title: ClassVar[str] = "Connected components"
    accepts: ClassVar[frozenset[Kind]] = frozenset({Kind.MASK})
    gives: ClassVar[Kind | None] = Kind.LABELS

    connectivity: Connectivity = param(
        26,
        description="Neighbours in 3D that connect: 6 (faces), 18 (also edges) or "
        "26 (also corners).",
    )

    def apply(self, state: State) -> State:
        """Set the labels."""
        labels, _ = label_components(state.mask, self.connectivity)
        whole = state.seeds is None
        return replace(state, labels=labels, is_grown=whole, kind=Kind.LABELS)

    def reads(self, state: State) -> tuple[Any, ...]:
        """Return the mask, and whether it is that of the seeds."""
        return state.mask, state.seeds is None
