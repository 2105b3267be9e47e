"""The public API from a script, and as a notebook shows it."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pytest
from PIL import Image
from tests.conftest import MakeDataset
from tests.evaluation import made
from tests.llm.server import Answer, Ask, FakeServer, completion

import finegold
from finegold.errors import ConfigError, FinegoldError
from finegold.scorers import Batch, Context, Score, ScoreBatch, Scorer, make_scorer


@pytest.fixture
def desk(make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `captions.json`, `photos/` and `photo.jpg`, which is the working folder."""
    data = make_dataset(30)
    folder = tmp_path / "desk"
    folder.mkdir()
    shutil.copyfile(data, folder / "captions.json")
    shutil.copytree(data.parent / "images", folder / "photos")
    for name in ("photo.jpg", "photos/1.jpg"):
        Image.open(data.parent / "images/0001.png").convert("RGB").save(folder / name)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FINEGOLD_CACHE", str(tmp_path / "cache"))
    return folder


def test_rows_in_memory_are_picked_as_those_of_the_file(desk: Path) -> None:
    rows = pd.read_json("captions.json", dtype=False).to_dict("records")
    from_file = finegold.pick("captions.json", 5, images="photos", preset="length-only", run="a.run")
    for number, data in enumerate((rows, pd.DataFrame(rows), datasets.Dataset.from_list(rows))):
        chosen = finegold.pick(data, 5, f"out{number}", images="photos", preset="length-only")
        assert chosen.ids == from_file.ids
        again = finegold.open_dataset(next(Path(f"out{number}").glob("rows-*")))
        assert sorted(row.id for row in again) == sorted(chosen.ids)
        # The run keeps the rows, so it opens without them.
        same = finegold.Run.open(f"out{number}.run").select(finegold.SelectionSettings.of("length-only", 5))
        assert same.ids == chosen.ids


def test_a_dataset_has_the_manners_of_a_list(desk: Path) -> None:
    data = finegold.open_dataset("captions.json", images="photos")
    assert len(data) == 30
    assert [row.id for row in data] == [data[at].id for at in range(30)]
    assert data[-1].id == "r0029"
    with pytest.raises(IndexError, match="has 30 rows and none at position 30"):
        data[30]
    frame = data.to_pandas()
    assert list(frame.id) == [row.id for row in data]
    assert frame.messages[0][1]["content"].startswith("A ")
    hub = data.to_hf()
    assert hub[3]["images"][0].size == (96, 80)
    assert finegold.open_dataset(hub)[3].sample.turns == data[3].sample.turns  # type: ignore[union-attr]


def test_presets_and_scorer_objects_stand_for_their_names(desk: Path) -> None:
    run = finegold.Run.open("r.run", "captions.json", images="photos")
    by_name = run.pick(5, preset="length-only", weights={"detail": 1.0, "length": 0.5})
    preset, length = finegold.find_preset("length-only"), make_scorer("length")
    by_object = run.pick(5, preset=preset, weights={make_scorer("detail"): 1.0, length: 0.5})
    assert by_object.ids == by_name.ids == run.select(5, preset=preset, weights="detail=1,length=0.5").ids
    opened = finegold.open_dataset("captions.json", images="photos", ids="row")
    rows = finegold.pick(opened, 5, preset="length-only", run="rows.run").ids
    assert rows == finegold.pick(opened, 5, preset="length-only", run="rows.run").ids
    assert set(rows) <= set(map(str, range(30)))
    assert run.score("length").folder == run.score(length).folder
    assert list(run.score("length").to_pandas().columns) == ["sample_id", "value", "status", "reason"]

    @dataclass(frozen=True)
    class Vowels(Scorer):
        """Vowels of the answer, up to a limit."""

        name, version, requires = "vowels", "1", frozenset({"answer"})
        limit: int = 1000

        def prepare(self, context: Context) -> ScoreBatch:
            def score(batch: Batch) -> list[Score]:
                counts = [sum(map(sample.answer.count, "aeiou")) for sample in batch.samples]
                return [Score.ok(min(count, self.limit)) for count in counts]

            return score

    most = finegold.pick(
        "captions.json", 1, images="photos", weights={Vowels(): 1}, preset="length-only", run="v"
    )
    table = most.to_pandas()
    assert table[table["rank"] == 1].vowels.max() == table.vowels.max()
    few = finegold.pick(
        "captions.json", 3, images="photos", weights={Vowels(limit=5): 1}, preset="length-only", run="v"
    )
    assert few.to_pandas().vowels.max() == 5
    with pytest.raises(ConfigError, match=r"the name 'length' of the scorer .*Vowels.* belongs to"):
        run.pick(1, preset="length-only", weights={type("Vowels", (Vowels,), {"name": "length"})(): 1})
    with pytest.raises(ConfigError, match="a scorer object and 'limit' are given"):
        run.score(Vowels(), limit=5)
    with pytest.raises(ConfigError, match="settings and 'seed' are given"):
        run.select(finegold.SelectionSettings.of("length-only", 5), seed=1)


