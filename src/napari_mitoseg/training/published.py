"""How the papers train their networks: for a GPU, and hours to days.

Each function returns the stages of a training, in order; `trainers` files them by
architecture, and ``train --preset paper`` runs them.
"""

from math import ceil

from napari_mitoseg.training.appearance import NO_APPEARANCE
from napari_mitoseg.training.augmentations import CHALLENGE, AugmentationChain, Flip
from napari_mitoseg.training.geometry import NO_GEOMETRY
from napari_mitoseg.training.settings import FitSettings


def resunet_stages() -> tuple[FitSettings, FitSettings]:
    """Return the two stages of multi-scale training of Res-UNet-R and -H.

    Returns
    -------
    tuple of FitSettings
        20 000 steps on 32×256×256, then 10 000 on 36×320×320; Adam with a fixed rate
        of 1e-4, two patches a step, the eleven augmentations of the challenge.

    References
    ----------
    .. [1] Li et al. (2021), Advanced deep networks for 3D mitochondria instance
       segmentation, section 3.2, doi:10.48550/arXiv.2104.07961.
    """
    first = FitSettings(
        steps=20_000,
        patch=(32, 256, 256),
        batch=2,
        optimizer="adam",
        learning_rate=1e-4,
        schedule="constant",
        weight_decay=0,
        loss="weighted-bce",
        averaging=0,
        augmentations=CHALLENGE,
        validate_every=1000,
    )
    return first, first.model_copy(update={"steps": 10_000, "patch": (36, 320, 320)})


def fusion_fcn_stages() -> tuple[FitSettings]:
    """Return the training of the fusion FCN.

    Returns
    -------
    tuple of FitSettings
        Patches of 512×512 from everywhere, flipped and turned, four a step; 20 000
        steps, where the text has 20 000 training samples and no number of steps.

    Notes
    -----
    Left open by the text, and chosen here: optimizer, rate, loss and batch.  The paper
    starts from weights trained on ImageNet; these start at random.

    References
    ----------
    .. [1] Fusion fully convolution network for mitochondria segmentation in ATUM-SEM
       stacks, section 2.2.2.
    """
    only = FitSettings(
        steps=20_000,
        patch=(1, 512, 512),
        batch=4,
        foreground=0,
        dark=0,
        augmentations=AugmentationChain(steps=(Flip(),)),
        validate_every=1000,
    )
    return (only,)


def patch_cnn_stages() -> tuple[FitSettings]:
    """Return the training of the patch CNN, to be used with `blocks.draw_blocks`.

    Returns
    -------
    tuple of FitSettings
        Blocks of 32×32, half of them of mitochondria, 256 a step; nothing is varied
        but what `draw_blocks` turns.  The text gives no number of steps, nor
        optimizer, rate, loss and batch.

    References
    ----------
    .. [1] Oztel, Yolcu, Ersoy, White, Bunyak (2017), Mitochondria segmentation in
       electron microscopy volumes using deep convolutional neural network,
       doi:10.1109/BIBM.2017.8217827.
    """
    only = FitSettings(
        steps=20_000,
        patch=(1, 32, 32),
        batch=256,
        foreground=0.5,
        dark=0,
        augmentations=AugmentationChain(),
        validate_every=1000,
    )
    return (only,)


def segmentation_stages() -> tuple[FitSettings]:
    """Return how the 3D Res-UNet is trained, the second stage of the cascade too.

    Returns
    -------
    tuple of FitSettings
        Four cubes of 32×256×256 in a step, a fixed rate of 0.01, 100 epochs; an epoch
        is the 18×9×7 cubes that cover 165×768×1024 voxels with the overlap of the
        paper, here drawn from everywhere instead of a grid.  Turned by quarters and
        transposed.

    Notes
    -----
    Left open by the text, and chosen here: Adam, and that the rate does not fall.  The
    slices are not enlarged from 768×1024 to 1024×1280 pixels, as the text has it before
    augmentation; give a finer spacing for that.

    References
    ----------
    .. [1] Guo et al. (2023), doi:10.3390/electronics12040928, section 4.1.
    """
    only = FitSettings(
        steps=100 * ceil(18 * 9 * 7 / 4),
        patch=(32, 256, 256),
        batch=4,
        optimizer="adam",
        learning_rate=0.01,
        schedule="constant",
        weight_decay=0,
        loss="bce",
        averaging=0,
        foreground=0,
        dark=0,
        geometry=NO_GEOMETRY,
        appearance=NO_APPEARANCE,
    )
    return (only,)
