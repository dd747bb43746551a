"""Errors a user can cause and mend.

Every message says what was given, what is allowed and what to do.  Anything
that is not a `MitoSegError` is a bug and is left to propagate.
"""

SAID = "napari-mitoseg: "
"""What the messages of the command line begin with."""


class MitoSegError(Exception):
    """Base of every error that a user can act on."""


class InvalidParameterError(MitoSegError, ValueError):
    """A setting has a value outside what it allows."""


class ShapeError(MitoSegError, ValueError):
    """An array has the wrong number of axes or the wrong size."""


class UnknownNameError(MitoSegError, LookupError):
    """A name is in no registry; the message lists the choices."""


class ReadError(MitoSegError, OSError):
    """A file cannot be read, or does not hold an EM stack."""


class WriteError(MitoSegError, OSError):
    """A result cannot be written; nothing half-written is left behind."""


class WeightsError(MitoSegError):
    """Weights are missing, damaged, or do not fit their architecture."""


class TrustError(WeightsError):
    """A model is a program that the user has not agreed to run."""


class DownloadError(MitoSegError, OSError):
    """A file cannot be downloaded, or is another one than it should be."""


class AnnotationError(MitoSegError, ValueError):
    """An annotation cannot be trained from."""


class DeviceMemoryError(MitoSegError):
    """The device has too little memory even for the smallest tile."""


class JobError(MitoSegError):
    """A job failed inside a library; the cause is chained."""


def one_line(error: BaseException) -> str:
    r"""Return what a library says, on one line and not longer.

    Parameters
    ----------
    error : BaseException
        What it raised.

    Returns
    -------
    str
        Its type and the beginning of its message.

    Examples
    --------
    >>> one_line(ValueError("two\nlines"))
    'ValueError: two lines'
    """
    return " ".join(f"{type(error).__name__}: {error}"[:400].split())[:160]
