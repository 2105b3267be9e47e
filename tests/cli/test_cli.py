"""The command line as a person meets it: a fresh process, but for help and for mistakes, which are many."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.docs import desk
from tests.evaluation import made
from tests.plugins import install

from finegold.workflow import pick

MakeDataset = Callable[..., Path]
ABSENT = (
    *("torch", "transformers", "accelerate", "safetensors", "trl", "peft", "datasets"),
    *("aiohttp", "fsspec", "huggingface_hub"),
)
"""What a core install does not bring."""


def finegold(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command; nothing on its environment asks for colours or a wide terminal."""
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "finegold", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=cwd)


def test_help_names_every_verb() -> None:
    shown = finegold("--help")
    assert shown.returncode == 0
    for verb in ("pick", "inspect", "score", "cluster", "select", "report", "replay", "compare", "presets"):
        assert verb in shown.stdout


@pytest.mark.parametrize("statement", ["import finegold", "from finegold.cli import main"])
def test_importing_loads_no_model_library(statement: str) -> None:
    program = (
        f"{statement}\nimport sys\n"
        "heavy = ('torch', 'transformers', 'sklearn', 'pyarrow', 'PIL', 'aiohttp')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    assert found.stdout.strip() == "[]"


def test_every_verb_explains_itself() -> None:
    for verb in ("pick", "inspect", "score", "cluster", "select", "report", "replay", "compare", "presets"):
        shown = desk.finegold(verb, "--help")
        assert shown.status == 0, shown.err
        assert "Usage" in shown.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["pick", "nowhere.json", "--size", "3", "--out", "out"], ["nowhere.json", "expected"]),
        (["pick", "data.json", "--size", "many", "--out", "out", "--preset", "length-only"], ["many", "6%"]),
        (
            ["pick", "data.json", "--size", "3", "--out", "out", "--preset", "best"],
            ["best", "instructiongpt4"],
        ),
        (["pick", "data.json", "--size", "3", "--out", "out", "--weights", "clip"], ["clip", "clip=1"]),
        (["pick", "data.json", "--size", "3", "--out", "out", "--preset", "rds"], ["rds", "--targets"]),
        (
            ["pick", "data.json", "--size", "3", "--out", "out", "--dedup", "same"],
            ["same", "'all' or 'none'"],
        ),
        (["select", "no-run", "--size", "3", "--out", "out"], ["no-run", "does not exist"]),
        (["score", "no-run", "--scorer", "length"], ["no-run"]),
        (["replay", "data.json", "--data", "data.json"], ["data.json", "selection.json"]),
    ],
)
def test_a_mistake_is_one_sentence_without_a_traceback(
    make_dataset: MakeDataset, arguments: list[str], words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_dataset(6).parent
    monkeypatch.chdir(folder)
    failed = desk.finegold(*arguments)
    assert failed.status == 2
    assert "Traceback" not in failed.err
    lines = failed.err.strip().splitlines()
    assert lines[-1].startswith("finegold: ")
    for word in words:
        assert word in lines[-1]
    assert "Traceback" in finegold("--debug", *arguments, cwd=folder).stderr


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        ("chat offline", "offline"),
        ("chat some/model", "models"),
        ("chat endpoint:m --base-url http://127.0.0.1:9/v1", "llm"),
        ("generate offline --questions questions.jsonl --out answers.jsonl", "offline"),
        ("evaluate offline --task-data . --out out --tasks vsr", "offline"),
        ("evaluate endpoint:m --base-url http://127.0.0.1:9/v1 --task-data . --out out --tasks vsr", "llm"),
        ("demo offline --image images/0001.png --prompt What? --out demo.html", "offline"),
        ("tune data.json --model offline --out tuned", "offline"),
        ("tune data.json --model some/model --out tuned", "tune"),
        ("study size-sweep --data data.json --task-data . --tasks vsr --out study", "offline"),
        ("pick data.json --encoder offline --size 1 --out out", "offline"),
        ("pick data.json --size 1 --out out", "models"),
        ("score run --data data.json --scorer necessity", "offline"),
        ("score run --data data.json --scorer perplexity", "offline"),
        ("score run --data data.json --scorer llm --model m --base-url http://127.0.0.1:9/v1", "llm"),
        ("inspect s3://bucket/data.json", "remote"),
    ],
)
def test_a_missing_extra_is_named_with_its_command(
    make_dataset: MakeDataset, command: str, extra: str
) -> None:
    folder = make_dataset(2).parent
    made.vsr(folder)
    (folder / "questions.jsonl").write_text('{"question_id": 1, "text": "What is this?"}\n')
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({ABSENT!r})); "
        "from finegold.cli import main; sys.argv[0] = 'finegold'; main()"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code, *command.split()],
        capture_output=True, text=True, check=False, env=environment, cwd=folder, input="What?\n",
    )  # fmt: skip
    assert done.returncode == 2
    sentence = done.stderr.strip().splitlines()[-1]
    assert sentence.endswith(f"which is not installed: pip install 'finegold[{extra}]'"), sentence
    assert "defect" not in done.stderr


