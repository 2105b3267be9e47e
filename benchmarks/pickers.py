"""Seconds and memory of every picker at 10 thousand, 100 thousand and a million rows, given the graph.

    python benchmarks/pickers.py [--rows 10000,100000,1000000] [--only d2,deita] [--budget 1000] [--threads 2]

Each case runs in a process of its own. The rows are 128-d and lie in groups of a hundred, and so does their
(made up) graph of ten neighbours. `growth` is how many times the CPU seconds of the rows before: 10 is linear
where rows grow tenfold, and more than that from 10,000 rows, which fit into a processor's cache. k-center,
herding and DPP cost rows x budget by their nature and get a fifth of the budget.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from finegold.clustering import KnnGraph
from finegold.selection import PICKERS, Pool

WIDTH = 128
NEIGHBOURS = 10
GROUP = 100
ROWS_TIMES_BUDGET = ("k-center", "herding", "dpp")


def write_pool(rows: int, folder: Path) -> None:
    rng = np.random.default_rng(0)
    points = rng.standard_normal((rows, WIDTH), dtype=np.float32)
    points += np.repeat(rng.standard_normal((rows // GROUP, WIDTH), dtype=np.float32), GROUP, axis=0)
    # Ten different steps around the group of a hundred.
    steps = np.argsort(rng.random((GROUP, GROUP - 1)), axis=1)[:, :NEIGHBOURS] + 1
    offsets = steps[rng.integers(0, GROUP, rows)]
    own = np.arange(rows)[:, None]
    neighbours = own // GROUP * GROUP + (own + offsets) % GROUP
    distances = np.sort(rng.random((rows, NEIGHBOURS)) + 1, axis=1)
    np.save(folder / "points.npy", points)
    np.save(folder / "neighbours.npy", neighbours.astype(np.int64))
    np.save(folder / "distances.npy", distances)


def read_pool(folder: Path) -> Pool:
    rng = np.random.default_rng(1)
    points = np.load(folder / "points.npy")
    graph = KnnGraph(np.load(folder / "neighbours.npy"), np.load(folder / "distances.npy"))
    n = len(points)
    return Pool(
        tuple(f"{i:07}" for i in range(n)),
        rng.normal(size=n),
        np.zeros(n, dtype=np.int64),
        points,
        graph,
        rng.normal(size=(n, 3)),
        rng.standard_normal((20, WIDTH), dtype=np.float32),
    )


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run_case(name: str, folder: Path, budget: int) -> None:
    pool = read_pool(folder)
    picker = PICKERS[name]
    # Imports and thread pools start on a small pool, so that they are not counted.
    picker.function(pool.subset(np.arange(200)), 10, np.random.default_rng(0), **picker_parameters(name))
    before = peak_megabytes()
    start, worked = time.perf_counter(), time.process_time()
    chosen = picker.function(pool, budget, np.random.default_rng(0), **picker_parameters(name))
    seconds, worked = time.perf_counter() - start, time.process_time() - worked
    if len(set(chosen.tolist())) != budget:
        raise SystemExit(f"{name} returned {len(set(chosen.tolist()))} rows instead of {budget}")
    peak = peak_megabytes()
    print(json.dumps({"seconds": seconds, "cpu": worked, "peak": peak, "added": peak - before}))


def picker_parameters(name: str) -> dict[str, float]:
    # At the default threshold a hundred alike rows would rarely meet; this makes the filter work.
    return {"threshold": 0.5} if name == "deita" else {}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", default="10000,100000,1000000")
    parser.add_argument("--only", default=",".join(PICKERS))
    parser.add_argument("--budget", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--case", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        run_case(arguments.case[0], Path(arguments.case[1]), int(arguments.case[2]))
        return
    environment = {**os.environ, "OMP_NUM_THREADS": str(arguments.threads)}
    print("| picker | rows | budget | seconds | CPU seconds | growth | peak MB | of it while picking |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    last: dict[str, float] = {}
    for rows in (int(text) for text in arguments.rows.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            write_pool(rows, Path(folder))
            for name in arguments.only.split(","):
                budget = arguments.budget // 5 if name in ROWS_TIMES_BUDGET else arguments.budget
                command = [sys.executable, __file__, "--case", name, folder, str(budget)]
                done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
                if done.returncode:
                    reason = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
                    print(f"| {name} | {rows:,} | {budget:,} | failed: {reason} | | | | |")
                    continue
                result = json.loads(done.stdout)
                growth = f"{result['cpu'] / last[name]:.1f}" if name in last else ""
                print(
                    f"| {name} | {rows:,} | {budget:,} | {result['seconds']:.3f} "
                    f"| {result['cpu']:.3f} | {growth} | {result['peak']:,.0f} | {result['added']:,.0f} |",
                    flush=True,
                )
                last[name] = result["cpu"]


if __name__ == "__main__":
    main()
