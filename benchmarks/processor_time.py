"""Run a benchmark by processor time of one thread, so that the machine may be busy.

    python benchmarks/processor_time.py benchmarks/systems.py --data … --minutes 6

The script's minutes are then minutes in which one thread computed, not minutes on the
wall: other programs, a second benchmark among them, no longer shorten a training.
"""

import queue  # noqa: F401  with threading, keeps the true clock: both wait by it
import runpy
import sys
import threading  # noqa: F401
import time

import torch


def main() -> None:
    """Change the clock, then run the script that is named."""
    torch.set_num_threads(1)
    time.monotonic = time.process_time
    time.perf_counter = time.process_time
    del sys.argv[0]
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
