"""Options of `pick` from a file and in one."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import MakeDataset
from typer.testing import CliRunner

from finegold.cli import app
from finegold.errors import ConfigError


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["pick", *map(str, arguments)])


def test_a_saved_file_gives_the_selection_again(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data, saved = make_dataset(20), tmp_path / "pick.toml"
    asked = [
        data,
        "--size",
        5,
        "--out",
        tmp_path / "one",
        "--preset",
        "length-only",
        "--where",
        'kind != "x"',
    ]
    done = run(*asked, "--seed", 3, "--workers", 2, "--link", "--save-config", saved)
    assert done.exit_code == 0, done.output
    content = tomllib.loads(saved.read_text())
    assert content == {
        **{"data": str(data), "size": "5", "out": str(tmp_path / "one"), "preset": "length-only", "seed": 3},
        **{"where": 'kind != "x"', "workers": 2, "link": True},
    }
    done = run("--config", saved, "--out", tmp_path / "two", "--save-config", tmp_path / "again.toml")
    assert done.exit_code == 0, done.output
    rows = [json.loads((tmp_path / name / "selection.json").read_text()) for name in ("one", "two")]
    assert rows[0]["rows"] == rows[1]["rows"]
    assert rows[1]["seed"] == 3
    assert tomllib.loads((tmp_path / "again.toml").read_text()) == content | {"out": str(tmp_path / "two")}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sise = 5", "sets 'sise'.*did you mean 'size'"),
        ("size =", "cannot be read"),
        (None, "cannot be read"),
        ("config = 'x'", "no such option"),
    ],
)
def test_a_file_that_is_no_configuration_is_explained(tmp_path: Path, text: str | None, words: str) -> None:
    if text is not None:
        (tmp_path / "pick.toml").write_text(text)
    found = run("--config", tmp_path / "pick.toml").exception
    assert isinstance(found, ConfigError)
    with pytest.raises(ConfigError, match=words):
        raise found
