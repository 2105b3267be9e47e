"""Jobs side by side: one process for each device or core; a single one on a CPU is this process."""

import multiprocessing
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finegold.engines.devices import only_gpu, resolve_device
from finegold.engines.processes import no_interrupts
from finegold.engines.threads import default_workers
from finegold.errors import ConfigError, RunError
from finegold.evaluation.harness import RUNNING
from finegold.study.harness import HarnessSpec
from finegold.study.jobs import Job, run_job


@dataclass(frozen=True, slots=True)
class WorkerPool:
    """Devices that work side by side.

    Attributes:
        devices: Device of each worker: `cpu`, `cuda:0`...
        threads: Threads of each worker on a CPU. Their number changes the last bits of what is trained.
    """

    devices: tuple[str, ...]
    threads: int = 1

    @classmethod
    def of(cls, workers: int | None, device: str) -> "WorkerPool":
        """A pool with a worker for each GPU or core, or with a number of workers.

        Args:
            workers: Number of workers; None for one for each GPU or core.
            device: `auto`, `cpu`, `cuda`, `cuda:1`...

        Raises:
            ConfigError: If `workers` is less than 1.
        """
        if workers is not None and workers < 1:
            raise ConfigError(f"--workers is {workers}, expected at least 1")
        where = resolve_device(device)
        if where == "cuda":
            import torch

            gpus = torch.cuda.device_count()
            count = workers or gpus
            return cls(tuple(f"cuda:{number % gpus}" for number in range(count)))
        return cls((where,) * (workers or (default_workers() if where == "cpu" else 1)))


def run_jobs(out: Path, jobs: Sequence[Job], pool: WorkerPool) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Run jobs, each once; yields each with its facts as it ends.

    Nothing runs beside a single worker on a CPU, so it is this process: another one would load all libraries
    again. A worker on a GPU is a process of its own, which gives the memory of the GPU back. So is a worker
    that starts a harness, which ends with it. Such workers end with this process, however it ends, and at
    once if it is interrupted or a job fails: an unfinished training continues from its last checkpoint the
    next time.

    Raises:
        FinegoldError: What a job raised.
        RunError: If a worker was killed.
    """
    if not jobs:
        return
    harnesses = any(isinstance(spec, HarnessSpec) for job in jobs for spec in job.specs)
    if pool.devices == ("cpu",) and not harnesses:
        yield from _run_here(out, jobs, pool.threads)
        return
    context = multiprocessing.get_context("spawn")
    free = context.SimpleQueue()
    for device in pool.devices:
        free.put(device)
    stop = context.Event()
    executor = ProcessPoolExecutor(
        min(len(pool.devices), len(jobs)),
        context,
        initializer=_begin,
        initargs=(free, pool.threads, os.getpid(), stop),
    )
    try:
        with no_interrupts():
            futures = {executor.submit(_work, out, job): job for job in jobs}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BaseException as error:
        stop.set()
        if not isinstance(error, BrokenProcessPool):
            raise
        raise RunError(
            "a worker process ended by itself, as it does when memory runs out: run the same command again, "
            "with fewer --workers if it repeats"
        ) from None
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _run_here(out: Path, jobs: Sequence[Job], threads: int) -> Iterator[tuple[Job, dict[str, Any]]]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for job in jobs:
            yield job, run_job(out, job, "cpu")
    finally:
        torch.set_num_threads(before)


_device = "cpu"


def _begin(free: Any, threads: int, parent: int, stop: Any) -> None:
    global _device
    _device = only_gpu(free.get())
    threading.Thread(target=_end_with, args=(parent, stop), daemon=True).start()
    import torch

    torch.set_num_threads(threads)


def _end_with(parent: int, stop: Any) -> None:
    """End this process when its parent has ended, or says so."""
    while os.getppid() == parent and not stop.wait(0.5):
        pass
    for program in list(RUNNING):
        program.kill()
    os._exit(1)


def _work(out: Path, job: Job) -> dict[str, Any]:
    return run_job(out, job, _device)
