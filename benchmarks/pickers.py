"""Seconds and memory of every picker at 10 thousand, 100 thousand and a million rows, given the graph.

    python benchmarks/pickers.py [--rows 10000,100000,1000000] [--only d2,deita] [--budget 1000] [--threads 2]
    python benchmarks/pickers.py --rows 10000000 --width 64 --clusters 100 --budget 10000

Each case runs in a process of its own. The rows are 128-d and lie in groups of a hundred, and so does their
(made up) graph of ten neighbours. `growth` is how many times the CPU seconds of the rows before: 10 is linear
where rows grow tenfold, and more than that from 10,000 rows, which fit into a processor's cache. k-center,
herding and DPP cost rows x budget by their nature and get a fifth of the budget.

With `--clusters` the whole of `select` is measured, which shares the budget among that many clusters in
proportion to their size. Embeddings and graph are then mapped from files. All pickers have the same budget.
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
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finegold.clustering import KnnGraph
from finegold.run import TextColumn
from finegold.selection import PICKERS, Pool, Preset, SelectionInputs, select
from finegold.selection.preset import ClusteringSpec

NEIGHBOURS = 10
GROUP = 100
ROWS_TIMES_BUDGET = ("k-center", "herding", "dpp")


def write_pool(rows: int, width: int, folder: Path) -> None:
    rng = np.random.default_rng(0)
    # Ten different steps around the group of a hundred.
    steps = np.argsort(rng.random((GROUP, GROUP - 1)), axis=1)[:, :NEIGHBOURS] + 1
    shapes: dict[str, tuple[int, type]] = {
        "points": (width, np.float32),
        "neighbours": (NEIGHBOURS, np.int64),
        "distances": (NEIGHBOURS, np.float64),
    }
    files = {
        name: np.lib.format.open_memmap(folder / f"{name}.npy", "w+", kind, (rows, columns))
        for name, (columns, kind) in shapes.items()
    }
    for start in range(0, rows, 100 * GROUP * GROUP):
        own = np.arange(start, min(start + 100 * GROUP * GROUP, rows))
        here = slice(start, start + len(own))
        points = rng.standard_normal((len(own), width), dtype=np.float32)
        middles = rng.standard_normal((-(-len(own) // GROUP), width), dtype=np.float32)
        files["points"][here] = points + np.repeat(middles, GROUP, axis=0)[: len(own)]
        offsets = steps[rng.integers(0, GROUP, len(own))]
        files["neighbours"][here] = own[:, None] // GROUP * GROUP + (own[:, None] + offsets) % GROUP
        files["distances"][here] = np.sort(rng.random((len(own), NEIGHBOURS)) + 1, axis=1)
    for file in files.values():
        file.flush()


def read_pool(folder: Path, *, mapped: bool) -> Pool:
    rng = np.random.default_rng(1)
    mode: Literal["r"] | None = "r" if mapped else None
    points = np.load(folder / "points.npy", mode)
    graph = KnnGraph(np.load(folder / "neighbours.npy", mode), np.load(folder / "distances.npy", mode))
    n = len(points)
    return Pool(
        TextColumn(pc.utf8_lpad(pa.array(np.arange(n)).cast(pa.string()), 8, "0")),
        rng.normal(size=n),
        np.zeros(n, dtype=np.int64),
        points,
        graph,
        rng.normal(size=(n, 3)),
        rng.standard_normal((20, points.shape[1]), dtype=np.float32),
    )


def choose_in_clusters(name: str, pool: Pool, clusters: int, budget: int) -> int:
    """How many different rows `select` chooses."""
    n = len(pool)
    assert pool.indicators is not None
    inputs = SelectionInputs(
        pool.ids,
        {str(at): column for at, column in enumerate(pool.indicators.T)},
        np.arange(n) * clusters // n,
        pool.embeddings,
        pool.graph,
        pool.ids,
        pool.targets,
    )
    weights = {str(at): 1.0 for at in range(3)}
    spec = ClusteringSpec(clusters=clusters)
    parameters = picker_parameters(name)
    preset = Preset(
        "benchmark", "1", "For a benchmark.", weights, clustering=spec, pick=name, pick_parameters=parameters
    )
    chosen = select(inputs, preset, budget)
    for note in chosen.notes:
        print(f"{name}: {note}", file=sys.stderr)
    return len(set(chosen.ids))


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run_case(name: str, folder: Path, budget: int, clusters: int) -> None:
    pool = read_pool(folder, mapped=clusters > 0)
    picker = PICKERS[name]
    # Imports and thread pools start on a small pool, so that they are not counted.
    picker.function(pool.subset(np.arange(200)), 10, np.random.default_rng(0), **picker_parameters(name))
    before = peak_megabytes()
    start, worked = time.perf_counter(), time.process_time()
    if clusters:
        found = choose_in_clusters(name, pool, clusters, budget)
    else:
        rng = np.random.default_rng(0)
        found = len(set(picker.function(pool, budget, rng, **picker_parameters(name)).tolist()))
    seconds, worked = time.perf_counter() - start, time.process_time() - worked
    if found != budget:
        raise SystemExit(f"{name} returned {found} rows instead of {budget}")
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
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--clusters", type=int, default=0)
    parser.add_argument("--case", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        run_case(arguments.case[0], Path(arguments.case[1]), arguments.budget, arguments.clusters)
        return
    environment = {**os.environ, "OMP_NUM_THREADS": str(arguments.threads)}
    print("| picker | rows | budget | seconds | CPU seconds | growth | peak MB | of it while picking |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    last: dict[str, float] = {}
    for rows in (int(text) for text in arguments.rows.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            write_pool(rows, arguments.width, Path(folder))
            for name in arguments.only.split(","):
                costly = name in ROWS_TIMES_BUDGET and not arguments.clusters
                budget = arguments.budget // 5 if costly else arguments.budget
                command = [sys.executable, __file__, "--case", name, folder, "--budget", str(budget)]
                command += ["--clusters", str(arguments.clusters)]
                done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
                if arguments.clusters and not done.returncode:
                    sys.stderr.write(done.stderr)
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
