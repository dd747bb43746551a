"""The whole line, from stack to instances, in one JSON file.

The Segment widget edits a recipe, the command line runs one, and every result
carries the one that made it.  Reading and editing recipes loads no torch; running
one is `pipeline.run_recipe`.
"""

import json
from pathlib import Path
from typing import Literal

from pydantic import Field

from napari_mitoseg.documents import read_json
from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.inference.settings import DeviceName, InferenceSettings
from napari_mitoseg.params import Params, param
from napari_mitoseg.postprocessing import DEFAULT_CHAIN, Chain
from napari_mitoseg.preprocessing import Pipeline

DEFAULT_MODEL = "fast"


class Recipe(Params):
    """Everything that decides what comes out of a stack."""

    version: Literal[1] = param(1, description="Layout of this file.")
    preprocessing: Pipeline = Field(
        default=Pipeline(), description="What is done to the image, in order."
    )
    model: str = param(
        DEFAULT_MODEL, min_length=1, description="Name or folder of the model."
    )
    weights_sha256: str = param(
        "",
        description="Checksum of the weights that made a result; empty takes any.",
    )
    inference: InferenceSettings = Field(
        default=InferenceSettings(), description="How the model is applied."
    )
    postprocessing: Chain = Field(
        default=DEFAULT_CHAIN, description="From probability maps to instances."
    )
    software: str = param("", description="Program that wrote this file.")

    @classmethod
    def load(cls, path: Path) -> "Recipe":
        """Read a recipe.

        Parameters
        ----------
        path : Path
            JSON file.

        Returns
        -------
        Recipe
            Fields that the file leaves out have their defaults.

        Raises
        ------
        ReadError
            If the file cannot be read or is no JSON.
        InvalidParameterError
            If a field is unknown or out of bounds.
        UnknownNameError
            If a step is not known.
        """
        content = read_json(path)
        if not isinstance(content, dict):
            msg = f"The recipe {path} holds no JSON object. Give a saved recipe."
            raise InvalidParameterError(msg)
        return cls.parse(content)

    def with_overrides(
        self,
        model: str | None,
        device: DeviceName | None,
        augmentation: Literal[1, 4, 8] | None,
    ) -> "Recipe":
        """Return the recipe with some settings replaced.

        Parameters
        ----------
        model : str or None
            Name or folder of another model; its weights are then not compared with
            those that the recipe was made with.
        device : {"auto", "cpu", "cuda", "mps"} or None
            Where the network runs.
        augmentation : {1, 4, 8} or None
            Views averaged.

        Returns
        -------
        Recipe
            None keeps what the recipe says.
        """
        given = {"device": device, "augmentation": augmentation}
        changes = {name: value for name, value in given.items() if value is not None}
        inference = self.inference.model_copy(update=changes)
        update: dict[str, object] = {"inference": inference}
        if model is not None and model != self.model:
            update |= {"model": model, "weights_sha256": ""}
        return self.model_copy(update=update)

    def as_json(self) -> str:
        """Return the recipe as it is written to files."""
        content = self.model_dump(mode="json")
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
