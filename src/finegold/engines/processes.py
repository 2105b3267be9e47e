"""Blocks made by several processes of this machine, each with its device and its model.

A worker is a fresh interpreter that gets the work by its pipe, so that it shares no memory, no lock and no
CUDA state with this process. It ends when this process ends, however that ends. Only this process writes to
the run folder.
"""

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from finegold.engines.devices import Compute, only_gpu
from finegold.engines.threads import default_workers, own_cores
from finegold.engines.work import Engine, Making, R, Results, Work, first_chunk
from finegold.errors import ConfigError, FinegoldError, RunError

DEATHS = 2
"""Workers that may end while they make one block; then the block is at fault."""


class DeviceProcesses(Engine):
    """Blocks are made by one process for each of some devices.

    Attributes:
        compute: Batch size and threads; `device` is not read.
        devices: Device of each process: `cpu`, `cuda:0`...
    """

    def __init__(self, compute: Compute, devices: Sequence[str]) -> None:
        """Take the settings; nothing is started yet."""
        self.compute, self.devices = compute, tuple(devices)

    def start(self, work: Work[R], together: int = 1) -> Making[R]:
        """See `Engine.start`."""
        threads = self.compute.workers or max(1, default_workers() // len(self.devices))
        places = [
            replace(self.compute, device=device, devices=None, workers=threads) for device in self.devices
        ]
        return _MakingApart(work, places, together)


class _Worker:
    """A process, its pipe, and what it has to make."""

    def __init__(self, work: bytes, compute: Compute) -> None:
        context = multiprocessing.get_context("spawn")
        self.compute = compute
        self.pipe, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(
            target=_serve, args=(theirs, work, compute, torch_threads(), os.getpid()), daemon=True
        )
        with no_interrupts(), _passive_threads():
            self.process.start()
        theirs.close()
        self.chunk: list[int] = []
        self.made = 0
        self.ready = False

    def give(self, chunk: list[int]) -> None:
        self.chunk = chunk
        with suppress(OSError):  # it has ended; `read` finds out
            self.pipe.send(chunk)

    def read(self) -> tuple[Any, ...] | None:
        """The next message; None if the process has ended. Raises what the worker raised."""
        try:
            message: tuple[Any, ...] = self.pipe.recv()
        except (EOFError, OSError):
            return None
        if message[0] == "error":
            error: BaseException = message[1]
            raise error
        return message

    def end(self) -> None:
        self.pipe.close()
        self.process.terminate()
        self.process.join(5)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


class _MakingApart(Making[R]):
    def __init__(self, work: Work[R], places: list[Compute], together: int) -> None:
        self._work, self._places, self._together = pickled(work), places, together
        self._workers: list[_Worker] = []
        self._deaths = Counter[int]()

    def load(self) -> None:
        try:
            self._workers = [_Worker(self._work, place) for place in self._places]
            for worker in list(self._workers):
                if worker.read() is None:
                    self._replace(worker)
                worker.ready = True
        except BaseException:
            self._end()
            raise

    def make(self, numbers: list[int], advance: Callable[[int], None]) -> Results[R]:
        left = deque(numbers)
        try:
            if not self._workers:
                self.load()
            while left or any(worker.chunk for worker in self._workers):
                for worker in self._workers:
                    if left and worker.ready and not worker.chunk:
                        worker.give(first_chunk(left, len(self._workers), self._together))
                pipes = {worker.pipe: worker for worker in self._workers}
                for pipe in wait(list(pipes)):
                    assert isinstance(pipe, Connection)
                    worker = pipes[pipe]
                    message = worker.read()
                    if message is None:
                        left.extendleft(reversed(worker.chunk))
                        self._replace(worker)
                    elif message[0] == "ready":
                        worker.ready = True
                    else:
                        _, number, rows, result = message
                        worker.chunk.remove(number)
                        worker.made += 1
                        advance(rows)
                        yield number, result
        finally:
            self._end()

    def _replace(self, worker: _Worker) -> None:
        """Go on without a worker that has ended, or with a new one in its place if it had made something."""
        self._workers.remove(worker)
        worker.end()
        how = how_it_ended(worker.process.exitcode)
        if worker.chunk:
            block = worker.chunk[0]
            self._deaths[block] += 1
            if self._deaths[block] == DEATHS:
                raise RunError(
                    f"block {block} ended {DEATHS} workers, the last with {how}: run the same command again, "
                    "which goes on there, with a smaller --batch-size or fewer --devices"
                )
        if worker.made:
            self._workers.append(_Worker(self._work, worker.compute))
            what = "a new one goes on with its blocks"
        elif self._workers:
            what = "the others go on with its blocks"
        else:
            raise RunError(
                f"the last worker ended by itself with {how}: run the same command again, which goes on "
                "where it stopped, with a smaller --batch-size or fewer --devices"
            )
        where = worker.compute.device
        print(f"finegold: a worker on {where} ended by itself with {how}; {what}", file=sys.stderr)

    def _end(self) -> None:
        for worker in self._workers:
            worker.end()
        self._workers = []


def pickled(work: Work[Any]) -> bytes:
    """Work as bytes for another process; raises ConfigError if it holds what cannot be sent."""
    try:
        return pickle.dumps(work)
    except Exception as error:
        raise ConfigError(
            f"the work cannot be sent to other processes ({error}): define scorers in a module of their "
            "own, or leave --devices and --engine out"
        ) from None


def how_it_ended(code: int | None) -> str:
    """How a process ended, in words."""
    if code is None or code >= 0:
        return f"status {code}"
    with suppress(ValueError):
        name = signal.Signals(-code).name
        return f"{name}, as when memory runs out" if name == "SIGKILL" else name
    return f"signal {-code}"


def _serve(pipe: Connection, work: bytes, compute: Compute, threads: int | None, parent: int) -> None:
    """The life of a worker: load, then make the blocks that come by the pipe."""
    end_with(parent)
    rows = 0

    def advance(count: int) -> None:
        nonlocal rows
        rows += count

    try:
        sys.path.append(str(Path.cwd()))  # where a plug-in may lie
        found: Work[Any] = pickle.loads(work)
        with found.begin(set_up(compute, threads)) as make:
            pipe.send(("ready",))
            while True:
                with closing(make(pipe.recv(), advance)) as made:
                    for number, result in made:
                        pipe.send(("block", number, rows, result))
                        rows = 0
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
    except Exception as error:
        with suppress(OSError):
            pipe.send(("error", sendable(error)))


def set_up(compute: Compute, threads: int | None) -> Compute:
    """Take one GPU, and as many threads as the parent has; returns the settings as they are here.

    Other numbers of threads would change the last bits of what is computed on a CPU.
    """
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    return compute if compute.device == "cpu" else replace(compute, device=only_gpu(compute.device))


def torch_threads() -> int | None:
    """Threads with which torch computes in this process; None if a worker has as many by itself."""
    torch = sys.modules.get("torch")
    threads = None if torch is None else int(torch.get_num_threads())
    usual = os.environ.get("OMP_NUM_THREADS") or own_cores()
    return None if str(threads) == str(usual) else threads


@contextmanager
def no_interrupts() -> Iterator[None]:
    """In the block, Ctrl-C waits; processes that start there never see it, and this one ends them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _passive_threads() -> Iterator[None]:
    """Processes that start in the block let idle threads sleep, since all have threads for all cores."""
    name = "OMP_WAIT_POLICY"
    before = os.environ.get(name)
    os.environ.setdefault(name, "PASSIVE")
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]


def end_with(parent: int) -> None:
    """End this process, from a thread, as soon as the process that started it has ended."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def sendable(error: Exception) -> Exception:
    """An error that another process can raise: one of finegold's classes, or with its traceback as text."""
    for kind in type(error).__mro__:
        # Those of other modules may take other arguments than a message.
        if issubclass(kind, FinegoldError) and kind.__module__ == FinegoldError.__module__:
            return kind(str(error))
    return RuntimeError(f"a worker raised {''.join(traceback.format_exception(error)).strip()}")
