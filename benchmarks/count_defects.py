"""What the arms of a study of mixtures were trained on: bad rows, and the share of each source.

    python benchmarks/count_defects.py mixture-noise-pool/truth.json studies/mixture-noise

prints a Markdown table, means over the arm's subsets.
"""

import argparse
import json
from collections import Counter
from pathlib import Path


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("truth", type=Path, help="labels of the rows, as make_mixture_pool.py writes them")
    parser.add_argument("study", type=Path, help="folder of a study's results")
    options = parser.parse_args()
    truth = json.loads(options.truth.read_text(encoding="utf-8"))
    runs = json.loads((options.study / "runs.json").read_text(encoding="utf-8"))
    sources = list(dict.fromkeys(name.partition("/")[0] for name in truth))
    print(f"| arm | bad rows | {' | '.join(sources)} |\n| --- |{' ---: |' * (len(sources) + 1)}")
    for arm, jobs in runs.items():
        names = {job["subset"] for job in jobs if job["subset"]} if isinstance(jobs, list) else set()
        chosen = [_ids(options.study.parent / "subsets" / name) for name in sorted(names)]
        if chosen:
            rows = [row for ids in chosen for row in ids]
            bad = sum(truth[row] != "good" for row in rows) / len(rows)
            counts = Counter(row.partition("/")[0] for row in rows)
            shares = " | ".join(f"{counts[source] / len(rows):.0%}" for source in sources)
            print(f"| {arm} | {bad:.1%} | {shares} |")


def _ids(subset: Path) -> list[str]:
    """Ids of the rows of a subset."""
    manifest = json.loads((subset / "selection.json").read_text(encoding="utf-8"))
    return [row["id"] for row in manifest["rows"]]


if __name__ == "__main__":
    main()
