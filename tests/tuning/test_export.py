import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from finegold.cli import app
from finegold.errors import ConfigError, DataError
from finegold.samples import Row, Sample, open_dataset
from finegold.tuning.export import COMMANDS, Framework, write_export
from finegold.tuning.recipe import load_recipe

MODEL = "Qwen/Qwen2-VL-2B-Instruct"


def _yaml(path: Path) -> dict[str, Any]:
    fields: dict[str, Any] = yaml.safe_load(path.read_text())
    return fields


@pytest.mark.parametrize("recipe", ["hf-lora", "hf-full"])
def test_llama_factory(recipe: str, pool: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    dataset = open_dataset(pool)
    assert write_export(dataset, "llama-factory", MODEL, load_recipe(recipe), out, template="qwen2_vl") == 10
    info = json.loads((out / "dataset_info.json").read_text())
    config = _yaml(out / "train.yaml")
    rows = json.loads((out / info[config["dataset"]]["file_name"]).read_text())
    assert [row["id"] for row in rows] == [row.id for row in dataset]
    assert [m["role"] for m in rows[3]["messages"]] == ["user", "assistant"]
    assert rows[3]["messages"][0]["content"].count("<image>") == len(rows[3]["images"]) == 1
    original = pool.parent / "images" / "3.png"
    assert (out / rows[3]["images"][0]).read_bytes() == original.read_bytes()
    assert config["learning_rate"] == load_recipe(recipe).rate
    assert config["per_device_train_batch_size"] * config["gradient_accumulation_steps"] == 8
    assert ("lora_rank" in config) == (recipe == "hf-lora")


def test_ms_swift(pool: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_export(open_dataset(pool), "ms-swift", MODEL, load_recipe("hf-lora"), out)
    config = _yaml(out / "train.yaml")
    rows = [json.loads(line) for line in (out / config["dataset"][0]).read_text().splitlines()]
    assert [row["id"] for row in rows] == [row.id for row in open_dataset(pool)]
    assert all((out / image).is_file() for row in rows for image in row["images"])
    assert config["tuner_type"] == "lora"


@pytest.mark.parametrize(
    ("framework", "field"), [("llama-factory", "model_name_or_path"), ("ms-swift", "model")]
)
def test_a_model_beside_the_user_is_found_from_the_folder_that_the_trainer_runs_in(
    framework: Framework, field: str, pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    write_export(open_dataset(pool), framework, "mine", load_recipe("hf-lora"), Path("out"), template="llava")
    assert Path("out", _yaml(Path("out/train.yaml"))[field]).samefile("mine")


@pytest.mark.parametrize("trainer", list(COMMANDS))
def test_the_command_says_what_to_run_next_and_how_often_rows_are_seen(
    trainer: Framework, pool: Path, tmp_path: Path
) -> None:
    asked = [
        "tune",
        str(pool),
        "--model",
        MODEL,
        "--export",
        trainer,
        "--template",
        "qwen2_vl",
        "--steps",
        "5",
    ]
    done = CliRunner().invoke(app, [*asked, "--out", str(tmp_path / "my out")])
    assert done.exit_code == 0, done.output
    assert f"Next: cd '{tmp_path / 'my out'}' && {COMMANDS[trainer]}" in done.stdout
    assert "5 steps of 8 rows: each row is seen 4.0 times" in done.stdout
    found = json.loads(CliRunner().invoke(app, [*asked, "--out", str(tmp_path / "b"), "--json"]).stdout)
    assert (found["rows"], found["epochs"], found["command"]) == (10, 4.0, COMMANDS[trainer])


def test_a_bad_row_stops_with_its_id(pool: Path, tmp_path: Path) -> None:
    (pool.parent / "images" / "6.png").write_bytes(b"x")
    with pytest.raises(DataError, match="row 'row6'"):
        write_export(open_dataset(pool), "ms-swift", MODEL, load_recipe("hf-lora"), tmp_path / "out")


def test_what_cannot_be_exported_is_said(pool: Path, tmp_path: Path) -> None:
    dataset = open_dataset(pool)
    with pytest.raises(ConfigError, match="--template"):
        write_export(dataset, "llama-factory", MODEL, load_recipe("hf-lora"), tmp_path / "a")
    with pytest.raises(ConfigError, match="expected hf-lora or hf-full"):
        write_export(dataset, "ms-swift", MODEL, load_recipe("minigpt4-stage2"), tmp_path / "b")
    with pytest.raises(ConfigError, match="not empty"):
        write_export(dataset, "ms-swift", MODEL, load_recipe("hf-lora"), pool.parent)


def _with_turns(pool: Path, *turns: tuple[str, str]) -> Path:
    records = json.loads(pool.read_text())
    records[4]["conversations"] = [{"from": who, "value": text} for who, text in turns]
    pool.write_text(json.dumps(records))
    return pool


@pytest.mark.parametrize(
    ("turns", "roles"),
    [
        ([("gpt", "Hello."), ("human", "<image>\nWhat?"), ("gpt", "A dog.")], ["user", "assistant"]),
        ([("human", "<image>\nWhat?"), ("gpt", "A dog."), ("human", "thanks")], ["user", "assistant"]),
        ([("human", "<image>"), ("human", "What?"), ("gpt", "A"), ("gpt", "dog.")], ["user", "assistant"]),
        (
            [("system", "Be brief."), ("human", "<image>\nWhat?"), ("gpt", "A dog.")],
            ["system", "user", "assistant"],
        ),
    ],
)
def test_turns_are_written_in_the_order_that_trainers_take(
    pool: Path, tmp_path: Path, turns: list[tuple[str, str]], roles: list[str]
) -> None:
    dataset = open_dataset(_with_turns(pool, *turns))
    write_export(dataset, "ms-swift", MODEL, load_recipe("hf-lora"), tmp_path / "out")
    row = json.loads((tmp_path / "out/data.jsonl").read_text().splitlines()[4])
    assert [message["role"] for message in row["messages"]] == roles
    assert sum(message["content"].count("<image>") for message in row["messages"]) == len(row["images"])


@pytest.mark.parametrize(
    ("framework", "answer"),
    [
        ("llama-factory", "The <video> tag."),
        ("llama-factory", "It ends with <|eot_id|> here."),
        ("ms-swift", "<audio> plays."),
        ("ms-swift", "See <bbox>."),
        ("ms-swift", "[INST] x [/INST]"),
    ],
)
def test_words_that_a_trainer_takes_for_something_else_are_refused_by_id(
    pool: Path, tmp_path: Path, framework: Any, answer: str
) -> None:
    dataset = open_dataset(_with_turns(pool, ("human", "<image>\nWhat?"), ("gpt", answer)))
    with pytest.raises(DataError, match=r"1 rows.*'row4'"):
        write_export(dataset, framework, MODEL, load_recipe("hf-lora"), tmp_path / "out", template="qwen2_vl")
    assert not (tmp_path / "out").exists()


def test_rows_are_written_as_they_are_read_and_an_export_takes_the_place_of_an_earlier_one(
    pool: Path, tmp_path: Path
) -> None:
    """A subset may be larger than the memory: of its rows and images one is held at a time."""
    dataset, out = open_dataset(pool), tmp_path / "out"
    live, most = [0], [0]

    class Counted(Sample):
        __slots__ = ()

        def __init__(self, *values: Any, **named: Any) -> None:
            super().__init__(*values, **named)
            live[0] += 1
            most[0] = max(most[0], live[0])

        def __del__(self) -> None:
            live[0] -= 1

    rows = dataset.rows

    def counted(start: int = 0) -> Iterator[Row]:
        for row in rows(start):
            assert row.sample is not None
            whole = row.sample
            sample = Counted(whole.id, whole.images, whole.turns, whole.record)
            yield replace(row, sample=sample)

    dataset.rows = counted  # type: ignore[method-assign]
    for _ in range(2):
        assert write_export(dataset, "ms-swift", MODEL, load_recipe("hf-lora"), out) == 10
    assert 0 < most[0] < 6
    (out / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="not empty"):
        write_export(dataset, "ms-swift", MODEL, load_recipe("hf-lora"), out)
