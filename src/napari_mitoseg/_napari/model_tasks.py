"""The work of the model manager, as jobs; torch is imported inside them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_mitoseg.jobs import Job, Progress
from napari_mitoseg.models.public import PUBLIC, PublicModel
from napari_mitoseg.models.zoo import (
    ModelCard,
    find_model,
    list_models,
    models_folder,
)

if TYPE_CHECKING:
    from napari_mitoseg.exchange.export import Format, WeightsFormat


@dataclass(frozen=True)
class ListedModel:
    """A model in the list of the manager.

    Attributes
    ----------
    card : ModelCard
        What is known.
    folder : Path or None
        Where it is; None while it is not installed.
    public : PublicModel or None
        Where it can be downloaded.
    """

    card: ModelCard
    folder: Path | None = None
    public: PublicModel | None = None

    @property
    def can_remove(self) -> bool:
        """Whether it was installed, or trained, into the user's folder."""
        return self.folder is not None and self.folder.parent == models_folder()


def listed_models() -> tuple[ListedModel, ...]:
    """Return all models there are, then public ones that are not installed."""
    here = [ListedModel(card, find_model(card.name)) for card in list_models()]
    names = {one.card.name for one in here}
    offered = [ListedModel(one.card, public=one) for one in PUBLIC]
    return (*here, *(one for one in offered if one.card.name not in names))


def install(source: str, settings: dict[str, Any]) -> Job[ModelCard]:
    """Install a model; see `install_model`."""
    yield Progress(0, 1, "Looking at the model")
    from napari_mitoseg.exchange.install import (  # noqa: PLC0415
        InstallSettings,
        install_model,
    )

    card: ModelCard = yield from install_model(source, InstallSettings.parse(settings))
    return card


def remove(name: str) -> Job[Path]:
    """Remove a model; see `remove_model`."""
    yield Progress(0, 1, f"Removing {name}")
    from napari_mitoseg.exchange.install import remove_model  # noqa: PLC0415

    return remove_model(name)


def export(
    name: str,
    out: Path,
    kind: "Format",
    weights: "tuple[WeightsFormat, ...]",
    author: str,
) -> Job[tuple[Path, ...]]:
    """Export a model; see `export_model`."""
    yield Progress(0, 4, "Loading the model")
    from napari_mitoseg.exchange.export import export_model  # noqa: PLC0415

    authors = tuple(one.strip() for one in author.split(",") if one.strip())
    return (yield from export_model(name, out, kind, weights, authors))
