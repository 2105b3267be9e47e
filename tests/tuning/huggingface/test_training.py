"""Two steps through TRL on tiny random models of three real classes."""

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from tests.models.huggingface import made
from tests.tuning.training import start

from finegold.errors import DataError, RunError
from finegold.models.huggingface.loading import load_model, load_processor
from finegold.tuning import Sampling, load_answerer, load_recipe, tune
from finegold.tuning.huggingface.rows import chat_rows
from finegold.tuning.huggingface.training import _collator, _example
from finegold.tuning.monitor import read_log
from finegold.tuning.rows import usable_samples

pytest.importorskip("trl")
pytest.importorskip("peft")

MODELS = [made.llava, made.idefics3, made.qwen2_vl]
Make = Callable[[Path], None]


@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("recipe", ["hf-lora", "hf-full"])
def test_two_steps(make: Make, recipe: str, pool: Path, tmp_path: Path) -> None:
    make(tmp_path / "model")
    out = tmp_path / "out"
    result = tune(pool, model=str(tmp_path / "model"), out=out, recipe=recipe, steps=2, batch=2, device="cpu")
    assert (result.rows, result.steps) == (10, 2)
    assert [line["step"] for line in read_log(out)] == [0, 1]
    assert (out / "adapter_config.json").is_file() == (recipe == "hf-lora")
    answerer = load_answerer(str(out), device="cpu")
    picture = Image.new("RGB", (30, 30), "green")
    answers = answerer.answer([picture, None], ["What is this?", "And without?"], Sampling(longest=4))
    assert len(answers) == 2


@pytest.mark.parametrize("make", MODELS)
def test_the_loss_is_on_the_answer_and_its_end_alone(make: Make, pool: Path, tmp_path: Path) -> None:
    from finegold.samples import open_dataset

    make(tmp_path / "model")
    processor = load_processor(str(tmp_path / "model"))
    samples = [sample for _, sample in usable_samples(open_dataset(pool))][:3]
    rows = [chat_rows(sample)[0] for sample in samples]
    labels = _collator(processor)([_example(row) for row in rows])["labels"]
    learnt = [processor.tokenizer.decode(row[row != -100]) for row in labels]
    assert learnt == [f"<|assistant|>{s.answer}</s>" for s in samples] or learnt == [
        f"{s.answer}</s>" for s in samples
    ]


def test_full_tuning_changes_weights_and_adapters_change_answers(pool: Path, tmp_path: Path) -> None:
    made.llava(tmp_path / "model")
    tune(
        pool,
        model=str(tmp_path / "model"),
        out=tmp_path / "out",
        recipe="hf-full",
        steps=2,
        batch=2,
        device="cpu",
    )
    before = load_model(str(tmp_path / "model"), "cpu", torch.float32).state_dict()
    after = load_model(str(tmp_path / "out"), "cpu", torch.float32).state_dict()
    assert before.keys() == after.keys()
    assert sum(not torch.equal(before[name], after[name]) for name in before) > len(before) / 2


def test_a_bad_row_stops_before_step_one(pool: Path, tmp_path: Path) -> None:
    made.llava(tmp_path / "model")
    records = json.loads(pool.read_text())
    records[4]["image"] = "gone.png"
    pool.write_text(json.dumps(records))
    with pytest.raises(DataError, match=r"row 'row4' .*gone.png"):
        tune(pool, model=str(tmp_path / "model"), out=tmp_path / "out", device="cpu")
    assert not (tmp_path / "out").exists()


def test_a_loss_that_is_no_number_names_the_rows(pool: Path, tmp_path: Path) -> None:
    made.llava(tmp_path / "model")
    model = load_model(str(tmp_path / "model"), "cpu", torch.float32)
    model.lm_head.weight.data[3] = float("nan")
    model.save_pretrained(tmp_path / "model")
    with pytest.raises(RunError, match=r"step 0 has a loss of nan on the rows row\d, row\d:"):
        tune(
            pool, model=str(tmp_path / "model"), out=tmp_path / "out", recipe="hf-full", batch=2, device="cpu"
        )


@pytest.mark.parametrize("recipe", ["hf-lora", "hf-full"])
def test_a_killed_run_goes_on_to_the_same_weights(recipe: str, pool: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    made.llava(tmp_path / "model")
    path = tmp_path / "mine.toml"
    fields = load_recipe(recipe).model_dump(mode="json", exclude={"template", "name"})
    path.write_text("".join(f"{k} = {json.dumps(v)}\n" for k, v in (fields | {"save_every": 2}).items()))

    def run(out: Path) -> dict[str, torch.Tensor]:
        tune(pool, model=str(tmp_path / "model"), out=out, recipe=str(path), steps=4, batch=2, device="cpu")
        state: dict[str, torch.Tensor] = load_model(str(out), "cpu", torch.float32).state_dict()
        return state

    killed = start("tune", pool, tmp_path / "killed", 2, tmp_path / "model", path)
    assert killed.wait(timeout=170) == -signal.SIGKILL
    resumed, whole = run(tmp_path / "killed"), run(tmp_path / "whole")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert read_log(tmp_path / "killed") == read_log(tmp_path / "whole")
