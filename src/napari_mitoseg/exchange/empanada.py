"""From a model of empanada (MitoNet) and its YAML to a model of this program."""

import hashlib
from typing import Any

from napari_mitoseg.exchange.candidate import Candidate
from napari_mitoseg.exchange.read_rdf import understood
from napari_mitoseg.models.foreign.config import ForeignConfig
from napari_mitoseg.models.zoo import ModelCard
from napari_mitoseg.volume import Spacing

SPACING: Spacing = (16.0, 16.0, 16.0)
"""Such models are trained on images of many spacings and say none: mitochondria have
the size of most of their training images at about this."""

CITATION = (
    "Conrad, Narayan (2023), Instance segmentation of mitochondria in electron "
    "microscopy images with a generalist deep learning model trained on a diverse "
    "dataset, doi:10.1016/j.cels.2022.12.006"
)


def is_empanada(content: dict[str, Any]) -> bool:
    """Say whether a YAML file describes a model of empanada."""
    return {"norms", "model"} <= content.keys() and "thing_list" in content


def address_of(content: dict[str, Any]) -> str:
    """Return where the YAML says that the network is: an address or a file name."""
    return str(content["model"])


def read_empanada(
    content: dict[str, Any], network: bytes, name: str, spacing: Spacing | None = None
) -> Candidate:
    """Put a network of empanada and its YAML together.

    Parameters
    ----------
    content : dict
        What the YAML holds.
    network : bytes
        TorchScript.
    name : str
        Of the model.
    spacing : tuple of float, optional
        At which it is applied, nm, ZYX; 16 nm where absent.

    Returns
    -------
    Candidate
        Card and network, not yet tried.

    Raises
    ------
    ReadError
        If the YAML lacks something.
    """
    with understood("YAML"):
        config = _config(content)
    card = ModelCard.parse(
        {
            "name": name,
            "architecture": "torchscript",
            "config": config.model_dump(mode="json"),
            "spacing": spacing or SPACING,
            "outputs": config.outputs,
            "halo": config.halo,
            "sha256": hashlib.sha256(network).hexdigest(),
            "description": " ".join(str(content.get("description") or "").split()),
            "citation": (CITATION,),
            "limits": (
                "Its spacing is a choice of this program: the model says none.",
                "Slices only: no vote of three orthogonal directions.",
            ),
        }
    )
    return Candidate(card, network)


def _config(content: dict[str, Any]) -> ForeignConfig:
    factor = int(content.get("padding_factor", 16))
    norms = content["norms"]
    (thing, *_) = content["thing_list"]
    several = len(content.get("labels") or [thing]) > 1
    engine = (content.get("FINETUNE") or {}).get("engine_params") or {}
    # Many classes are channels from 0, the background; one class has a channel alone.
    semantic = int(thing) if several else 0
    activation = "softmax" if several else "sigmoid"
    return ForeignConfig.parse(
        {
            "dimensions": 2,
            "smallest": (1, factor, factor),
            "step": (1, factor, factor),
            "halo": (0, 128, 128),
            "preprocessing": [
                {"kind": "full-scale"},
                {
                    "kind": "shift",
                    "minus": float(norms["mean"]),
                    "over": float(norms["std"]),
                },
            ],
            "returned": [
                {"key": "sem_logits", "operations": [{"kind": activation}]},
                {"key": "ctr_hmp"},
                {"key": "offsets"},
            ],
            "maps": [
                {"name": "semantic", "tensor": 0, "channel": semantic},
                {"name": "centre", "tensor": 1},
                {"name": "offset-y", "tensor": 2, "channel": 0},
                {"name": "offset-x", "tensor": 2, "channel": 1},
            ],
            "grouping": {
                "confidence": float(engine.get("confidence_thr", 0.5)),
                "threshold": float(engine.get("nms_threshold", 0.1)),
                "window": int(engine.get("nms_kernel", 7)),
            },
        }
    )
