import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from finegold.cli import app
from finegold.version import __version__


def test_it_says_what_is_installed_and_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FINEGOLD_CACHE", str(tmp_path / "not" / "there"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("finegold.extras.EXTRAS", {"torch": "models", "no_such_package": "special"})
    done = CliRunner().invoke(app, ["doctor", "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["finegold"].startswith(__version__)
    assert any(line.startswith("models: torch 2") for line in found["extras"])
    assert "special: no, no_such_package is missing: pip install 'finegold[special]'" in found["extras"]
    assert "GB free" in found["disk"]
    lines = CliRunner().invoke(app, ["doctor"]).stdout
    assert all(name in lines for name in found)


def test_every_verb_explains_itself_with_h() -> None:
    assert CliRunner().invoke(app, ["-h"]).exit_code == 0
    assert "--images" in CliRunner().invoke(app, ["pick", "-h"]).stdout
