"""The workers of a dask cluster, on this machine or on others."""

import ctypes
import itertools
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from napari_mitoseg import __version__
from napari_mitoseg.distributed.blocks import Block
from napari_mitoseg.distributed.engine import Engine, SerialEngine, Task, usual_memory
from napari_mitoseg.distributed.run_folder import Found
from napari_mitoseg.errors import InvalidParameterError, JobError

if TYPE_CHECKING:
    from distributed import Client, Future

WAITING = 3
"""Blocks handed to each worker ahead, so that none waits for this process."""

LIMIT_SHARE = 0.7
"""Of the memory at which dask kills a worker."""

CONNECT_SECONDS = 20

LINUX = sys.platform == "linux"

MALLOC = {-1: 2**27, -3: 2**25}
"""Bytes above which glibc gives freed memory back: its ``M_TRIM_THRESHOLD`` for the end
of the heap, ``M_MMAP_THRESHOLD`` for single arrays."""


class DaskEngine:
    """Works on blocks on the workers of a dask cluster.

    Parameters
    ----------
    client : distributed.Client
        Connected.

    Attributes
    ----------
    memory : int
        Bytes that a process may take for a block at a time, if it is not told.

    Notes
    -----
    A worker that is lost has left no record of its block, which goes to another one and
    comes out the same.  All workers must see the same files under the same paths.
    """

    def __init__(self, client: "Client") -> None:
        self._client = client
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        self._resources = {name for w in workers for name in w.get("resources", {})}
        self._n_at_once = max(1, sum(worker["nthreads"] for worker in workers))
        self.memory = min(map(self._share, workers), default=usual_memory())

    def map(self, task: Task, blocks: Sequence[Block]) -> Iterator[tuple[Block, Found]]:
        """Run a task on blocks, several at once.

        Parameters
        ----------
        task : Task
            What to do.
        blocks : sequence of Block
            On what.

        Yields
        ------
        block : Block
            One that is finished; not in order.
        found : mapping of str to ndarray
            What was found out.

        Raises
        ------
        JobError
            If workers die of the same block again and again, or the scheduler is lost.
        """
        from distributed import as_completed  # noqa: PLC0415 - an extra

        todo = iter(blocks)
        ahead = itertools.islice(todo, WAITING * self._n_at_once)
        sent = {self._submitted(task, block): block for block in ahead}
        done = as_completed(sent, loop=self._client.loop)
        try:
            for future in done:
                block, found = sent.pop(future), self._result(future)
                for following in itertools.islice(todo, 1):
                    further = self._submitted(task, following)
                    sent[further] = following
                    done.add(further)
                yield block, found
        finally:
            self._client.cancel(list(sent))

    def _share(self, worker: Mapping[str, Any]) -> int:
        """Return what a block may take of a worker's memory, if that is known."""
        limit = worker.get("memory_limit") or 0
        if not limit:
            return usual_memory() // self._n_at_once
        return int(LIMIT_SHARE * limit / worker["nthreads"])

    def _submitted(self, task: Task, block: Block) -> "Future[Found]":
        """Send a block; to workers with a GPU, if the task wants one and some have."""
        wanted = getattr(task, "resource", None)
        resources = {wanted: 1} if wanted in self._resources else None
        return self._client.submit(task, block, pure=False, resources=resources)

    def _result(self, future: "Future[Found]") -> Found:
        from distributed import KilledWorker  # noqa: PLC0415 - an extra
        from distributed.client import FutureCancelledError  # noqa: PLC0415

        try:
            found: Found = future.result()
        except KilledWorker as error:
            msg = (
                "Several workers have died of the same block, probably for lack of "
                "memory. Give --memory less than they have, or start fewer of them; "
                "what is finished is kept."
            )
            raise JobError(msg) from error
        except FutureCancelledError as error:
            msg = (
                "The connection to the scheduler is lost. What is finished is kept: "
                "the same command goes on from there."
            )
            raise JobError(msg) from error
        return found


@contextmanager
def open_engine(workers: int = 1, scheduler: str | None = None) -> Generator[Engine]:
    """Begin to work in this process, in several, or on a cluster.

    Parameters
    ----------
    workers : int
        Processes on this machine; 1 is this one.
    scheduler : str, optional
        Address of a dask scheduler that is running, such as ``tcp://10.0.0.1:8786``;
        its workers work.

    Yields
    ------
    Engine
        Ready.

    Raises
    ------
    InvalidParameterError
        If dask is not installed, the scheduler cannot be reached or has no workers, or
        these have another version of the program.
    """
    if scheduler is None and workers == 1:
        yield SerialEngine()
        return
    with _cluster(workers, scheduler) as client:
        _check_versions(client.run(_version))
        client.run(_keep_freed_memory)
        yield DaskEngine(client)


def list_workers(scheduler: str) -> tuple[str, ...]:
    """List the workers of a dask cluster: a test of the connection.

    Parameters
    ----------
    scheduler : str
        Address of the scheduler.

    Returns
    -------
    tuple of str
        Address of each worker, and how many blocks it works on at once.

    Raises
    ------
    InvalidParameterError
        If dask is not installed, or the scheduler cannot be reached or has no workers.
    """
    with _cluster(1, scheduler) as client:
        workers = client.scheduler_info(n_workers=-1)["workers"]
        return tuple(f"{name} × {one['nthreads']}" for name, one in workers.items())


@contextmanager
def _cluster(workers: int, scheduler: str | None) -> "Generator[Client]":
    dask = _installed()
    if scheduler is None:
        with (
            dask.LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                dashboard_address=None,
                memory_limit=None,
            ) as cluster,
            dask.Client(cluster) as client,
        ):
            yield client
        return
    try:
        client = dask.Client(scheduler, timeout=CONNECT_SECONDS)
    except (OSError, ValueError, TypeError) as error:
        msg = (
            f"There is no dask scheduler at {scheduler}. Start one (dask scheduler), "
            "and give the address that it prints."
        )
        raise InvalidParameterError(msg) from error
    with client:
        if not client.scheduler_info()["workers"]:
            msg = (
                f"The scheduler at {scheduler} has no workers. Start some: dask worker "
                f"{scheduler} --nthreads 1"
            )
            raise InvalidParameterError(msg)
        yield client


def _version() -> str:
    return __version__


def _keep_freed_memory() -> bool:
    """Undo that dask makes glibc give every array back at once; say if there is glibc.

    All arrays of a block would be paged in anew, which takes as long as some steps.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if LINUX else None
    return mallopt is not None and all(mallopt(*one) for one in MALLOC.items())


def _check_versions(found: Mapping[str, str]) -> None:
    """Refuse workers that might not do the same."""
    others = {worker: v for worker, v in found.items() if v != __version__}
    if others:
        worker, version = next(iter(others.items()))
        msg = (
            f"{len(others)} of {len(found)} workers have another napari-mitoseg "
            f"({worker}: {version}; here {__version__}). Install the same everywhere."
        )
        raise InvalidParameterError(msg)


def _installed() -> Any:
    try:
        import distributed  # noqa: PLC0415 - an extra, and slow to load
    except ImportError as error:
        msg = (
            "Several workers need dask: pip install 'napari-mitoseg[cluster]'. Without "
            "it, leave out --workers and --scheduler."
        )
        raise InvalidParameterError(msg) from error
    return distributed
