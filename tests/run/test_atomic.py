import json
from pathlib import Path

from finegold.run import write_json


def test_text_that_utf8_cannot_hold_survives_json(tmp_path: Path) -> None:
    value = {"name \ud800": ["caf\u00e9", "a \\ud800 b", "\udc80"]}
    write_json(tmp_path / "file.json", value)
    assert json.loads((tmp_path / "file.json").read_text("utf-8")) == value
