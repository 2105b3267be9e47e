"""Options of `pick` and `tune` from a file and in one."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import MakeDataset
from typer.testing import CliRunner

from finegold.cli import app
from finegold.errors import ConfigError


def run(*arguments: object, verb: str = "pick") -> Any:
    return CliRunner().invoke(app, [verb, *map(str, arguments)])


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


def test_a_saved_file_gives_the_training_again(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data, saved = make_dataset(4), tmp_path / "tune.toml"
    asked = (data, "--model", "some/model", "--export", "ms-swift", "--steps", 3, "--batch-size", 2)
    done = run(*asked, "--out", tmp_path / "one", "--save-config", saved, verb="tune")
    assert done.exit_code == 0, done.output
    content = tomllib.loads(saved.read_text())
    assert content == {
        **{"subset": str(data), "model": "some/model", "export": "ms-swift", "out": str(tmp_path / "one")},
        **{"steps": 3, "batch-size": 2},
    }
    done = run("--config", saved, "--out", tmp_path / "two", "--steps", 5, verb="tune")
    assert done.exit_code == 0, done.output
    assert "max_steps: 5" in (tmp_path / "two" / "train.yaml").read_text()


@pytest.mark.parametrize("verb", ["pick", "tune"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sedd = 5", "sets 'sedd'.*did you mean 'seed'"),
        ("size =", "cannot be read"),
        (None, "cannot be read"),
        ("config = 'x'", "no such option"),
    ],
)
def test_a_file_that_is_no_configuration_is_explained(
    tmp_path: Path, text: str | None, words: str, verb: str
) -> None:
    if text is not None:
        (tmp_path / "pick.toml").write_text(text)
    found = run("--config", tmp_path / "pick.toml", verb=verb).exception
    assert isinstance(found, ConfigError)
    with pytest.raises(ConfigError, match=words):
        raise found
