"""A model that is about to be installed."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import ValidationError

from napari_mitoseg.errors import ReadError, WeightsError
from napari_mitoseg.models.zoo import ModelCard
from napari_mitoseg.params import describe


@dataclass(frozen=True, eq=False)
class Candidate:
    """A card, and the file of weights that belongs to it.

    Attributes
    ----------
    card : ModelCard
        What is known.
    content : bytes
        The weights, or the network as a whole.
    """

    card: ModelCard
    content: bytes

    @classmethod
    def from_files(cls, card: bytes, weights: bytes) -> Self:
        """Put the two files of a model folder together.

        Parameters
        ----------
        card : bytes
            ``model.json``.
        weights : bytes
            The other one.

        Returns
        -------
        Candidate
            Its checksum fits.

        Raises
        ------
        ReadError
            If the card is damaged.
        WeightsError
            If the weights are not those of the card.
        """
        try:
            known = ModelCard.model_validate_json(card)
        except ValidationError as error:
            msg = f"The card of the model is damaged: {describe(error)} Get it again."
            raise ReadError(msg) from error
        found = hashlib.sha256(weights).hexdigest()
        if found != known.sha256:
            msg = (
                f"The weights of {known.name} are damaged: their sha256 is {found}, "
                f"the card says {known.sha256 or 'nothing'}. Get the model again."
            )
            raise WeightsError(msg)
        return cls(known, weights)

    def try_out(self, path: Path) -> None:
        """Build the network, and run it on a small image.

        Parameters
        ----------
        path : Path
            Where it came from, for messages.

        Raises
        ------
        WeightsError
            If it cannot be built, or does not return what its card says.
        """
        import torch  # noqa: PLC0415 - slow to load

        from napari_mitoseg.inference.footprint import probe_shape  # noqa: PLC0415
        from napari_mitoseg.models.weights_file import build_network  # noqa: PLC0415

        network = build_network(self.card, self.content, path)
        image = torch.zeros(probe_shape(network))
        try:
            with torch.inference_mode():
                maps = network.probability(image)
        except (RuntimeError, ValueError, TypeError) as error:
            reason = str(error).strip().splitlines()[-1]
            msg = f"{self.card.name} cannot be run on an image ({reason})."
            raise WeightsError(msg) from error
        if maps.shape[1] != network.n_maps or maps.shape[2:] != image.shape[2:]:
            msg = f"{self.card.name} gives maps of shape {tuple(maps.shape)}."
            raise WeightsError(msg)
