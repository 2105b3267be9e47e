"""Greedy answers are greedy, whatever the checkpoint's own generation settings say."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from tests.models.huggingface import made

from finegold.models.huggingface.answering import HuggingFaceAnswerer
from finegold.tuning import Sampling

pytest.importorskip("transformers")


def test_settings_of_the_checkpoint_do_not_change_greedy_answers(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    made.llava(folder)
    asked = [Image.new("RGB", (30, 30), "green")], ["What is this?"]
    sampling = Sampling(longest=48)
    plain = HuggingFaceAnswerer(str(folder), device="cpu")
    inputs = plain.encode(*asked)
    ids = inputs["input_ids"]
    with torch.inference_mode():
        for _ in range(sampling.longest):
            logits = plain._model(
                **{**inputs, "input_ids": ids, "attention_mask": torch.ones_like(ids)}
            ).logits
            ids = torch.cat([ids, logits[:, -1:].argmax(-1)], 1)
            if ids[0, -1] == 2:
                break
    new = ids[0, inputs["input_ids"].shape[1] :].tolist()
    assert len(set(new)) < len(new), "a penalty on repetition must have something to change"
    told = plain._processor.tokenizer.decode(new, skip_special_tokens=True)
    assert plain.answer(*asked, sampling) == [told.strip()]

    path = folder / "generation_config.json"
    own = {"repetition_penalty": 50.0, "no_repeat_ngram_size": 1, "do_sample": True, "temperature": 9.0}
    path.write_text(json.dumps({**json.loads(path.read_text()), **own, "min_new_tokens": 8, "num_beams": 3}))
    assert HuggingFaceAnswerer(str(folder), device="cpu").answer(*asked, sampling) == [told.strip()]


def test_every_end_token_of_the_checkpoint_still_ends_an_answer(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    made.llava(folder)
    asked = [None], ["What is this?"]
    free = HuggingFaceAnswerer(str(folder), device="cpu")
    with torch.inference_mode():
        first = int(free._model(**free.encode(*asked)).logits[0, -1].argmax())
    path = folder / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "eos_token_id": [2, first]}))
    only = free._processor.tokenizer.decode([first], skip_special_tokens=True).strip()
    assert HuggingFaceAnswerer(str(folder), device="cpu").answer(*asked, Sampling(longest=12)) == [only]