def test_the_steps_one_by_one_give_what_pick_gives(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data, preset = make_dataset(24), "instructiongpt4"
    picked = pick(data, size=6, out=tmp_path / "whole", encoder="offline", clusters=3, preset=preset)
    for arguments in (
        ["score", "run", "--data", data, "--scorer", "length"],
        ["score", "run", "--scorer", "clip", "--encoder", "offline"],
        ["select", "run", "--size", 6, "--out", "steps", "--preset", preset, "--clusters", 3],
        ["report", "run", "--selection", "steps/selection.json", "--out", "again.html"],
    ):
        done = finegold(*arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    chosen = json.loads((tmp_path / "steps" / "selection.json").read_text())["rows"]
    assert [row["id"] for row in chosen] == [row.id for row in picked.manifest.rows]
    assert [row["quality"] for row in chosen] == [row.quality for row in picked.manifest.rows]
    assert "r0001" in (tmp_path / "again.html").read_text()


def test_a_scorer_from_a_file_beside_the_data(make_dataset: MakeDataset, tmp_path: Path) -> None:
    """The scorer of the README, taken from there."""
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    code = readme.split("```python\n")[1].split("```")[0]
    (tmp_path / "my_scorers.py").write_text(code)
    done = finegold(
        "score", "run", "--data", make_dataset(8), "--scorer", "my_scorers:Questions", "--param", "limit=5",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "8 ok" in done.stdout
    chosen = finegold(
        "select", "run", "--size", 3, "--out", "out", "--preset", "no-clusters", "--weights", "questions=1",
        cwd=tmp_path,
    )  # fmt: skip
    assert chosen.returncode == 0, chosen.stderr


def test_a_scorer_of_another_package_is_listed_computed_and_shown_without_more(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scorer of docs/extend.md, beside one that is broken."""
    page = (Path(__file__).parents[2] / "docs" / "extend.md").read_text()
    code = page.split("## A scorer")[1].split("```python\n")[1].split("```")[0]
    points = {"newness": "my_newness:Newness", "broken": "my_newness:Gone"}
    code = code.replace('@SCORERS.register("newness")\n', "")
    monkeypatch.syspath_prepend(install(tmp_path / "site", "my_newness", code, {"finegold.scorers": points}))
    listed = finegold("scorers")
    assert listed.returncode == 0, listed.stderr
    assert "newness  fewest" in listed.stdout
    assert "broken  the scorer 'broken' of the package 'my_newness' cannot be used" in listed.stdout
    weights = ["--preset", "no-clusters", "--weights", "newness=1", "--size", 3, "--out", "out"]
    picked = finegold("pick", make_dataset(8), *weights, cwd=tmp_path)
    assert picked.returncode == 0, picked.stderr
    selection = json.loads((tmp_path / "out" / "selection.json").read_text())
    assert [scorer["name"] for scorer in selection["configuration"]["scorers"]] == ["newness"]
    assert len(selection["rows"]) == 3
    assert "New words" in (tmp_path / "out" / "report.html").read_text()


def test_replay_exits_with_one_when_a_row_is_gone(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data = make_dataset(10)
    picked = pick(data, size=3, out=tmp_path / "out", preset="length-only")
    command = ["replay", tmp_path / "out" / "selection.json", "--data", data, "--out", tmp_path / "again"]
    assert finegold(*command).returncode == 0
    data.write_text(
        json.dumps([r for r in json.loads(data.read_text()) if r["id"] != picked.manifest.rows[0].id])
    )
    gone = finegold(*command[:-1], tmp_path / "third")
    assert gone.returncode == 1
    assert picked.manifest.rows[0].id in gone.stdout


def test_a_folder_in_place_of_a_file_is_said(make_dataset: MakeDataset, tmp_path: Path) -> None:
    pick(make_dataset(8), size=3, out=tmp_path / "out", preset="length-only")
    selection = tmp_path / "out" / "selection.json"
    failed = finegold("report", tmp_path / "out.run", "--selection", selection, "--out", tmp_path)
    assert failed.returncode == 2
    reason = "cannot be read or written (Is a directory): name a file in place of this folder"
    assert failed.stderr.strip() == f"finegold: {tmp_path} {reason}"


def test_no_file_of_the_data_stands_in_for_a_module(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data = make_dataset(3)
    for name in ("typing", "re", "json", "pathlib", "numpy", "PIL", "aiohttp", "torch", "multiprocessing"):
        (tmp_path / f"{name}.py").write_text("open('hit', 'a')\nraise ImportError")
    done = finegold("inspect", data, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "hit").exists()
