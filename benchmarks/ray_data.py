"""Ray Data beside the actors of `--engine ray`, on a local cluster of two nodes of one core each.

    python -m benchmarks.ray_data [--blocks 48] [--seconds 0.25] [--case well|node|block]

A block only waits, so that what is compared is how blocks are given out. Ray Data has its defaults: it starts
actors again and makes blocks again without limit. Each case has a cluster of its own. `well`: nothing fails;
processor time and memory (proportional set sizes) are those of this process and of the cluster's. `node`: one
node is killed after a quarter of the blocks. `block`: one block kills its process the first four times.
"""

import argparse
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import ray
import ray.data
from ray.cluster_utils import Cluster
from tests.engines.works import Squares

from finegold.engines import Compute
from finegold.engines.ray_cluster import RayCluster
from finegold.errors import FinegoldError

CASES = ("well", "node", "block")
FATAL, KILLS = 7, 4


class Maker:
    """What Ray Data keeps in each of its actors."""

    def __init__(self, work: Squares) -> None:
        """Begin the work."""
        self._make = ExitStack().enter_context(work.begin(Compute()))

    def __call__(self, batch: dict[str, Any]) -> Iterator[dict[str, list[int]]]:
        """Yield the number of each block that is made."""
        for number, _ in self._make([int(one) for one in batch["item"]], lambda _: None):
            yield {"number": [number]}


def by_ray_data(work: Squares, blocks: int) -> Iterator[int]:
    """The numbers of blocks, as Ray Data makes them."""
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    pool = ray.data.ActorPoolStrategy(size=2)
    made = ray.data.from_items(list(range(blocks)), override_num_blocks=blocks).map_batches(
        Maker, batch_size=None, compute=pool, fn_constructor_args=(work,), num_cpus=1
    )
    yield from (row["number"] for row in made.iter_rows())


def by_actors(work: Squares, blocks: int) -> Iterator[int]:
    """The numbers of blocks, as the engine makes them."""
    making = RayCluster(Compute(engine="ray")).start(work)
    yield from (number for number, _ in making.make(list(range(blocks)), lambda _: None))


def used() -> tuple[float, float, int]:
    """Processor seconds, GB of memory and number of this process and of those that it has started."""
    parents: dict[int, int] = {}
    seconds: dict[int, float] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            parents[int(folder.name)] = int(fields[1])
            seconds[int(folder.name)] = sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")
    own = {os.getpid()}
    while more := {child for child, parent in parents.items() if parent in own} - own:
        own |= more
    memory = 0
    for process in own:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        memory += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return sum(seconds[process] for process in own), memory / 2**20, len(own)


@contextmanager
def two_nodes() -> Iterator[tuple[Any, Any]]:
    """A cluster of two nodes of one core each, and the second of them."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        node = cluster.add_node(num_cpus=1)
        ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
        yield cluster, node
    finally:
        ray.shutdown()
        cluster.shutdown()


def measure(name: str, case: str, blocks: int, seconds: float) -> str:
    """What is printed of one engine in one case."""
    with tempfile.TemporaryDirectory() as folder, two_nodes() as (cluster, node):
        fatal = FATAL if case == "block" else -1
        work = Squares(seconds=seconds, fatal=fatal, marks=Path(folder), kills=KILLS)
        time.sleep(3)  # the cluster starts processes ahead
        before = used()
        times: list[float] = []
        begin = time.perf_counter()
        end = "all blocks made"
        try:
            for _ in ENGINES[name](work, blocks):
                times.append(time.perf_counter() - begin)
                if case == "node" and len(times) == blocks // 4:
                    cluster.remove_node(node, allow_graceful=False)
                if len(times) == blocks - 1 and case == "well":
                    after = used()
                    end = (
                        f"{after[0] - before[0]:.1f} s of processor, {after[1] - before[1]:.2f} GB and "
                        f"{after[2] - before[2]} processes more than the idle cluster"
                    )
        except FinegoldError as error:
            end = str(error)
        waits = [late - soon for soon, late in pairwise(times)]
        killed = len(list(Path(folder).iterdir()))
        return (
            f"first block after {times[0]:.1f} s, the last {times[-1] - times[0]:.1f} s later, longest wait "
            f"{max(waits):.1f} s, {killed} processes killed: {end}"
        )


ENGINES = {"actors": by_actors, "Ray Data": by_ray_data}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--blocks", type=int, default=48)
    parser.add_argument("--seconds", type=float, default=0.25)
    parser.add_argument("--case", choices=CASES, action="append")
    options = parser.parse_args()
    root = Path(__file__).parents[1]
    os.environ["PYTHONPATH"] = os.pathsep.join([str(root / "src"), str(root)])  # of the cluster's processes
    os.environ["OMP_NUM_THREADS"] = "1"
    print(f"Ray {ray.__version__}; no engine takes less than {options.blocks * options.seconds / 2:.1f} s")
    for case in options.case or CASES:
        for name in ENGINES:
            found = measure(name, case, options.blocks, options.seconds)
            print(f"{case:>5}, {name:>8}, load {os.getloadavg()[0]:.0f}: {found}", flush=True)


if __name__ == "__main__":
    main()
