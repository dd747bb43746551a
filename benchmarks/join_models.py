"""Join trained models to an ensemble, as the embedded `accurate` is, and score it.

    python benchmarks/join_models.py --data ../shared/data \
        --config benchmarks/train_default.json --card benchmarks/accurate.json \
        --members runs/fast/model runs/large/model --out runs/accurate

``--config`` says which slices are held out.  With members that have not seen a stack,
``--leave-out NAME`` scores on all of it.
"""

import argparse
import json
import sys
from pathlib import Path

import torch
from train_default import Configuration, held_out, read_source, score_and_save

from napari_mitoseg.models.ensemble import Ensemble, EnsembleConfig
from napari_mitoseg.models.stage import Stage
from napari_mitoseg.models.zoo import ModelCard, TrainedModel, load_model


def join(models: list[TrainedModel]) -> Ensemble:
    """Return the ensemble of trained models."""
    stages = tuple(
        Stage(architecture=one.card.architecture, config=one.card.config)
        for one in models
    )
    ensemble = Ensemble(EnsembleConfig(members=stages)).eval()
    for member, one in zip(ensemble.members, models, strict=True):
        member.load_state_dict(one.network.state_dict())
    return ensemble


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--card", type=Path, required=True)
    parser.add_argument("--members", nargs="+", required=True, help="model folders")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--leave-out", default="", help="no member has seen this stack")
    parser.add_argument("--threads", type=int, default=0)
    return parser.parse_args()


def main() -> int:
    """Join, score, save."""
    arguments = parse_arguments()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    sources = Configuration.parse(json.loads(arguments.config.read_text("utf-8")))
    card = ModelCard.parse(json.loads(arguments.card.read_text("utf-8")))
    models = [load_model(name) for name in arguments.members]
    loaded = [read_source(s, arguments.data) for s in sources.sources]
    held = held_out(loaded, arguments.leave_out, card.spacing)
    patched = card.model_copy(update={"patch": models[0].card.patch})
    score_and_save(join(models), patched, loaded, held, arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
