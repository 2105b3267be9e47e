"""Jobs side by side, and a single one in this process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from finegold.study.jobs import Job
from finegold.study.workers import WorkerPool, run_jobs

torch = pytest.importorskip("torch")


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_a_single_worker_on_a_cpu_is_this_process_and_leaves_its_threads_as_they_were(tmp_path: Path) -> None:
    jobs = [Job(None, "offline", "weights", ()) for _ in range(2)]
    threads = [torch.get_num_threads() for _ in run_jobs(tmp_path, jobs, WorkerPool(("cpu",)))]
    assert threads == [1, 1]
    assert torch.get_num_threads() == 2
