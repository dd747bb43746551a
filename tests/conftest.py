"""What tests in every folder use: real data where present, synthetic tissue."""

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_mitoseg.models.zoo import TrainedModel
from napari_mitoseg.samples import SyntheticSettings, synthetic_em
from napari_mitoseg.volume import Volume

Sample = tuple[Volume, NDArray[np.uint32]]
BESIDE_REPOSITORY = Path(__file__).resolve().parents[2] / "shared" / "data"


def _frozen(sample: Sample) -> Sample:
    """Make a sample that many tests share read-only."""
    image, labels = sample
    np.asarray(image.data).setflags(write=False)
    labels.setflags(write=False)
    return sample


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Folder of real EM: $MITOSEG_DATA, or shared/data beside the repository."""
    folder = Path(os.environ.get("MITOSEG_DATA", BESIDE_REPOSITORY))
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} does not exist; set MITOSEG_DATA")
    return folder


@pytest.fixture(scope="session")
def tiny_em() -> Sample:
    """Anisotropic stack of 8 x 128 x 128 voxels at 40 x 16 x 16 nm, and its truth."""
    settings = SyntheticSettings(style="sbem")
    return _frozen(synthetic_em((8, 128, 128), (40.0, 16.0, 16.0), 1, settings))


@pytest.fixture(scope="session")
def isotropic_em() -> Sample:
    """Isotropic stack of 48 x 96 x 96 voxels at 16 nm, and its truth."""
    settings = SyntheticSettings(style="fib")
    return _frozen(synthetic_em((48, 96, 96), (16.0, 16.0, 16.0), 2, settings))


@pytest.fixture(scope="session")
def single_slice_em() -> Sample:
    """One section of 256 x 256 pixels at 10 nm, and its truth."""
    settings = SyntheticSettings(style="sbem")
    return _frozen(synthetic_em((1, 256, 256), (40.0, 10.0, 10.0), 3, settings))


@pytest.fixture(scope="session", params=["tiny_em", "isotropic_em", "single_slice_em"])
def any_em(request: pytest.FixtureRequest) -> Sample:
    """Each of the synthetic stacks in turn."""
    sample: Sample = request.getfixturevalue(request.param)
    return sample


@pytest.fixture(scope="session")
def stack(tiny_em: Sample) -> Volume:
    """The image of `tiny_em`."""
    return tiny_em[0]


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a small untrained model of the default architecture."""
    import torch

    from napari_mitoseg.models.architectures import architectures
    from napari_mitoseg.models.zoo import ModelCard, save_model

    torch.manual_seed(0)
    network = architectures["fast"].from_config({"widths": [8, 8]})
    card = ModelCard(name="tiny", architecture="fast", spacing=(40.0, 16.0, 16.0))
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_model(network, card, folder)
    return folder


@pytest.fixture(scope="session")
def tiny_model(model_folder: Path) -> TrainedModel:
    """The model in `model_folder`."""
    from napari_mitoseg.models.zoo import load_model

    return load_model(model_folder)
