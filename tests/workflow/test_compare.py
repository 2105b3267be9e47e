"""Presets side by side on one run folder."""

import json
from pathlib import Path

from finegold.selection import find_preset
from finegold.selection.compare import PresetComparison
from finegold.workflow import Run


def test_rows_without_images_are_compared_by_what_they_have(tmp_path: Path) -> None:
    texts = [("What?", f"Answer number {row} is here.") for row in range(12)]
    rows = [
        {"id": f"r{row}", "conversations": [{"from": "human", "value": q}, {"from": "gpt", "value": a}]}
        for row, (q, a) in enumerate(texts)
    ]
    (tmp_path / "data.json").write_text(json.dumps(rows))
    run = Run.open(tmp_path / "run", tmp_path / "data.json", encoder="offline")
    result = run.compare([find_preset("length-only"), find_preset("random")], "3", seeds=2)
    assert result.size == 3
    assert "mean length" in result.names()
    assert "distance" not in result.names()
    (file,) = (tmp_path / "run" / "comparisons").glob("*.json")
    assert PresetComparison.from_json(json.loads(file.read_text())) == result
