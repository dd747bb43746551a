"""What a run over blocks may use."""

from napari_mitoseg.params import Params, param

MOST_MEMORY = 100_000
"""GB."""


class BlockSettings(Params):
    """What a run over blocks may use."""

    memory: float = param(
        0.0,
        ge=0,
        le=MOST_MEMORY,
        unit="GB",
        description="Memory that each worker may take; 0 for half of what is free, "
        "shared among them.",
    )
    workers: int = param(
        1, ge=1, le=512, description="Processes on this computer that work on blocks."
    )
    scheduler: str = param(
        "",
        description="Address of a dask scheduler whose workers work on blocks, such as "
        "tcp://10.0.0.1:8786; empty for this computer.",
    )