def test_a_subset_is_replayed_and_answers_are_judged(desk: Path) -> None:
    finegold.pick("captions.json", 4, "out", images="photos", preset="length-only")
    again = finegold.replay("out/selection.json", "captions.json", "again", images="photos")
    assert (again.differences, len(finegold.open_dataset("again"))) == ((), 4)
    with finegold.load_model("constant:A dog.") as model:
        assert model.answer([None], ["What is it?"]) == ["A dog."]
        assert "constant" in model._repr_html_()
    Path("q.jsonl").write_text(json.dumps({"question_id": 1, "text": "What is it?"}))
    for name in "ab":
        Path(f"{name}.jsonl").write_text(json.dumps({"question_id": 1, "text": name, "model_id": name}))

    def script(ask: Ask) -> Answer:
        first = ask.text.rindex("\na\n") < ask.text.rindex("\nb\n")
        return completion(
            json.dumps({"first": 9 - 4 * (not first), "second": 5 + 4 * (not first), "reason": "r"})
        )

    with FakeServer(script) as server:
        found = finegold.judge(
            "a.jsonl",
            "b.jsonl",
            "q.jsonl",
            "verdicts",
            model="m",
            base_url=server.url,
            api_key="k",
            cache=Path("c"),
        )
    assert (found.a, found.overall().wins, found.overall().losses) == ("a", 1, 0)
    assert "a against b" in found._repr_html_()
    assert Path("verdicts/judge.html").exists()
    made.vsr(desk, [1, 1, 0, 0])
    results = finegold.evaluate("constant:Yes", "vsr", ".", "answers")
    assert results["tasks"]["vsr"]["answered"] == 4
    assert "accuracy" in results._repr_html_()


def test_a_script_of_a_user_is_typed(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import finegold\n"
        "def main(preset: finegold.Preset) -> list[str]:\n"
        "    data = finegold.open_dataset('captions.json', images='photos/')\n"
        "    chosen = finegold.pick(data, 20, 'out', preset=preset, weights={'detail': 2})\n"
        "    run = finegold.Run.open('out.run')\n"
        "    run.compare(['random', preset], 20)\n"
        "    judged = finegold.judge('a', 'b', 'q', 'o', max_calls=3)\n"
        "    reveal_type(finegold.tune('out', model='offline', out='t', batch_size=2))\n"
        "    reveal_type(judged)\n"
        "    return [*chosen.ids, run.select(3).ids[0], data[0].id]\n"
    )
    # No type of these libraries is in the public API, and mypy reads them for longer than all else.
    (tmp_path / "mypy.ini").write_text(
        "[mypy]\n[mypy-torch.*,transformers.*,IPython.*,matplotlib.*]\nfollow_imports = skip\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports", "silent", str(script)]
    root = Path(__file__).parents[1]
    environment = {**os.environ, "MYPYPATH": str(root / "src")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "TuneResult" in done.stdout
    assert "Judgement" in done.stdout


def test_a_wrong_kind_of_argument_is_a_sentence(desk: Path) -> None:
    ask: Any = partial(finegold.pick, "captions.json", images="photos")
    for call, message in (
        (lambda: finegold.pick(5, 1), "the data is an int, expected a path"),
        (lambda: ask(5, preset=3), "the preset is an int, expected a Preset, its name"),
        (lambda: ask(5, weights=3), "the weights are an int, expected a mapping"),
        (lambda: ask(5, encoder=3), "the encoder is an int, expected its name"),
        (lambda: ask(5, presett="sound"), r"no setting 'presett' \(did you mean 'preset'\?\)"),
        (lambda: finegold.run_study("papr-table4", "out"), r"no study 'papr-table4' \(did you mean"),
        (lambda: finegold.read_findings("nope"), r"nope cannot be read \(No such file or directory\)"),
    ):
        with pytest.raises(FinegoldError, match=message):
            call()


def test_objects_show_themselves_in_a_notebook(desk: Path) -> None:
    rows = pd.read_json("captions.json", dtype=False).to_dict("records")
    rows[0]["conversations"][1]["value"] = "<script>alert(1)</script>"
    rows[2]["conversations"][1]["value"] = "half \ud800"
    rows[1]["image"] = "missing.png"
    data = finegold.open_dataset(rows, images="photos")
    run = finegold.Run.open("r.run", rows, images="photos", encoder="offline")
    chosen = run.pick(finegold.SelectionSettings.of("length-only", 3))
    compared = run.compare([finegold.find_preset("random"), finegold.find_preset("length-only")], "3")
    inspected = finegold.inspect(data)
    cards = {name: one._repr_html_() for name, one in locals().items() if hasattr(one, "_repr_html_")}
    cards |= {"row": data[1]._repr_html_(), "preset": finegold.find_preset("sound")._repr_html_()}
    cards |= {"written": chosen.write("written")._repr_html_()}
    cards |= {"settings": finegold.SelectionSettings.of("length-only", 3)._repr_html_()}
    assert "preset: length-only" in cards["settings"]
    assert "rows: 3" in cards["written"]
    cards |= {"scores": run.score("length")._repr_html_(), "sample": next(iter(data))._repr_html_()}
    assert {"data", "chosen", "compared", "inspected", "run"} <= set(cards)
    assert "length-" in cards["run"]
    assert "image/webp" in cards["sample"]
    assert "missing-image" not in cards["row"]  # whose file is looked up when it is checked
    assert "<script>" not in "".join(cards.values())
    assert "&lt;script&gt;" in cards["data"]
    assert cards["chosen"].count("data:image/webp") == 3
    assert "half of a surrogate pair" in cards["data"]
    assert "missing-image" in cards["inspected"]
    assert "random" in cards["compared"]
    "".join(cards.values()).encode("utf-8")
