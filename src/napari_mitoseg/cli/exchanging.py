"""Commands that let models travel: `export-model`, `install-model`, `remove-model`."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from napari_mitoseg.cli.app import app
from napari_mitoseg.cli.console import run, tell
from napari_mitoseg.cli.options import parse_spacing

ModelSpacing = Annotated[
    str | None,
    Parameter(
        name="--spacing",
        help="Distance between voxels of the training images in nm as Z,Y,X; overrides "
        "what the package says.",
    ),
]


@app.command
def export_model(
    model: Annotated[str, Parameter(name="MODEL")],
    /,
    *,
    out: Path,
    format: Literal["bioimageio", "torchscript", "onnx", "mitoseg"] = "bioimageio",  # noqa: A002 - the option's name
    weights: str = "torchscript",
    author: Annotated[list[str] | None, Parameter(negative="")] = None,
    licence: str = "",
) -> None:
    """Write a trained model for other programs, or for another computer.

    Parameters
    ----------
    model : str
        Name or folder of the model.
    out : Path
        File to write: .zip for packages, .pt for torchscript, .onnx for onnx.
    format : {"bioimageio", "torchscript", "onnx", "mitoseg"}
        A BioImage.IO package; a bare graph with a JSON file beside it; or the model as
        it is, in an archive.
    weights : str
        Formats in a BioImage.IO package: torchscript, onnx, or both with a comma
        between them. ONNX needs pip install 'napari-mitoseg[onnx]'.
    author : str
        Who made the model; may be given several times.
    licence : str
        SPDX identifier of the licence, for example CC-BY-4.0; that of the model when
        absent.
    """
    from napari_mitoseg.exchange.export import export_model, parse_weights

    files = run(
        export_model(
            model, out, format, parse_weights(weights), tuple(author or ()), licence
        )
    )
    tell(f"{model} written to {', '.join(map(str, files))}")


@app.command
def install_model(
    source: Annotated[str, Parameter(name="SOURCE")],
    /,
    *,
    name: str = "",
    sha256: str = "",
    weights: Literal["auto", "own", "onnx", "torchscript"] = "auto",
    spacing: ModelSpacing = None,
    outputs: str = "",
    trust: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Install a model from a file or an address, for use by its name.

    Parameters
    ----------
    source : str
        BioImage.IO package (.zip, folder or rdf.yaml), model of this program (.zip or
        folder), graph (.onnx or .pt) beside its JSON file, YAML file of empanada
        (MitoNet), https address of one of these, or a public model that `models`
        lists.
    name : str
        Name to choose it by; its own when absent.
    sha256 : str
        Checksum that the file, downloaded or not, must have.
    weights : {"auto", "own", "onnx", "torchscript"}
        Which weights of a package; auto takes those of this program, then ONNX, then
        TorchScript.
    spacing : str, optional
        Distance between voxels of the training images in nm as Z,Y,X.
    outputs : str
        What the channels are, where the package does not say it: semantic,boundary;
        - for those that are neither.
    trust : bool
        Agree to run TorchScript from this source: it is a program.
    """
    from napari_mitoseg.exchange.install import InstallSettings, install_model

    settings = InstallSettings.parse(
        {
            "name": name,
            "sha256": sha256,
            "weights": weights,
            "spacing": parse_spacing(spacing),
            "outputs": outputs,
            "trust": trust,
        }
    )
    card = run(install_model(source, settings))
    tell(f"{card.name} installed: {card.architecture}, sha256 {card.sha256}")
    for limit in card.limits:
        tell(limit)


@app.command
def remove_model(model: Annotated[str, Parameter(name="MODEL")], /) -> None:
    """Remove a model that was installed or trained into the user's folder.

    Parameters
    ----------
    model : str
        Its name.
    """
    from napari_mitoseg.exchange.install import remove_model

    tell(f"{model} removed from {remove_model(model)}")
