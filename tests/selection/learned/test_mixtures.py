from pathlib import Path
from typing import Any

import pytest

from finegold.errors import DataError
from finegold.selection.learned import MeasuredMixture, read_mixtures, write_pairs

GOOD: dict[str, Any] = {
    "arm": "equal",
    "rows": {"a": 1, "b": 1},
    "pool": {"a": 30, "b": 10, "c": 5},
    "scores": {"vqa": 0.4},
    "draws": {"vqa": [0.3, 0.5]},
}


def test_written_mixtures_read_back_the_same(tmp_path: Path) -> None:
    lines = [MeasuredMixture(**GOOD), MeasuredMixture(**{**GOOD, "arm": "all", "whole": True})]
    write_pairs(tmp_path / "mixtures.jsonl", lines)
    assert read_mixtures(tmp_path / "mixtures.jsonl") == lines


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": {"d": 2}}, r"line 2 is not a measured mixture: .*source 'd', which pool lacks"),
        ({"rows": {"a": -1}}, r"line 2 is not a measured mixture: .*rows"),
        ({"rows": {"a": 0}}, r"rows or pool has no row"),
        ({"scores": {}}, r"line 2 is not a measured mixture: .*scores"),
        ({"scores": {"vqa": float("nan")}}, r"line 2 is not a measured mixture"),
        ({"scores": {"ocr": 0.1}, "draws": {"ocr": [0.1, 0.2]}}, r"line 2 has other tasks"),
        ({"draws": {"ocr": [0.1, 0.2]}}, r"draws and scores name other tasks"),
        ({"draws": {"vqa": [0.1]}}, r"line 2 has other draws"),
        ({"draws": {}}, r"line 2 has other draws"),
        ({"pool": {"a": 31, "b": 10}}, r"line 2 has another pool"),
        ({"size": 3}, r"line 2 is not a measured mixture: .*size"),
    ],
)
def test_a_wrong_line_is_named_with_its_fault(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    import json

    path = tmp_path / "mixtures.jsonl"
    path.write_text(json.dumps(GOOD) + "\n" + json.dumps({**GOOD, **change}) + "\n")
    with pytest.raises(DataError, match=message) as told:
        read_mixtures(path)
    assert "\n" not in str(told.value)
