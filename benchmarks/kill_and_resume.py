"""Kill a pick with SIGKILL at random moments, resume it, and hold its tables against an uninterrupted run's.

    python benchmarks/kill_and_resume.py DATA --images DIR --out DIR [--kills 10] [--seed 0]

Exits with 1 if a table differs. The moments are drawn over the time that the uninterrupted run took.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.dataset as ds

TABLES = ("samples", "embeddings", "scores")


def rows(run: Path) -> dict[str, list[str]]:
    """Every row of every table as text, sorted, by table name."""
    found = {}
    for kind in TABLES:
        for folder in sorted((run / kind).iterdir()):
            table = ds.dataset(sorted(map(str, folder.glob("part-*.parquet"))), format="parquet").to_table()
            found[f"{kind}/{folder.name}"] = sorted(map(repr, table.to_pylist()))
    return found


def main() -> None:
    """Run once whole, then once with kills, and compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    command = [
        sys.executable,
        "-m",
        "finegold",
        "pick",
        str(options.data),
        "--encoder",
        "offline",
        "--size",
        "20",
    ]
    command += ["--preset", "instructiongpt4", *(["--images", str(options.images)] if options.images else [])]

    begin = time.perf_counter()
    subprocess.run([*command, "--out", str(options.out / "whole")], check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - begin

    rng = random.Random(options.seed)
    killed = 0
    interrupted = [*command, "--out", str(options.out / "killed")]
    for moment in sorted(rng.uniform(0.1, 1.0) for _ in range(options.kills)):
        process = subprocess.Popen(interrupted, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            # Each start pays for its imports again; what it adds must stay less than the whole.
            process.wait(timeout=max(2.0, moment * seconds / 2))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            killed += 1
    subprocess.run(interrupted, check=True, stdout=subprocess.DEVNULL)
    first, second = rows(options.out / "whole.run"), rows(options.out / "killed.run")
    names = (options.out / name / "selection.json" for name in ("whole", "killed"))
    same_choice = len({name.read_text(encoding="utf-8") for name in names}) == 1
    print(f"uninterrupted: {seconds:.0f} s; killed {killed} times")
    for name in sorted(first | second):
        equal = first.get(name) == second.get(name)
        print(f"  {name}: {len(first.get(name, []))} rows, {'equal' if equal else 'DIFFERENT'}")
    print(f"  selection.json: {'equal' if same_choice else 'DIFFERENT'}")
    sys.exit(0 if first == second and same_choice else 1)


if __name__ == "__main__":
    main()
