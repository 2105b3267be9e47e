"""A plan where nothing is there: no weights, no rows, no benchmarks, no card."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.samples.remote_server import RemoteServer, serving
from typer.testing import CliRunner

from finegold.cli import app
from finegold.errors import ConfigError, DataError
from finegold.study import CountedCost, load_study, plan_study
from finegold.study.counted import SIZES, card_speed, count_hours, measured_speed

PARTS = {"model": "minigpt4-7b", "parts": {"projection": "P"}}


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("BASE_URL", "API_KEY", "MODEL", "USD_PER_M_PROMPT", "USD_PER_M_COMPLETION"):
        monkeypatch.delenv(f"FINEGOLD_LLM_{name}", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def planned(*arguments: str) -> str:
    command = ["study", "paper-table4", "--model", "minigpt4-7b", "--projection", "P", "--plan", *arguments]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_full_size_table_4_is_planned_from_an_empty_folder(empty: Path) -> None:
    said = planned("--judge", "llava-bench-wild", "--judge-model", "m", "--usd-per-gpu-hour", "2")
    lines = dict(line.split(maxsplit=1) for line in said.splitlines())
    assert lines["runs"] == "26, 25 of them with a training"
    assert "25 trainings of 1,000 steps of 12 rows" in lines["training"]
    # 1,000 + 4,500 + 2,017 + 5,046 + 10,972 + 10,000 + 10,000 items, and the judge's 60.
    assert "26 models, 8 sets, 43,595 items" in lines["answers"]
    assert "47,034 images" in said
    # Four arms against the baseline, 60 questions, two orders.
    assert "at most 480 calls" in said
    assert "price unknown" in said
    assert "3,439 calls before the study" in said
    assert "H100 SXM: 989 TFLOP/s and 3.35 TB/s by its data sheet; 25% of it is assumed" in said
    for name in ("the projection P", "Vision-CAIR/vicuna-7b", "Salesforce/blip2-flan-t5-xxl", "cc_sbu_align"):
        assert name in said.splitlines()[-1]
    assert "flickr30k, nocaps, scienceqa, okvqa, vsr, vcr-oc, vcr-mci, llava-bench-wild" in said
    assert not list(empty.iterdir())
    prices = ("--usd-per-m-prompt", "2.5", "--usd-per-m-completion", "10")
    said = planned("--judge", "llava-bench-wild", "--judge-model", "m", *prices)
    assert "at most $4." in said


def plan(changes: dict[str, Any] | None = None, **options: Any) -> CountedCost:
    found = plan_study(load_study("paper-table4", PARTS | (changes or {})), "out", **options)
    assert isinstance(found, CountedCost)
    return found


@pytest.mark.usefixtures("empty")
def test_hours_follow_what_they_rest_on() -> None:
    usual = plan()
    # 25 x 1,000 x 12 rows of 28 + 32 + 160 tokens, four products of 6.607e9 weights each, at 989 TFLOP/s.
    assert SIZES["minigpt4-7b"].weights == 6_607_077_376
    assert usual.hours.training == pytest.approx(25e3 * 12 * 220 * 4 * 6.607e9 / 989e12 / 3600, rel=1e-3)
    assert usual.gpu_hours == pytest.approx(4 * usual.hours.whole)
    assert plan(gpu="a100").hours.training == pytest.approx(usual.hours.training * 989 / 312)
    half = plan({"steps": 500})
    assert half.hours.training == pytest.approx(usual.hours.training / 2)
    assert half.hours.answers == usual.hours.answers
    captions = plan({"evaluation": {"tasks": ["flickr30k"]}})
    assert captions.items == {"flickr30k": 1000}
    assert captions.hours.answers < usual.hours.answers / 100
    limited = plan({"evaluation": {"limit": 10, "losses": False}})
    assert sum(limited.items.values()) == 70
    assert limited.hours.losses == 0
    large = plan(PARTS | {"model": "minigpt4-13b"})
    assert large.hours.training / usual.hours.training == pytest.approx(12.85 / 6.607, rel=1e-3)


@pytest.mark.usefixtures("empty")
def test_figures_of_the_benchmark_go_before_the_bound(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"case": "features from the cache", "s_per_step": 0.2, "tokens_per_s": 10_000.0, "rows": 12},
        {"case": "features computed", "s_per_step": 0.8, "tokens_per_s": 3_000.0, "rows": 12},
        {"case": "answers, 50 at a time", "s_per_prompts": 0.5, "s_per_new_token": 0.01},
    ]
    facts: dict[str, Any] = {
        "card": "Card X",
        "tiny": False,
        "rows": [{"part": "stage 2", **row} for row in rows],
    }
    path = tmp_path / "gpu.json"
    path.write_text(json.dumps(facts))
    speed = measured_speed(path, SIZES["minigpt4-7b"])
    assert (speed.training_token, speed.share) == (1e-4, None)
    assert speed.image == pytest.approx(0.05)
    found = plan({"evaluation": {"tasks": ["okvqa"]}}, gpu=str(path))
    # 101 batches of 5,046 items.
    assert found.hours.answers == pytest.approx(26 * 101 * (0.5 + 256 * 0.01) / 3600)
    assert found.gpu_hours == found.hours.whole
    assert "measured by benchmarks/gpu.py on Card X" in dict(found.lines())["hours rest on"]
    assert "at the card's bound" not in str(found.lines())
    wrongs: list[Any] = [facts | {"tiny": True}, facts | {"rows": facts["rows"][:2]}, []]
    for wrong in wrongs:
        path.write_text(json.dumps(wrong))
        with pytest.raises(DataError, match=r"is no file of benchmarks/gpu\.py .*: run it again on the card"):
            measured_speed(path, SIZES["minigpt4-7b"])


@pytest.mark.usefixtures("empty")
def test_what_cannot_be_counted_is_said() -> None:
    with pytest.raises(ConfigError, match=r"--gpu is 'v100', expected a100 or h100, or a \.json file"):
        plan(gpu="v100")
    with pytest.raises(ConfigError, match=r"--gpu counts operations of .* the model is 'offline'"):
        plan_study(load_study("paper-table4"), "out", gpu="h100")
    own = load_study("size-sweep", PARTS | {"data": {"path": "mine.json"}, "evaluation": {"data": "b"}})
    with pytest.raises(
        ConfigError, match=r"no dataset at mine\.json, and the study states no number of rows"
    ):
        plan_study(own, "out")
    with pytest.raises(ConfigError, match="name a checkpoint with --projection"):
        load_study("paper-table4", {"model": "minigpt4-7b"})


@pytest.mark.usefixtures("empty")
def test_rows_of_the_hub_are_counted_where_the_study_states_no_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINEGOLD_CACHE", str(tmp_path / "finegold"))
    rows = [{"image": f"{number}.jpg", "caption": "A patch."} for number in range(3)]
    with serving(RemoteServer({"lab/patches": {"data.json": json.dumps(rows).encode()}})) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        changes = PARTS | {"data": {"path": "lab/patches"}, "evaluation": {"data": "b"}}
        found = plan_study(load_study("size-sweep", changes), "out")
    assert isinstance(found, CountedCost)
    assert found.rows == 3


@pytest.mark.usefixtures("empty")
def test_rows_that_an_arm_alone_needs_are_named_where_they_are_missing() -> None:
    arm = {"name": "random 200", "preset": "random", "size": 200}
    found = plan({"arms": [arm, arm | {"name": "another", "data": {"path": "own.json"}}]})
    assert {"the rows cc_sbu_align", "the rows own.json"} <= set(found.missing)


def test_a_new_token_takes_the_time_of_reading_weights_and_cache() -> None:
    sizes = SIZES["minigpt4-7b"]
    speed = card_speed("h100", sizes, 50)
    assert sizes.cached_bytes == 2 * 2 * 32 * 4096
    read = 2 * 6.607e9 + 50 * (73 + 32 + 128) * 524_288
    assert speed.new_token == pytest.approx(read / 3.35e12, rel=1e-3)
    study = load_study("paper-table4", PARTS)
    hours = count_hours(study, sizes, speed, {"vsr": 100}, models=2, trainings=0, rows=0)
    assert hours.answers == pytest.approx(2 * 2 * (speed.prompts + 256 * speed.new_token) / 3600)
    assert hours.training == 0
