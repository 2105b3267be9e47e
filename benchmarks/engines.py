"""What several processes and a Ray cluster gain or cost, on this computer.

    python benchmarks/engines.py --data DATA --images DIR [--rows 4096] [--ray]

Embeds the images of the same rows with the offline encoder: in this process, with one process of `--devices`,
with two, and with `--ray` on a local cluster of two nodes of one core each. With w workers the rate is that
from block w to the last, so that starting interpreters and loading models does not count. Everything computes
with one thread. The processor time is that of this process and its workers, with their start; that of Ray's
workers, which are not its children, is not in it. The tables are compared byte by byte.
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np

from finegold.encoders import load_encoder
from finegold.encoders.step import embed
from finegold.engines import Compute, Engine, Results, Work, choose_engine
from finegold.engines.work import Making, R
from finegold.run import BLOCK_ROWS, RunFolder
from finegold.samples import Dataset, open_dataset


class Timed(Engine):
    """An engine, and the time at which each block was ready."""

    def __init__(self, engine: Engine) -> None:
        """Take the engine."""
        self.engine = engine
        self.times: list[float] = []

    def start(self, work: Work[R], together: int = 1) -> Making[R]:
        """See `Engine.start`."""
        return _TimedMaking(self.engine.start(work, together), self.times)

    def rate(self, workers: int) -> float:
        """Blocks a second once each worker has made one: from the first block on, w would count for one."""
        return (len(self.times) - workers) / (self.times[-1] - self.times[workers - 1])


class _TimedMaking(Making[R]):
    def __init__(self, making: Making[R], times: list[float]) -> None:
        self._making, self._times = making, times

    def load(self) -> None:
        self._making.load()

    def make(self, numbers: list[int], advance: Callable[[int], None]) -> Results[R]:
        for result in self._making.make(numbers, advance):
            self._times.append(time.perf_counter())
            yield result


def processor_seconds() -> float:
    """Processor time of this process and of its ended children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def measure(dataset: Dataset, rows: int, compute: Compute, workers: int) -> tuple[float, float, list[bytes]]:
    """Blocks a second, processor seconds, and the bytes of the table's files."""
    timed, before = Timed(choose_engine(compute)), processor_seconds()
    usable = np.arange(len(dataset)) < rows
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder.create(Path(folder) / "run", {"path": "bench"})
        table = embed(run, dataset, load_encoder("offline"), usable=usable[:rows], data="d", engine=timed)
        found = [path.read_bytes() for path in sorted(table.folder.iterdir())]
    return timed.rate(workers), processor_seconds() - before, found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True)
    parser.add_argument("--images")
    parser.add_argument("--rows", type=int, default=4096)
    parser.add_argument("--ray", action="store_true")
    options = parser.parse_args()
    dataset = open_dataset(options.data, images=options.images)
    names = {
        "this process": (Compute(workers=1), 1),
        "cpu*1": (Compute(devices="cpu*1", workers=1), 1),
        "cpu*2": (Compute(devices="cpu*2", workers=1), 2),
    }
    cluster = None
    if options.ray:
        import ray
        from ray.cluster_utils import Cluster

        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        cluster.add_node(num_cpus=1)
        ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
        names["Ray, two nodes"] = Compute(engine="ray", workers=1), 2
    rates: dict[str, float] = {}
    first: list[bytes] = []
    for name, (compute, workers) in names.items():
        rates[name], seconds, found = measure(dataset, options.rows, compute, workers)
        first = first or found
        same = "same bytes" if found == first else "OTHER BYTES"
        load, speed = os.getloadavg()[0], rates[name] * BLOCK_ROWS
        print(f"{name:>16}: {speed:7.1f} rows/s, {seconds:6.1f} s of processor, {same}, load {load:.0f}")
    print(f"two processes against one: {rates['cpu*2'] / rates['cpu*1']:.2f}")
    print(f"two processes against this one: {rates['cpu*2'] / rates['this process']:.2f}")
    if cluster is not None:
        print(f"Ray against two processes: {rates['Ray, two nodes'] / rates['cpu*2']:.2f}")
        ray.shutdown()
        cluster.shutdown()


if __name__ == "__main__":
    main()
