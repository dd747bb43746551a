"""What a synthetic EM stack shows: the settings and the look drawn from them."""

from typing import Literal, NamedTuple

import numpy as np

from napari_mitoseg.params import Params, param


class SyntheticSettings(Params):
    """Contents and imaging of a synthetic EM stack."""

    style: Literal["random", "sbem", "sstem", "fib"] = param(
        "random",
        description="Imaging method to imitate; random draws one from the seed.",
    )
    mitochondria: float = param(
        0.08,
        description="Part of the volume that mitochondria aim to fill.",
        ge=0.0,
        le=0.3,
    )
    neurite_radius: float = param(
        260.0, description="Median radius of neurites.", unit="nm", ge=80, le=1500
    )
    branching: float = param(
        0.15, description="Chance that a mitochondrion branches.", ge=0, le=1
    )
    distractors: float = param(
        1.0,
        description="How many vesicles, lysosomes, myelin sheaths, nuclei and ER "
        "tubules there are; 1 is as in brain, 0 none.",
        ge=0.0,
        le=3.0,
    )
    misalignment: float = param(
        3.0,
        description="Standard deviation of the shift between sections.",
        unit="nm",
        ge=0.0,
        le=50.0,
    )


class Look(NamedTuple):
    """Grey levels (0-255) and imaging of one stack; lengths in nm."""

    cytoplasm: float
    cytoplasm_spread: float
    membrane: float
    membrane_width: float
    matrix: float
    matrix_spread: float
    cristae: float
    rim: float
    granules: float
    dots: float
    blur: float
    noise: float
    shot: float
    gradient: float
    flicker: float


SBEM = Look(
    cytoplasm=158,
    cytoplasm_spread=30,
    membrane=42,
    membrane_width=11,
    matrix=68,
    matrix_spread=14,
    cristae=-30,
    rim=-22,
    granules=16,
    dots=45,
    blur=9,
    noise=4,
    shot=6,
    gradient=8,
    flicker=3,
)
SSTEM = Look(
    cytoplasm=172,
    cytoplasm_spread=22,
    membrane=20,
    membrane_width=7.5,
    matrix=112,
    matrix_spread=18,
    cristae=-65,
    rim=-75,
    granules=24,
    dots=105,
    blur=4,
    noise=11,
    shot=9,
    gradient=10,
    flicker=6,
)
FIB = Look(
    cytoplasm=150,
    cytoplasm_spread=18,
    membrane=65,
    membrane_width=9,
    matrix=100,
    matrix_spread=12,
    cristae=-24,
    rim=-28,
    granules=12,
    dots=16,
    blur=5,
    noise=8,
    shot=8,
    gradient=6,
    flicker=2,
)
LOOKS = {"sbem": SBEM, "sstem": SSTEM, "fib": FIB}
LOOK_VARIATION = 0.12


def draw_look(settings: SyntheticSettings, rng: np.random.Generator) -> Look:
    """Draw the grey levels and imaging of one stack.

    Parameters
    ----------
    settings : SyntheticSettings
        Names the style.
    rng : numpy.random.Generator
        Source of the randomness.

    Returns
    -------
    Look
        The style's values, each varied by about 12 %.
    """
    drawn = str(rng.choice(sorted(LOOKS)))
    look = LOOKS[drawn if settings.style == "random" else settings.style]
    factors = np.exp(LOOK_VARIATION * rng.standard_normal(len(look)))
    # The bright levels saturate when they vary as much as the others.
    factors[: len(BRIGHT)] **= 0.4
    return Look(*(float(v * f) for v, f in zip(look, factors, strict=True)))


BRIGHT = ("cytoplasm",)
