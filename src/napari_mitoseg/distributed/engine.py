"""Who does the work on blocks: this process, or others."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from napari_mitoseg.distributed.blocks import Block, Cutting
from napari_mitoseg.distributed.run_folder import Found, Records, RunFolder
from napari_mitoseg.jobs import Job, Progress
from napari_mitoseg.memory import free_memory

MEMORY_SHARE = 0.5
"""Share of the free memory that is taken if nothing else is said."""

Task = Callable[[Block], Found]
"""Works on a block: reads and writes arrays on disk and returns small things.  It holds
paths and numbers only, and gives the same whenever it is run again."""


class Engine(Protocol):
    """Runs tasks on blocks."""

    @property
    def memory(self) -> int:
        """Bytes that a process may take for a block at a time, if it is not told."""

    def map(self, task: Task, blocks: Sequence[Block]) -> Iterator[tuple[Block, Found]]:
        """Run a task on blocks.

        Parameters
        ----------
        task : Task
            What to do.
        blocks : sequence of Block
            On what; in any order, perhaps at the same time.

        Yields
        ------
        block : Block
            One that is finished.
        found : mapping of str to ndarray
            What was found out.
        """


class SerialEngine:
    """Works on one block after the other, in this process."""

    @property
    def memory(self) -> int:
        """Half of the memory that is free."""
        return usual_memory()

    def map(self, task: Task, blocks: Sequence[Block]) -> Iterator[tuple[Block, Found]]:
        """Run a task on blocks, in order; see `Engine.map`."""
        for block in blocks:
            yield block, task(block)


def usual_memory() -> int:
    """Return the bytes that a run on this machine takes if it is not told."""
    return int(MEMORY_SHARE * free_memory())


@dataclass(frozen=True)
class Site:
    """Where a run takes place.

    Attributes
    ----------
    folder : RunFolder
        What is finished.
    engine : Engine
        Who works.
    cutting : Cutting
        On which blocks.
    """

    folder: RunFolder
    engine: Engine
    cutting: Cutting

    def finish(
        self, stage: str, task: Task, blocks: Sequence[Block], title: str
    ) -> Job[Records]:
        """Run a task on all blocks on which it has not been run yet.

        Parameters
        ----------
        stage : str
            Name under which blocks are recorded.
        task : Task
            What to do.
        blocks : sequence of Block
            All blocks of the stage.
        title : str
            What is being done, in the user's words.

        Yields
        ------
        Progress
            One per block, with those of an earlier run.

        Returns
        -------
        Records
            What the blocks have found out.
        """
        records = self.folder.recorded(stage)
        known = records.numbers()
        left = [block for block in blocks if block.number not in known]
        done = len(blocks) - len(left)
        if blocks:
            yield Progress(done, len(blocks), title)
        for block, found in self.engine.map(task, left):
            self.folder.record(stage, block.number, found)
            done += 1
            yield Progress(done, len(blocks), title)
        return records
