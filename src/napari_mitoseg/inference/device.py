"""Which device computes, how much memory it has, and what running out looks like."""

import torch

from napari_mitoseg import memory
from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.inference.settings import DeviceName

_CPU_OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")


def choose_device(name: DeviceName) -> torch.device:
    """Return the device to compute on.

    Parameters
    ----------
    name : {"auto", "cpu", "cuda", "mps"}
        Only ``auto`` may choose: cuda where there is one, then mps, then cpu.

    Returns
    -------
    torch.device
        The device.

    Raises
    ------
    InvalidParameterError
        If a device is asked for by name and missing.
    """
    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, there in present.items() if there))
    if not present.get(name, False):
        choices = ", ".join(kind for kind, there in present.items() if there)
        msg = (
            f"The device {name!r} was asked for, but this computer has none that torch "
            f"{torch.__version__} can use. Choose auto, or one of: {choices}."
        )
        raise InvalidParameterError(msg)
    return torch.device(name)


def free_memory(device: torch.device) -> int:
    """Return the free memory of a device in bytes."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free)
    return memory.free_memory()


def is_out_of_memory(error: Exception) -> bool:
    """Say whether an exception means that the device ran out of memory.

    Parameters
    ----------
    error : Exception
        What torch or Python raised.

    Returns
    -------
    bool
        True for CUDA's own exception, for MemoryError, and for the RuntimeError that
        the CPU and MPS allocators raise.
    """
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(
        sign in text for sign in _CPU_OUT_OF_MEMORY
    )
