"""Public models of mitochondria that can be installed by name.

Addresses and checksums are those that the models' own descriptions give; where a
publisher gives no checksum there is none here.  Nothing is downloaded before the user
asks for it.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from napari_mitoseg.models.zoo import ModelCard
from napari_mitoseg.volume import Spacing

Made = TypeVar("Made")


@dataclass(frozen=True)
class PublicModel:
    """A model that somebody else has published.

    Attributes
    ----------
    url : str
        Where its network is.
    sha256 : str
        Checksum of that file; empty where its publisher gives none.
    card : ModelCard
        What is known; without the checksum.
    page : str
        Where to read about it.
    """

    url: str
    sha256: str
    card: ModelCard
    page: str

    def candidate(
        self, make: Callable[[ModelCard, bytes], Made], content: bytes
    ) -> Made:
        """Put card and network together.

        Parameters
        ----------
        make : callable
            Takes both.
        content : bytes
            The network.

        Returns
        -------
        object
            What `make` makes of them.
        """
        found = hashlib.sha256(content).hexdigest()
        return make(self.card.model_copy(update={"sha256": found}), content)


def public_model(name: str) -> PublicModel | None:
    """Return the public model of a name; None where there is none."""
    return next((one for one in PUBLIC if one.card.name == name), None)


def public_names() -> tuple[str, ...]:
    """Return the names of all public models."""
    return tuple(one.card.name for one in PUBLIC)


def _unet(dimensions: int, smallest: Any, step: Any, halo: Any) -> dict[str, Any]:
    """Return how the two U-Nets of the BioImage Model Zoo are run."""
    # Their graphs end with a sigmoid (final_activation in their descriptions).
    scope = "stack" if dimensions == 3 else "slice"
    return {
        "dimensions": dimensions,
        "smallest": smallest,
        "step": step,
        "halo": halo,
        "preprocessing": [{"kind": "standardize", "eps": 1e-6, "scope": scope}],
        "maps": [
            {"name": "semantic", "channel": 0},
            {"name": "boundary", "channel": 1},
        ],
    }


def _mitonet(factor: int) -> dict[str, Any]:
    """Return how the models of empanada are run: norms and thresholds of their YAML."""
    return {
        "dimensions": 2,
        "smallest": (1, factor, factor),
        "step": (1, factor, factor),
        "halo": (0, 128, 128),
        "preprocessing": [
            {"kind": "full-scale"},
            {"kind": "shift", "minus": 0.57571, "over": 0.12765},
        ],
        "returned": [
            {"key": "sem_logits", "operations": [{"kind": "sigmoid"}]},
            {"key": "ctr_hmp"},
            {"key": "offsets"},
        ],
        "maps": [
            {"name": "semantic", "tensor": 0},
            {"name": "centre", "tensor": 1},
            {"name": "offset-y", "tensor": 2, "channel": 0},
            {"name": "offset-x", "tensor": 2, "channel": 1},
        ],
        "grouping": {"confidence": 0.5, "threshold": 0.1, "window": 7},
    }


def _card(  # noqa: PLR0913 - a row of the table
    name: str,
    config: dict[str, Any],
    spacing: Spacing,
    about: str,
    authors: tuple[str, ...],
    licence: str,
    citation: tuple[str, ...],
    *,
    doi: str,
    data: str,
    limits: tuple[str, ...] = (),
) -> ModelCard:
    return ModelCard(
        name=name,
        architecture="torchscript",
        config=config,
        spacing=spacing,
        outputs=("semantic", "boundary"),
        halo=config["halo"],
        description=about,
        authors=authors,
        licence=licence,
        citation=citation,
        doi=doi,
        data=(data,),
        limits=limits,
    )


_TORCH_EM = "Pape, torch-em, doi:10.5281/zenodo.5108853"
_MITONET = (
    "Conrad, Narayan (2023), Instance segmentation of mitochondria in electron "
    "microscopy images with a generalist deep learning model trained on a diverse "
    "dataset, doi:10.1016/j.cels.2022.12.006",
)
_ZENODO_MITONET = "https://zenodo.org/record/6861565"


def _mitonet_model(name: str, factor: int, about: str) -> PublicModel:
    """Return one of empanada's models; `factor` divides the size of a slice."""
    return PublicModel(
        url=f"{_ZENODO_MITONET}/files/{name}.pth?download=1",
        sha256="",
        page=_ZENODO_MITONET,
        card=_card(
            name,
            _mitonet(factor),
            (16.0, 16.0, 16.0),
            f"{about} and offsets out, which become instances slice by slice.",
            ("Ryan Conrad", "Kedar Narayan"),
            "",
            _MITONET,
            doi="10.5281/zenodo.6861565",
            data="CEM-MitoLab: 2D images of many tissues, microscopes and spacings.",
            limits=(
                "Its spacing is a choice of this program: the model says none.",
                "Slices only: no vote of three orthogonal directions.",
                "Its publisher gives no sha256: the download is not compared.",
            ),
        ),
    )


PUBLIC: tuple[PublicModel, ...] = (
    _mitonet_model(
        "MitoNet_v1",
        16,
        "Generalist of empanada (Panoptic-DeepLab): slices in; mask, centres",
    ),
    _mitonet_model(
        "MitoNet_v1_mini",
        128,
        "The small one of empanada's generalists (Panoptic-BiFPN): slices in; mask, "
        "centres",
    ),
    PublicModel(
        url=(
            "https://zenodo.org/api/records/6630266/files/weights-torchscript.pt/content"
        ),
        sha256="b3ffbe1d9d227c53f26cfb01de97710f7f89104d20861c0a57cd36e2d48bb999",
        page="https://bioimage.io/#/?id=kind-seashell",
        card=_card(
            "kind-seashell",
            _unet(3, (8, 32, 32), (4, 16, 16), (2, 8, 8)),
            (30.0, 8.0, 8.0),
            "MitochondriaEMSegmentationBoundaryModel of the BioImage Model Zoo: 3D "
            "U-Net, anisotropic; foreground and boundaries.",
            ("Constantin Pape",),
            "CC-BY-4.0",
            (
                _TORCH_EM,
                "Wei et al. (2020), MitoEM dataset, "
                "doi:10.1007/978-3-030-59722-1_7 (data)",
            ),
            doi="10.5281/zenodo.6630266",
            data="MitoEM: rat and human cortex, SEM at 30, 8, 8 nm (z, y, x).",
        ),
    ),
    PublicModel(
        url=(
            "https://zenodo.org/api/records/6406804/files/weights-torchscript.pt/content"
        ),
        sha256="f743bb0e0f7d9bf05c4f72082024e30d71d4c2ef71bca4c8aa6ac43550515528",
        page="https://bioimage.io/#/?id=shivering-raccoon",
        card=_card(
            "shivering-raccoon",
            _unet(2, (1, 32, 32), (1, 16, 16), (0, 8, 8)),
            (50.0, 4.6, 4.6),
            "MitchondriaEMSegmentation2D of the BioImage Model Zoo: 2D U-Net; "
            "foreground and boundaries.",
            ("Constantin Pape",),
            "CC-BY-4.0",
            (
                _TORCH_EM,
                "Gerhard et al. (2013), Segmented anisotropic ssTEM dataset of neural "
                "tissue, doi:10.6084/m9.figshare.856713 (data)",
            ),
            doi="10.5281/zenodo.6406804",
            data="Drosophila larva ventral nerve cord, ssTEM.",
        ),
    ),
)
"""In the order they are offered."""
