"""Tiny random models of real classes, made here, stand for the models of the hub."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from tests.models.huggingface import made

from finegold.errors import ConfigError, ModelError
from finegold.models import Model, Sampling, load_model
from finegold.models.huggingface import HuggingFaceModel
from finegold.models.loading import load_processor, load_vlm

PROMPTS = ["what is in the image?", "dog", "yes no cat runs on grass"]
ANSWERS = ["a dog", "a cat runs on grass", "yes"]


def pictures() -> list[Image.Image]:
    whole = Image.linear_gradient("L").resize((56, 56))
    return [whole.rotate(angle).convert("RGB") for angle in (0, 90, 180)]


def opened(folder: Path) -> Model:
    return load_model(str(folder), device="cpu")


@pytest.mark.parametrize("form", made.ALL)
def test_a_batch_answers_as_single_questions_do_without_the_prompt(tmp_path: Path, form: str) -> None:
    made.ALL[form](tmp_path)
    model = opened(tmp_path)
    images, sampling = pictures(), Sampling(max_new_tokens=6)

    together = model.answer(images, PROMPTS, sampling)

    assert len(together) == 3
    assert together == [model.answer([i], [p], sampling)[0] for i, p in zip(images, PROMPTS, strict=True)]
    assert not any(prompt in answer for prompt, answer in zip(PROMPTS, together, strict=True))


@pytest.mark.parametrize("form", made.ALL)
def test_a_reply_stands_behind_the_turns_before_it(tmp_path: Path, form: str) -> None:
    made.ALL[form](tmp_path)
    model, sampling = opened(tmp_path), Sampling(max_new_tokens=6)
    image, turns = pictures()[0], [("what is in the image?", "a dog"), ("dog", "yes")]

    found = model.reply(image, turns, "why", sampling)

    if not model.sees_turns():
        assert found == model.answer([image], ["why"], sampling)[0]
        return
    processor = load_processor(str(tmp_path))
    talk: list[dict[str, Any]] = [
        {"role": role, "content": [{"type": "text", "text": text}]}
        for question, answer in turns
        for role, text in (("user", question), ("assistant", answer))
    ]
    talk.append({"role": "user", "content": [{"type": "text", "text": "why"}]})
    talk[0]["content"].insert(0, {"type": "image"})
    text = processor.apply_chat_template(talk, add_generation_prompt=True, tokenize=False)
    assert text.count("yes") == 1
    assert text.index("a dog") < text.index("yes") < text.index("why")
    inputs = processor(images=[[image]], text=[text], add_special_tokens=False, return_tensors="pt")
    network = load_vlm(str(tmp_path), "cpu", torch.float32).eval()
    ids = network.generate(**inputs, max_new_tokens=6, do_sample=False)[:, inputs["input_ids"].shape[1] :]
    assert found == processor.tokenizer.decode(ids[0], skip_special_tokens=True).strip()


@pytest.mark.parametrize("form", made.ALL)
def test_a_reply_is_shown_token_by_token_without_the_prompt_and_stays_the_same(
    tmp_path: Path, form: str
) -> None:
    made.ALL[form](tmp_path)
    model, sampling, shown = opened(tmp_path), Sampling(max_new_tokens=6, temperature=1.0), list[str]()
    image, turns = pictures()[0], [("what is in the image?", "a dog")]
    found = str(model.reply(image, turns, "why", sampling, shown.append))
    assert found == model.reply(image, turns, "why", sampling)
    assert shown
    assert all(found.startswith(text) for text in shown)
    assert shown[-1] == found.rstrip("\ufffd")


def test_greedy_answers_are_the_likeliest_tokens_whatever_the_checkpoint_prefers(tmp_path: Path) -> None:
    folder = made.word_llava(tmp_path, chat=True)
    (image, *_) = pictures()
    processor = transformers.AutoProcessor.from_pretrained(folder)
    plain = transformers.LlavaForConditionalGeneration.from_pretrained(folder).eval()
    inputs = processor(images=[image], text=["USER: <image> dog ASSISTANT:"], return_tensors="pt")
    with torch.inference_mode():
        for _ in range(5):
            chosen = plain(**inputs).logits[:, -1].argmax(-1, keepdim=True)
            inputs["input_ids"] = torch.cat([inputs["input_ids"], chosen], 1)
            inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    expected = inputs["input_ids"][0, -5:].tolist()
    expected = expected[: expected.index(2)] if 2 in expected else expected

    def found() -> object:
        return opened(folder).answer([image], ["dog"], Sampling(max_new_tokens=5))[0]

    assert found() == processor.decode(expected, skip_special_tokens=True).strip()
    path = folder / "generation_config.json"
    more = {"no_repeat_ngram_size": 1, "do_sample": True, "temperature": 9.0, "min_new_tokens": 8}
    path.write_text(json.dumps({**json.loads(path.read_text()), **more, "num_beams": 3}))
    assert found() == processor.decode(expected, skip_special_tokens=True).strip()


def test_every_end_token_of_the_checkpoint_still_ends_an_answer(tmp_path: Path) -> None:
    made.llava(tmp_path)
    free = HuggingFaceModel(str(tmp_path), device="cpu")
    inputs = free.encode([None], ["What is this?"])
    with torch.inference_mode():
        first = int(free._network(**inputs).logits[0, -1].argmax())
    path = tmp_path / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "eos_token_id": [2, first]}))
    only = free._processor.tokenizer.decode([first], skip_special_tokens=True).strip()
    assert opened(tmp_path).answer([None], ["What is this?"], Sampling(max_new_tokens=12)) == [only]


def test_drawn_answers_depend_on_the_seed_alone(tmp_path: Path) -> None:
    folder = made.word_llava(tmp_path, chat=True)

    def drawn(seed: int) -> object:
        return opened(folder).answer(pictures(), PROMPTS, Sampling(12, temperature=1.0, top_p=0.9, seed=seed))

    first = drawn(1)
    torch.manual_seed(99)
    assert drawn(1) == first
    assert drawn(2) != first


@pytest.mark.parametrize("form", made.ALL)
def test_a_hidden_image_tells_nothing_and_a_shown_one_does(tmp_path: Path, form: str) -> None:
    made.ALL[form](tmp_path)
    model = opened(tmp_path)
    first, second, _ = pictures()
    shown = [model.losses([image] * 3, PROMPTS, ANSWERS) for image in (first, second)]
    hidden = [model.losses([image] * 3, PROMPTS, ANSWERS, mask_images=True) for image in (first, second)]
    for row in range(3):
        assert shown[0][row].dtype == np.float32
        assert len(shown[0][row]) == len(hidden[0][row]) >= len(ANSWERS[row].split())
        assert not np.array_equal(shown[0][row], shown[1][row])
        assert np.array_equal(hidden[0][row], hidden[1][row])
        assert not np.array_equal(shown[0][row], hidden[0][row])
    unasked = model.losses([first] * 3, [None] * 3, ANSWERS)
    assert not np.array_equal(unasked[0], shown[0][0])


@pytest.mark.parametrize("form", made.ALL)
def test_losses_do_not_depend_on_the_batch_and_can_be_cut(tmp_path: Path, form: str) -> None:
    made.ALL[form](tmp_path)
    model = opened(tmp_path)
    together = model.losses(pictures(), PROMPTS, ANSWERS)
    alone = model.losses(pictures(), PROMPTS, ANSWERS, batch_size=1, max_tokens=2)
    for whole, cut in zip(together, alone, strict=True):
        np.testing.assert_allclose(cut, whole[:2], rtol=1e-4)


@pytest.mark.parametrize("make", [made.llava, made.idefics3, made.qwen2_vl])
def test_a_prompt_without_image_has_losses_among_others_that_have_one(tmp_path: Path, make: Any) -> None:
    make(tmp_path)
    model = opened(tmp_path)
    mixed = model.losses([pictures()[0], None], PROMPTS[:2], ANSWERS[:2])
    (alone,) = model.losses([None], PROMPTS[1:2], ANSWERS[1:2])
    np.testing.assert_allclose(mixed[1], alone, rtol=1e-4)


def test_identity_follows_the_weights_and_not_the_date(tmp_path: Path) -> None:
    folders = [
        made.word_llava(tmp_path / name, chat=True, seed=seed)
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    ]
    files = [opened(folder).identity()["files"]["model.safetensors"] for folder in folders]
    assert files[0] == files[1] != files[2]


def test_what_cannot_be_loaded_is_an_error_of_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot be loaded .*: name offline, a folder that"):
        opened(tmp_path).answer(pictures(), PROMPTS, Sampling())
    with pytest.raises(ConfigError, match="the dtype is 'int8', expected auto or one of float32"):
        load_model(str(tmp_path), dtype="int8").load()
