"""The network over blocks of whole slices: its maps go to disk."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from napari_mitoseg.distributed.blocks import Block
from napari_mitoseg.distributed.damage import intact
from napari_mitoseg.distributed.engine import Site
from napari_mitoseg.distributed.run_folder import (
    MAPS,
    Found,
    RunFolder,
    read_noted,
    replacing,
)
from napari_mitoseg.distributed.sources import PartSource, Source
from napari_mitoseg.distributed.state import BlockState, there
from napari_mitoseg.distributed.views import Stored
from napari_mitoseg.errors import WeightsError
from napari_mitoseg.inference.layout import settled
from napari_mitoseg.inference.predict import predict_maps
from napari_mitoseg.inference.settings import InferenceSettings
from napari_mitoseg.jobs import Job, drain
from napari_mitoseg.models.zoo import TrainedModel, load_model
from napari_mitoseg.recipe import Recipe
from napari_mitoseg.volume import Region, Shape, Volume

SETTINGS = "inference.json"


@dataclass(frozen=True)
class PredictBlock:
    """Predicts the maps of a block of whole slices.

    Attributes
    ----------
    source : Source
        The image as the network sees it.
    model : str
        Name or folder.
    sha256 : str
        Checksum of its weights.
    settings : InferenceSettings
        With tiles that do not depend on the block.
    targets : mapping of str to Stored
        Where the maps go.
    origin : tuple of int
        Where the first voxel of the blocks lies in the image, ZYX.
    """

    source: Source
    model: str
    sha256: str
    settings: InferenceSettings
    targets: Mapping[str, Stored]
    origin: Shape = (0, 0, 0)

    resource: ClassVar[str] = "GPU"
    """What workers are preferred for it, where some are said to have it."""

    def __call__(self, block: Block) -> Found:
        """Predict a block."""
        volume, model = self.source.open(), _loaded(self.model, self.sha256)
        region = block.region.moved(self.origin)
        maps = drain(predict_maps(volume, model, self.settings, region))
        self.source.check()
        values = {"semantic": maps.semantic, "boundary": maps.boundary}
        for name, target in self.targets.items():
            target.write(block.region, there(values[name]))
        return {}


def predict_blocks(
    site: Site, source: Source, recipe: Recipe, region: Region
) -> Job[BlockState]:
    """Predict the maps of a part of a volume, into arrays on disk.

    Parameters
    ----------
    site : Site
        Where the run takes place.
    source : Source
        The image as the network sees it.
    recipe : Recipe
        Which model, with the checksum of its weights, and how it is applied.
    region : Region
        The part; the network looks at what lies around it, too.

    Yields
    ------
    Progress
        One per block.

    Returns
    -------
    BlockState
        What the chain starts from.
    """
    volume, model = source.open(), _loaded(recipe.model, recipe.weights_sha256)
    cutting = site.cutting
    targets: dict[str, Stored] = {
        output: site.folder.array(
            f"{MAPS}/{output}", cutting.shape, "uint8", cutting.chunk
        )
        for output in ("semantic", "boundary")
        if output in model.network.outputs
    }
    # On the whole volume: tiles of a part are cut as large as those of the whole.
    fixed = _settled(site.folder, volume, model, recipe.inference)
    sha256, origin = recipe.weights_sha256, region.start
    task = PredictBlock(source, recipe.model, sha256, fixed, targets, origin)
    yield from site.finish("predict", task, list(cutting.layers), "Predicting")
    return BlockState(
        targets["semantic"],
        targets.get("boundary"),
        volume.spacing or model.card.spacing,
        image=PartSource(source, region),
        origin=origin,
    )


def _settled(
    folder: RunFolder, volume: Volume, model: TrainedModel, settings: InferenceSettings
) -> InferenceSettings:
    """Decide on the tiles once; the memory that is free will not be the same again."""
    path = folder.path / SETTINGS
    if not path.is_file():
        fixed = settled(volume, model, settings)
        with replacing(path) as draft:
            draft.write_text(fixed.model_dump_json(), encoding="utf-8")
    with intact(path):
        known = InferenceSettings.model_validate(read_noted(path))
    # All else is what the run was begun with, which has been compared.
    tiles = {name: getattr(known, name) for name in ("tile", "batch")}
    return settings.model_copy(update={"automatic_tiles": False, **tiles})


@lru_cache(maxsize=1)
def _loaded(name: str, sha256: str) -> TrainedModel:
    """Load a model once; another machine may have other weights under its name."""
    model = load_model(name)
    if model.card.sha256 != sha256:
        msg = (
            f"The model {name!r} has other weights here ({model.card.sha256[:12]}…) "
            f"than where the run was begun ({sha256[:12]}…). Copy them from there."
        )
        raise WeightsError(msg)
    return model
