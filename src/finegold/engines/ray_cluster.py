"""Blocks made on a Ray cluster, by one actor for each GPU, or for each core where there is no GPU.

Each node reads the data and the run folder under the same paths, as on a file system that all share. An actor
loads its model once and makes block after block; this process writes them to the run folder, so that the same
command without Ray goes on where it stopped.
"""

import os
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, redirect_stderr, suppress
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

from finegold.engines.devices import Compute
from finegold.engines.processes import DEATHS, pickled, sendable, torch_threads
from finegold.engines.threads import own_cores
from finegold.engines.work import Engine, Making, R, Results, Work, first_chunk
from finegold.errors import RunError
from finegold.extras import require

PATIENCE = 600.0
"""Seconds after which a step gives up if no actor has started: the cluster has nothing to start one on."""
AHEAD = 4
"""Blocks that an actor makes before this process has taken them."""


class RayCluster(Engine):
    """Blocks are made by the actors of a Ray cluster.

    Attributes:
        compute: Batch size, threads, and the address of the cluster; `devices` is not read.
        actors: Number of actors; None for one for each GPU, or core where there is no GPU.
        gpus: Whether each actor has a GPU; None for whether the cluster has some.
    """

    def __init__(self, compute: Compute, actors: int | None = None, gpus: bool | None = None) -> None:
        """Take the settings; nothing is started yet.

        Raises:
            MissingExtraError: If Ray is not installed.
        """
        require("ray", extra="ray", why="--engine ray")
        self.compute, self.actors, self.gpus = compute, actors, gpus

    def start(self, work: Work[R], together: int = 1) -> Making[R]:
        """See `Engine.start`."""
        return _MakingOnRay(self, work, together)


class _Actor:
    """What runs on the cluster: the work, begun."""

    def __init__(self, work: bytes, compute: Compute, threads: int, folder: str) -> None:
        import pickle

        sys.path.append(folder)  # where a plug-in may lie
        with suppress(OSError):  # names of models may be paths from there
            os.chdir(folder)
        self._failure: Exception | None = None
        self._close = ExitStack()
        try:
            if compute.device == "cpu":
                with suppress(ModuleNotFoundError):
                    import torch

                    torch.set_num_threads(threads)
            found: Work[Any] = pickle.loads(work)
            self._make = self._close.enter_context(found.begin(compute))
        except Exception as error:
            self._failure = sendable(error)

    def ready(self) -> bool:
        """Say that it runs: an actor for which the cluster has no room waits."""
        return True

    def make(self, numbers: list[int]) -> Iterator[Any]:
        """Yield number, rows, content and what was said of each block, or the error that ended it."""
        if self._failure is not None:
            yield self._failure
            return
        rows = 0

        def advance(count: int) -> None:
            nonlocal rows
            rows += count

        said = StringIO()
        try:
            with redirect_stderr(said):
                for number, result in self._make(numbers, advance):
                    yield number, rows, result, said.getvalue()
                    rows = 0
                    said.seek(0)
                    said.truncate()
        except Exception as error:
            yield sendable(error)


