"""The program that commands are filed under, and how it ends."""

import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from napari_mitoseg import __version__
from napari_mitoseg.cli.console import say
from napari_mitoseg.errors import SAID, MitoSegError

BAD_INPUT = 2
INTERRUPTED = 130
PIPE_CLOSED = 141

app = App(
    name="napari-mitoseg",
    help="Mitochondria in electron microscopy: segment, count, measure.",
    version=__version__,
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)


def main(tokens: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    Parameters
    ----------
    tokens : sequence of str, optional
        Arguments; those of the process when absent.
    """
    given = sys.argv[1:] if tokens is None else tokens
    try:
        app(given, exit_on_error=False, print_error=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read what is printed, such as `head`, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(PIPE_CLOSED)
    except (CycloptsError, MitoSegError) as error:
        say(f"{SAID}{' '.join(str(error).split())}")
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        say(
            f"{SAID}interrupted; no result was written. A training can be "
            "continued with --resume, and segment goes on where it was if it went "
            "block by block: give the same command again."
        )
        sys.exit(INTERRUPTED)
