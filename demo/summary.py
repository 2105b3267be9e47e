"""Say what became of the rows that the demo broke on purpose.

python demo/summary.py DATA SUBSET
"""

import json
import sys
from collections import Counter
from pathlib import Path


def main(data: Path, subset: Path) -> None:
    """Hold the selection against the truth that the demo's dataset was made with."""
    truth = json.loads((data / "truth.json").read_text(encoding="utf-8"))
    selection = json.loads((subset / "selection.json").read_text(encoding="utf-8"))
    labels = Counter(truth[row["id"]] for row in selection["rows"])
    bad = sum(label != "good" for label in truth.values())
    wrong = labels.total() - labels["good"]
    print(
        f"\nOf {len(truth)} different rows, {bad} were broken on purpose; "
        f"of {labels.total()} picked rows {wrong} are."
    )
    for label, count in sorted(labels.items()):
        if label != "good":
            print(f"  picked although: {label} ({count})")
    print(f"Open the report: {(subset / 'report.html').resolve()}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
