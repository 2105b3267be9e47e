"""Blocks made on a Ray cluster by Ray Data, with one actor for each GPU, or for each core without a GPU.

Each node reads the data and the run folder under the same paths, as on a file system that all share. An actor
loads its model once and makes block after block; this process writes them to the run folder, so that the same
command without Ray goes on where it stopped. Ray Data gives out the blocks, brings the results, and starts an
actor again that has ended, as often as it ends: that some end for good is what `_Watch` finds.
"""

import logging
import os
import pickle
import sys
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow as pa

from finegold.engines.devices import Compute
from finegold.engines.processes import DEATHS, pickled, sendable, torch_threads
from finegold.engines.threads import own_cores
from finegold.engines.work import Engine, Make, Making, R, Results, Work, first_chunk
from finegold.errors import RunError
from finegold.extras import check_installed, require

PATIENCE = 600.0
"""Seconds after which a step gives up if the cluster has no room for a single actor."""
STANDSTILL = 24 * 3600.0
"""Seconds without a finished block after which Ray Data gives up: a block may take an actor long."""
LOADING = -1
"""What an actor is at that has not loaded its model yet, in place of a block."""


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
            MissingExtraError: If Ray, or pandas, which Ray Data imports, is not installed.
        """
        require("ray", extra="ray", why="--engine ray")
        check_installed("pandas", extra="ray", why="--engine ray")
        self.compute, self.actors, self.gpus = compute, actors, gpus

    def start(self, work: Work[R], together: int = 1) -> Making[R]:
        """See `Engine.start`."""
        return _MakingOnRay(self, work, together)


class _Watch:
    """What runs once on the cluster, beside the command: finds what ends one actor after another."""

    def __init__(self, actors: int) -> None:
        self._most = DEATHS * actors
        self._last: dict[str, tuple[str, int | None]] = {}
        self._deaths = Counter[int]()
        self._unloaded = 0

    def start(self, actor: str, place: str) -> tuple[str, str]:
        """Note that an actor starts; what is to be said of its end before, and why it shall not go on."""
        before, self._last[actor] = self._last.get(actor), (place, LOADING)
        if before is None:
            return "", ""
        place, block = before
        why = ""
        if block == LOADING:
            self._unloaded += 1
            if self._unloaded >= self._most:
                why = (
                    f"{self._unloaded} Ray actors ended while they loaded the model, the last on {place}: "
                    "check that the nodes have memory for the model, then run the same command again"
                )
        elif block is not None:
            self._deaths[block] += 1
            if self._deaths[block] >= DEATHS:
                why = (
                    f"block {block} ended {DEATHS} actors, the last on {place}: run the same command again, "
                    "which goes on there, with a smaller --batch-size"
                )
        return f"finegold: a Ray actor ended by itself (on {place}); its blocks are made again\n", why

    def at(self, actor: str, place: str, block: int | None) -> None:
        """Note the block that an actor begins; None if it waits for one."""
        self._last[actor], self._unloaded = (place, block), 0


class _Actor:
    """What Ray Data keeps in each of its actors: the work, begun."""

    def __init__(self, work: bytes, compute: Compute, threads: int | None, folder: str, watch: Any) -> None:
        import ray

        self._wait, self._watch = ray.get, watch
        self._names = ray.get_runtime_context().get_actor_id(), ray.util.get_node_ip_address()
        self._said, self._close = StringIO(), ExitStack()
        said, why = ray.get(watch.start.remote(*self._names))
        self._said.write(said)
        self._failure: Exception | None = RunError(why) if why else None
        sys.path.append(folder)  # where a plug-in may lie
        with suppress(OSError):  # names of models may be paths from there
            os.chdir(folder)
        try:
            if self._failure is None:
                with redirect_stderr(self._said):
                    self._make = self._begin(work, compute, threads)
        except Exception as error:
            self._failure = sendable(error)
        self._at(None)

    def _begin(self, work: bytes, compute: Compute, threads: int | None) -> Make[Any]:
        if threads is not None:
            import torch

            torch.set_num_threads(threads)
        found: Work[Any] = pickle.loads(work)
        return self._close.enter_context(found.begin(compute))

    def _at(self, block: int | None) -> None:
        self._wait(self._watch.at.remote(*self._names, block))

    def __call__(self, batch: pa.Table) -> Iterator[pa.Table]:
        """Yield number, rows, content and what was said of each block, or the error that ended it, pickled.

        An error takes the place of all blocks that are left: where an actor makes the same blocks again,
        Ray passes over as many of its results as it had got before.
        """
        left = deque(range(batch["first"][0].as_py(), batch["last"][0].as_py() + 1))
        rows = 0

        def advance(count: int) -> None:
            nonlocal rows
            rows += count

        try:
            if self._failure is not None:
                raise self._failure
            with redirect_stderr(self._said):
                self._at(left[0])
                with closing(self._make(list(left), advance)) as made:
                    for number, result in made:
                        left.popleft()
                        self._at(left[0] if left else None)
                        yield _row((number, rows, result, self._said.getvalue()))
                        rows = 0
                        self._said.seek(0)
                        self._said.truncate()
        except Exception as error:
            self._at(None)
            for _ in left:
                yield _row(sendable(error))


def _row(content: object) -> pa.Table:
    return pa.table({"content": pa.array([pickle.dumps(content)], pa.large_binary())})


class _MakingOnRay(Making[R]):
    def __init__(self, engine: RayCluster, work: Work[R], together: int) -> None:
        self._engine, self._work, self._together = engine, pickled(work), together
        self._began = False

    def load(self) -> None:
        import ray

        if ray.is_initialized():
            return
        # Without an address Ray would wait for the cluster that was the last one here, be it gone.
        address = self._engine.compute.address or os.environ.get("RAY_ADDRESS") or "local"
        # Ray would print of each actor that it cannot be started again without what it was started with.
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        try:
            with _silent():  # it prints even that it has read this
                ray.init(address=address, log_to_driver=False, logging_level="ERROR", configure_logging=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise RunError(
                f"no Ray cluster answers at {address} ({reason}): give --address "
                "HOST:PORT of its head, or leave --engine out"
            ) from None
        self._began = True

    def make(self, numbers: list[int], advance: Callable[[int], None]) -> Results[R]:
        contents = self._contents(numbers)
        try:
            self.load()
            for content in contents:
                found = pickle.loads(content)
                if isinstance(found, BaseException):
                    raise found
                number, rows, result, said = found
                sys.stderr.write(said)
                advance(rows)
                yield number, result
        finally:
            # Ray prints of what it ends that it will be tried again, which it is not.
            with redirect_stdout(StringIO()):
                contents.close()
                self._end()

    def _end(self) -> None:
        if self._began:
            import ray

            ray.shutdown()
            self._began = False

    def _contents(self, numbers: list[int]) -> Generator[bytes, None, None]:
        """What the actors yield, as it comes."""
        if not numbers:
            return
        import ray
        import ray.data

        there = ray.cluster_resources()
        gpus = there.get("GPU", 0) > 0 if self._engine.gpus is None else self._engine.gpus
        count = self._engine.actors or int(there.get("GPU" if gpus else "CPU", 1)) or 1
        threads = os.environ.get("OMP_NUM_THREADS") or str(own_cores())
        compute = replace(
            self._engine.compute, device="cuda" if gpus else "cpu", devices=None, engine="local", address=None
        )
        # Ray gives an actor one thread; another number than here would change the last bits on a CPU.
        variables = {"OMP_NUM_THREADS": threads, "OMP_WAIT_POLICY": "PASSIVE"}
        place: dict[str, Any] = {
            "num_gpus" if gpus else "num_cpus": 1,
            "runtime_env": {"env_vars": variables},
        }
        _check_room(place)
        left, chunks = deque(numbers), list[dict[str, int]]()
        while left:
            chunk = first_chunk(left, count, self._together)
            chunks.append({"first": chunk[0], "last": chunk[-1]})
        count = min(count, len(chunks))
        watch = _start_watch(count)
        try:
            with _settings():
                found = ray.data.from_items(chunks, override_num_blocks=len(chunks)).map_batches(
                    _Actor,
                    batch_size=1,
                    batch_format="pyarrow",
                    compute=ray.data.ActorPoolStrategy(size=count, max_tasks_in_flight_per_actor=1),
                    fn_constructor_args=(self._work, compute, torch_threads(), str(Path.cwd()), watch),
                    **place,
                )
                tables = found.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0)
                with closing(iter(tables)) as tables:
                    for table in tables:
                        yield from table["content"].to_pylist()
        except Exception as error:
            reason = (str(error).strip().splitlines() or [""])[-1].strip()
            raise RunError(
                f"Ray Data could not go on ({type(error).__name__}: {reason}): check `ray status` and that "
                "the nodes have finegold, then run the same command again, which goes on where it stopped"
            ) from None
        finally:
            ray.kill(watch)


@contextmanager
def _settings() -> Iterator[None]:
    """In the block, Ray Data prints nothing and brings each result when it is there."""
    import ray.data

    context, logger = ray.data.DataContext.get_current(), logging.getLogger("ray.data")
    settings = {
        "enable_progress_bars": False,
        "target_max_block_size": 1,
        "wait_for_min_actors_s": -1,
        "execution_no_progress_timeout_s": STANDSTILL,
    }
    # Not each version of Ray has all of them.
    before = {name: getattr(context, name) for name in settings if hasattr(context, name)}
    level = logger.level
    try:
        logger.setLevel(logging.CRITICAL)
        for name in before:
            setattr(context, name, settings[name])
        yield
    finally:
        logger.setLevel(level)
        for name, value in before.items():
            setattr(context, name, value)


@contextmanager
def _silent() -> Iterator[None]:
    """In the block, nothing reaches the terminal's stderr, from other languages than Python either."""
    sys.stderr.flush()
    before, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(nowhere)


def _check_room(place: dict[str, Any]) -> None:
    """Raise RunError if the cluster has no room for an actor: Ray Data would wait for it without end."""
    import ray

    if ray.available_resources().get("GPU" if "num_gpus" in place else "CPU", 0) >= 1:
        return
    probe = ray.remote(_nothing).options(**place).remote()
    if not ray.wait([probe], timeout=PATIENCE)[0]:
        ray.cancel(probe, force=True)
        raise RunError(
            f"the Ray cluster had no room for an actor for {PATIENCE:.0f} s: see `ray status` for nodes and "
            "resources, then run the same command again, which goes on where it stopped"
        )


def _nothing() -> None:
    """Takes a place on the cluster and leaves it."""


def _start_watch(actors: int) -> Any:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    # One that memory runs out for counts anew.
    remote = ray.remote(_Watch).options(
        num_cpus=0, scheduling_strategy=here, max_restarts=-1, max_task_retries=-1
    )
    return remote.remote(actors)