class _Seat:
    """An actor, and what it has to make."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor
        self.chunk: list[int] = []
        self.stream: Any = None
        self.starting: Any = actor.ready.remote()

    def give(self, chunk: list[int]) -> None:
        self.chunk = chunk
        self.stream = self.actor.make.options(
            num_returns="streaming", _generator_backpressure_num_objects=AHEAD
        ).remote(chunk)


class _MakingOnRay(Making[R]):
    def __init__(self, engine: RayCluster, work: Work[R], together: int) -> None:
        self._engine, self._work, self._together = engine, pickled(work), together
        self._seats: list[_Seat] = []
        self._unstarted = 0
        self._began = False
        self._ray: Any = None
        self._start: Callable[[], _Seat]

    def load(self) -> None:
        import ray

        self._ray = ray
        if not ray.is_initialized():
            # Without an address Ray would wait for the cluster that was the last one here, be it gone.
            address = self._engine.compute.address or os.environ.get("RAY_ADDRESS") or "local"
            try:
                ray.init(address=address, log_to_driver=False, logging_level="ERROR", configure_logging=False)
            except (ConnectionError, RuntimeError, ValueError) as error:
                reason = str(error).splitlines()[0]
                raise RunError(
                    f"no Ray cluster answers at {address} ({reason}): give --address "
                    "HOST:PORT of its head, or leave --engine out"
                ) from None
            self._began = True
        there = ray.cluster_resources()
        gpus = there.get("GPU", 0) > 0 if self._engine.gpus is None else self._engine.gpus
        count = self._engine.actors or int(there.get("GPU" if gpus else "CPU", 1)) or 1
        threads = torch_threads() or int(os.environ.get("OMP_NUM_THREADS") or own_cores())
        compute = replace(
            self._engine.compute, device="cuda" if gpus else "cpu", devices=None, engine="local", address=None
        )
        # Ray gives an actor one thread; another number than here would change the last bits on a CPU.
        variables = {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"}
        remote = ray.remote(_Actor).options(
            num_cpus=1, num_gpus=int(gpus), runtime_env={"env_vars": variables}, max_restarts=0
        )
        self._start = lambda: _Seat(remote.remote(self._work, compute, threads, str(Path.cwd())))
        self._seats = [self._start() for _ in range(count)]

    def make(self, numbers: list[int], advance: Callable[[int], None]) -> Results[R]:
        left, deaths = deque(numbers), Counter[int]()
        try:
            if not self._seats:
                self.load()
            while left or any(seat.chunk for seat in self._seats):
                for seat in self._seats:
                    if left and seat.starting is None and seat.stream is None:
                        seat.give(first_chunk(left, len(self._seats), self._together))
                due = {seat.starting or seat.stream: seat for seat in self._seats}
                due.pop(None, None)
                ready, _ = self._ray.wait(list(due), timeout=PATIENCE)
                # One that works may take longer for a block.
                if not ready and all(seat.starting is not None for seat in self._seats):
                    raise RunError(
                        f"the Ray cluster started no actor for {PATIENCE:.0f} s: see `ray status` for nodes "
                        "and resources, then run the same command again, which goes on where it stopped"
                    )
                for one in ready:
                    seat = due[one]
                    found = self._next(seat, left, deaths)
                    if found is not None:
                        number, rows, result = found
                        seat.chunk.remove(number)
                        advance(rows)
                        yield number, result
        finally:
            self._end()

    def _next(self, seat: _Seat, left: deque[int], deaths: Counter[int]) -> tuple[int, int, R] | None:
        """The next block of an actor; None if it has only started, or made its chunk, or has ended."""
        try:
            if seat.starting is not None:
                self._ray.get(seat.starting)
                seat.starting, self._unstarted = None, 0
                return None
            found = self._ray.get(next(seat.stream))
        except StopIteration:
            seat.stream = None
            return None
        except self._ray.exceptions.RayError as error:
            if seat.starting is not None:
                self._count_unstarted(error)
            self._replace(seat, left, deaths, type(error).__name__)
            return None
        if isinstance(found, BaseException):
            raise found
        number, rows, result, said = found
        sys.stderr.write(said)
        return number, rows, result

    def _count_unstarted(self, error: Exception) -> None:
        """Raise RunError if two actors for each seat have ended one after another before they had started."""
        self._unstarted += 1
        if self._unstarted >= DEATHS * len(self._seats):
            reason = str(error).strip().splitlines()[-1].strip()
            raise RunError(
                f"{self._unstarted} Ray actors ended while they loaded the model, the last with "
                f"{type(error).__name__} ({reason}): check that the nodes have finegold and memory for the "
                "model, then run the same command again"
            )

    def _replace(self, seat: _Seat, left: deque[int], deaths: Counter[int], why: str) -> None:
        """Give the blocks of an actor that has ended to the others, and start another where there is room."""
        self._seats.remove(seat)
        with suppress(Exception):
            self._ray.kill(seat.actor)
        if seat.chunk:
            block = seat.chunk[0]
            deaths[block] += 1
            if deaths[block] == DEATHS:
                raise RunError(
                    f"block {block} ended {DEATHS} actors, the last with {why}: run the same command again, "
                    "which goes on there, with a smaller --batch-size"
                )
        left.extendleft(reversed(seat.chunk))
        self._seats.append(self._start())
        print(f"finegold: a Ray actor ended by itself ({why}); others go on with its blocks", file=sys.stderr)

    def _end(self) -> None:
        for seat in self._seats:
            with suppress(Exception):
                self._ray.kill(seat.actor)
        self._seats = []
        if self._began:
            self._ray.shutdown()
            self._began = False
