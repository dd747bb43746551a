"""What the microscope does to the tissue."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_mitoseg.samples.grid import Floats, Grid, smooth_field
from napari_mitoseg.samples.settings import Look

ILLUMINATION_LENGTH = 3000.0  # nm over which the illumination changes
FULL_SIGNAL = 160.0  # grey level at which shot noise has its nominal size
NOISE_BLUR = 0.6  # pixels: neighbouring detector readings are not independent


def acquire(
    grid: Grid, image: Floats, look: Look, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Image the tissue.

    Parameters
    ----------
    grid : Grid
        The stack.
    image : ndarray of float32, shape (Z, Y, X)
        Grey levels of the tissue.
    look : Look
        Blur, noise and illumination.
    rng : numpy.random.Generator
        Source of the noise.

    Returns
    -------
    ndarray of uint8, shape (Z, Y, X)
        Blurred, unevenly lit, noisy.
    """
    sigma = [look.blur / s if look.blur / s > MIN_BLUR else 0 for s in grid.spacing]
    image = ndimage.gaussian_filter(image, sigma, truncate=3)
    image += look.gradient * smooth_field(grid, ILLUMINATION_LENGTH, rng)
    flicker = look.flicker * rng.standard_normal((grid.shape[0], 1, 1))
    image += flicker.astype(np.float32)
    variance = look.noise**2 + look.shot**2 * np.clip(image, 5, None) / FULL_SIGNAL
    noise = rng.standard_normal(grid.shape, dtype=np.float32)
    noise = ndimage.gaussian_filter(noise, (0, NOISE_BLUR, NOISE_BLUR), truncate=3)
    noise /= noise.std()
    image += np.sqrt(variance) * noise
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


MIN_BLUR = 0.2  # voxels; less blur than this changes nothing visible
