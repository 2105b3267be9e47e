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
from finegold.models import Sampling, load_model
from finegold.models.loading import load_processor, load_vlm
from finegold.samples import open_dataset
from finegold.samples.images import decode
from finegold.tuning import load_recipe, tune
from finegold.tuning.huggingface import _collator, _example
from finegold.tuning.monitor import read_log
from finegold.tuning.rows import chat_rows, usable_samples

pytest.importorskip("trl")
pytest.importorskip("peft")

MODELS = [made.llava, made.idefics3, made.qwen2_vl]
Make = Callable[[Path], None]


@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("recipe", ["hf-lora", "hf-full"])
def test_two_steps(make: Make, recipe: str, pool: Path, tmp_path: Path) -> None:
    make(tmp_path / "model")
    out = tmp_path / "out"
    result = tune(
        pool, model=str(tmp_path / "model"), out=out, recipe=recipe, steps=2, batch_size=2, device="cpu"
    )
    assert (result.rows, result.steps) == (10, 2)
    assert [line["step"] for line in read_log(out)] == [0, 1]
    assert (out / "adapter_config.json").is_file() == (recipe == "hf-lora")
    model = load_model(str(out), device="cpu")
    picture = Image.new("RGB", (30, 30), "green")
    answers = model.answer([picture, None], ["What is this?", "And without?"], Sampling(max_new_tokens=4))
    assert len(answers) == 2


@pytest.mark.parametrize("make", MODELS)
def test_the_loss_is_on_the_answer_and_its_end_alone(make: Make, pool: Path, tmp_path: Path) -> None:
    make(tmp_path / "model")
    processor = load_processor(str(tmp_path / "model"))
    samples = [sample for _, sample in usable_samples(open_dataset(pool))][:3]
    rows = [chat_rows(sample)[0] for sample in samples]
    labels = _collator(processor)([_example(row) for row in rows])["labels"]
    learnt = [processor.tokenizer.decode(row[row != -100]) for row in labels]
    assert learnt == [f"<|assistant|>{s.answer}</s>" for s in samples] or learnt == [
        f"{s.answer}</s>" for s in samples
    ]


@pytest.mark.parametrize("make", MODELS)
def test_a_model_tells_the_losses_that_training_lowers(make: Make, pool: Path, tmp_path: Path) -> None:
    make(tmp_path / "model")
    collate = _collator(load_processor(str(tmp_path / "model")))
    network = load_vlm(str(tmp_path / "model"), "cpu", torch.float32).eval()
    samples = [sample for _, sample in usable_samples(open_dataset(pool))][:2]
    expected = []
    for sample in samples:
        batch = collate([_example(chat_rows(sample)[0])])
        batch.pop("finegold_row")
        with torch.inference_mode():
            loss = network(**batch).loss
        expected.append(float(loss) * int((batch["labels"][:, 1:] != -100).sum()))
    losses = load_model(str(tmp_path / "model"), device="cpu").losses(
        [decode(sample.images[0]) for sample in samples],
        [sample.instruction for sample in samples],
        [sample.answer for sample in samples],
    )
    assert [float(nats.sum()) for nats in losses] == pytest.approx(expected, rel=1e-4)


def test_full_tuning_changes_weights_and_adapters_change_answers(pool: Path, tmp_path: Path) -> None:
    made.llava(tmp_path / "model")
    tune(
        pool,
        model=str(tmp_path / "model"),
        out=tmp_path / "out",
        recipe="hf-full",
        steps=2,
        batch_size=2,
        device="cpu",
    )
    before = load_vlm(str(tmp_path / "model"), "cpu", torch.float32).state_dict()
    after = load_vlm(str(tmp_path / "out"), "cpu", torch.float32).state_dict()
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
    model = load_vlm(str(tmp_path / "model"), "cpu", torch.float32)
    model.lm_head.weight.data[3] = float("nan")
    model.save_pretrained(tmp_path / "model")
    with pytest.raises(RunError, match=r"step 0 has a loss of nan on the rows row\d, row\d:"):
        tune(
            pool,
            model=str(tmp_path / "model"),
            out=tmp_path / "out",
            recipe="hf-full",
            batch_size=2,
            device="cpu",
        )


@pytest.mark.parametrize("recipe", ["hf-lora", "hf-full"])
def test_a_killed_run_goes_on_to_the_same_weights(recipe: str, pool: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    made.llava(tmp_path / "model")
    path = tmp_path / "mine.toml"
    fields = load_recipe(recipe).model_dump(mode="json", exclude={"template", "name"})
    path.write_text("".join(f"{k} = {json.dumps(v)}\n" for k, v in (fields | {"save_every": 2}).items()))

    def run(out: Path) -> dict[str, torch.Tensor]:
        tune(
            pool,
            model=str(tmp_path / "model"),
            out=out,
            recipe=str(path),
            steps=4,
            batch_size=2,
            device="cpu",
        )
        state: dict[str, torch.Tensor] = load_vlm(str(out), "cpu", torch.float32).state_dict()
        return state

    killed = start("tune", pool, tmp_path / "killed", 2, tmp_path / "model", path)
    assert killed.wait(timeout=170) == -signal.SIGKILL
    resumed, whole = run(tmp_path / "killed"), run(tmp_path / "whole")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert read_log(tmp_path / "killed") == read_log(tmp_path / "whole")
    assert not (tmp_path / "whole" / "trainer" / "README.md").exists()
    # A kill behind the last step leaves its checkpoint; it is no reason for a further step.
    log = read_log(tmp_path / "whole")
    for lost in ((), ("tuning.json",), ("tuning.json", "config.json", "adapter_config.json")):
        for name in lost:
            (tmp_path / "whole" / name).unlink(missing_ok=True)
        again = run(tmp_path / "whole")
        assert all(torch.equal(whole[name], again[name]) for name in whole)
        assert read_log(tmp_path / "whole") == log
