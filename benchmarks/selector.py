"""Measure presets on pools of known defects: bad share, skew of the good kinds, coverage.

    python -m benchmarks.selector POOL.json [POOL.json ...] --images DIR --encoder NAME --out RUNS
        [--presets sound,sound@2,random] [--sizes 50,100,240] [--seeds 5]

The labels of `NAME.json` are in `NAME.labels.json` beside it (see make_pools.py), or, of `pool.json`, in
`labels.json` with the good labels `detailed` and `brief`. Labels are for measuring only. The run folders in
`--out` keep every score, so a second run with other presets takes seconds a pool.

Prints a Markdown row for each pool and size: for each preset the bad rows in percent with their Wilson
interval (95 %, over the rows of all seeds), the skew of the good kinds (total variation distance from the
good rows of the pool) and the mean cosine distance of the pool's images to the nearest chosen one. Writes the
same figures to RUNS/selector.json.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scipy.stats import binomtest

from finegold.selection.preset import find_preset
from finegold.workflow import Compute, DataSource, Run
from finegold.workflow.compare import Labels


def wilson(bad: int, n: int) -> tuple[float, float]:
    """Wilson interval (95 %) of a share (Wilson 1927)."""
    found = binomtest(bad, n).proportion_ci(0.95, method="wilson")
    return float(found.low), float(found.high)


def read_pool_labels(pool: Path) -> Labels:
    """The labels beside a pool."""
    beside = pool.with_name(f"{pool.stem}.labels.json")
    content = json.loads((beside if beside.exists() else pool.with_name("labels.json")).read_text("utf-8"))
    if "labels" in content:
        return Labels(content["labels"], frozenset(content["good"]))
    return Labels(content, frozenset(("detailed", "brief")))


def measure_pool(
    pool: Path, presets: Sequence[str], sizes: Sequence[int], options: Any
) -> list[dict[str, Any]]:
    """Figures of all presets and sizes on one pool."""
    name = f"{pool.parent.name}-{pool.stem}"
    run = Run.open(
        options.out / name,
        DataSource.of(pool, options.images),
        encoder=options.encoder,
        compute=Compute(device="cpu"),
    )
    labels = read_pool_labels(pool)
    found: list[dict[str, Any]] = []
    for size in sizes:
        result = run.compare(
            [find_preset(one) for one in presets], str(size), seeds=options.seeds, labels=labels
        )
        for one in result.presets:
            figures = {key: estimate.value for key, estimate in one.figures.items()}
            drawn = one.seeds * result.size
            bad = round(figures["bad"] * drawn)
            low, high = wilson(bad, drawn)
            found.append(
                {
                    "pool": name,
                    "size": result.size,
                    "preset": one.preset,
                    "bad": bad / drawn,
                    "low": low,
                    "high": high,
                    "skew": figures.get("skew"),
                    "distance": figures.get("distance"),
                    "labels": {key[3:]: value for key, value in figures.items() if key.startswith("is ")},
                }
            )
    return found


def cell(one: dict[str, Any]) -> str:
    """Bad share with interval, skew, distance."""
    text = f"{100 * one['bad']:.1f} ({100 * one['low']:.0f}-{100 * one['high']:.0f})"
    if one["skew"] is not None:
        text += f", {one['skew']:.2f}"
    return text + (f", {one['distance']:.3f}" if one["distance"] is not None else "")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pools", type=Path, nargs="+")
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--encoder", default="offline")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run folders")
    parser.add_argument(
        "--presets", default="sound,sound@2,sound@1,random,stratified,clip-only,instructiongpt4,dpp"
    )
    parser.add_argument("--sizes", default="50,100,240")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    presets, sizes = options.presets.split(","), [int(size) for size in options.sizes.split(",")]
    print("| pool | rows |" + "".join(f" `{Path(name).stem}` |" for name in presets))
    print("| --- | --- |" + " --- |" * len(presets))
    everything: list[dict[str, Any]] = []
    for pool in options.pools:
        found = measure_pool(pool, presets, sizes, options)
        everything += found
        for size in sorted({one["size"] for one in found}):
            cells = "".join(f" {cell(one)} |" for one in found if one["size"] == size)
            print(f"| {pool.parent.name}-{pool.stem} | {size} |{cells}", flush=True)
    (options.out / "selector.json").write_text(json.dumps(everything, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
