"""Seconds and memory of the neighbour graph and of spectral clustering, beside scikit-learn.

    python benchmarks/clustering.py [--cases graph-exact:10000x128,...] [--threads 2]

Each case runs in a process of its own, on rows of 30 planted groups. `agreement` is the adjusted Rand
index with scikit-learn's labels for clusterings, and the share of exact neighbours found for graphs. The peak
of memory is that of the process once the rows were made.

`partition-10:100000x128` compares ten spectral clusters of the FAISS graph with those of the exact one, and
`seeds-10:100000x128` the clusters of the exact graph with seeds 0, 1 and 2: the lowest adjusted Rand index of
two of them, which is what an approximate graph can reach at best. `graph-cuvs:1000000x128` needs a GPU and
the extra `cuvs`.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import warnings
from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np

from finegold.arrays import Vectors
from finegold.clustering import kmeans, knn_graph, spectral

CASES = (
    "graph-exact:3439x1280",
    "graph-scikit-learn:3439x1280",
    "graph-exact:20000x128",
    "graph-scikit-learn:20000x128",
    "graph-faiss:20000x128",
    "graph-faiss:100000x128",
    "graph-exact:100000x128",
    "spectral:3439x1280",
    "spectral-scikit-learn:3439x1280",
    "spectral:10000x128",
    "spectral-scikit-learn:10000x128",
    "spectral:100000x128",
    "kmeans:100000x128",
)
GRAPHS: dict[str, Literal["exact", "faiss", "cuvs"]] = {
    "graph-exact": "exact",
    "graph-faiss": "faiss",
    "graph-cuvs": "cuvs",
}
SAMPLE = 500
"""Rows whose neighbours are checked against an exact search."""


def rows_of(n: int, width: int) -> Vectors:
    """Groups that overlap in sixteen dimensions, as image embeddings do, so that the graph is one piece."""
    rng = np.random.default_rng(0)
    inner = rng.standard_normal((30, 16))[rng.integers(0, 30, n)] + rng.standard_normal((n, 16))
    noise = rng.standard_normal((n, width), dtype=np.float32) / 10
    return np.asarray(inner @ rng.standard_normal((16, width)) / 4 + noise, dtype=np.float32)


def scikit_learn_labels(points: Vectors) -> list[int]:
    from sklearn.cluster import SpectralClustering

    warnings.simplefilter("ignore")
    model = SpectralClustering(10, affinity="nearest_neighbors", n_neighbors=10, random_state=0)
    return [int(label) for label in model.fit_predict(points)]


def share_found(points: Vectors, found: list[list[int]]) -> float:
    rows = np.arange(0, len(points), max(1, len(points) // SAMPLE))
    hits = 0
    for row in rows:
        gaps = np.square(points - points[row]).sum(axis=1)
        gaps[row] = np.inf
        hits += len(set(np.argpartition(gaps, 10)[:10].tolist()) & set(found[row]))
    return hits / (10 * len(rows))


def partition_agreement(points: Vectors, clusters: int, *, seeds: bool) -> float:
    from sklearn.metrics import adjusted_rand_score

    exact = knn_graph(points, 10, method="exact")
    first = spectral(points, clusters=clusters, graph=exact).labels
    if not seeds:
        fast = knn_graph(points, 10, method="faiss")
        return float(adjusted_rand_score(first, spectral(points, clusters=clusters, graph=fast).labels))
    found = [first, *(spectral(points, clusters=clusters, graph=exact, seed=s).labels for s in (1, 2))]
    return min(float(adjusted_rand_score(a, b)) for a, b in combinations(found, 2))


def run_case(case: str) -> None:
    what, _, shape = case.partition(":")
    n, width = (int(number) for number in shape.split("x"))
    points = rows_of(n, width)
    Path("/proc/self/clear_refs").write_text("5")  # making the rows takes more than some cases
    start, worked = time.perf_counter(), time.process_time()
    agreement: float | None = None
    if what == "graph-scikit-learn":
        from sklearn.neighbors import NearestNeighbors

        nearest = NearestNeighbors(n_neighbors=10, n_jobs=-1).fit(points).kneighbors(return_distance=False)
        seconds, worked = time.perf_counter() - start, time.process_time() - worked
        agreement = share_found(points, nearest.tolist())
    elif what.startswith(("partition-", "seeds-")):
        kind, _, clusters = what.partition("-")
        agreement = partition_agreement(points, int(clusters), seeds=kind == "seeds")
        seconds, worked = time.perf_counter() - start, time.process_time() - worked
    elif what.startswith("graph"):
        graph = knn_graph(points, 10, method=GRAPHS[what])
        seconds, worked = time.perf_counter() - start, time.process_time() - worked
        agreement = share_found(points, graph.neighbours.tolist())
    elif what == "spectral-scikit-learn":
        scikit_learn_labels(points)
        seconds, worked = time.perf_counter() - start, time.process_time() - worked
    elif what == "spectral":
        labels = spectral(points).labels
        seconds, worked = time.perf_counter() - start, time.process_time() - worked
        if n <= 10_000:
            from sklearn.metrics import adjusted_rand_score

            agreement = float(adjusted_rand_score(scikit_learn_labels(points), labels))
    else:
        kmeans(points, 10, overwrite=True)  # as `finegold cluster` does
        seconds, worked = time.perf_counter() - start, time.process_time() - worked
    peak = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024
    print(json.dumps({"seconds": seconds, "cpu": worked, "agreement": agreement, "peak": peak}))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--case", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        run_case(arguments.case)
        return
    environment = {**os.environ, "OMP_NUM_THREADS": str(arguments.threads)}
    print("| case | seconds | CPU seconds | agreement | peak MB |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for case in arguments.cases.split(","):
        command = [sys.executable, __file__, "--case", case]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
            print(f"| {case} | failed: {reason} | | | |")
            continue
        result = json.loads(done.stdout)
        agreement = "" if result["agreement"] is None else f"{result['agreement']:.3f}"
        print(
            f"| {case} | {result['seconds']:.2f} | {result['cpu']:.2f} | {agreement} "
            f"| {result['peak']:,.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
