"""A tiny random LLaVA and BLIP-2, made here, stand for the models of the hub."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from PIL import Image
from tests.models.huggingface import made
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

from finegold.errors import ModelError
from finegold.models.registry import find_profile, open_generator

WORDS = (
    "<pad> <s> </s> <unk> <image> USER: ASSISTANT: what is in the image? a dog cat runs on grass yes no 1 2 3"
)
CHAT = (
    "{% for m in messages %}USER: {% for c in m['content'] %}{% if c['type'] == 'image' %}<image> "
    "{% else %}{{ c['text'] }} {% endif %}{% endfor %}{% endfor %}ASSISTANT:"
)
PROMPTS = ["what is in the image?", "dog", "yes no cat runs on grass"]
TOWER: dict[str, int] = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}


def pictures() -> list[Image.Image]:
    return [Image.effect_noise((40, 30), 20 + 60 * shade).convert("RGB") for shade in range(3)]


def tokenizer() -> Any:
    vocabulary = {word: number for number, word in enumerate(WORDS.split())}
    words = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    words.pre_tokenizer = WhitespaceSplit()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        additional_special_tokens=["<image>"],
    )


def llava(folder: Path, *, chat: bool, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    vision = transformers.CLIPVisionConfig(**TOWER, image_size=28, patch_size=14, projection_dim=16)
    text = transformers.LlamaConfig(
        **TOWER,
        vocab_size=len(WORDS.split()),
        num_key_value_heads=2,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        initializer_range=0.5,
    )
    config = transformers.LlavaConfig(vision_config=vision, text_config=text, image_token_index=4)
    model = transformers.LlavaForConditionalGeneration(config)
    # Settings of a checkpoint that must not change the answers.
    model.generation_config.repetition_penalty = 3.0
    model.save_pretrained(folder)
    transformers.LlavaProcessor(
        transformers.CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}),
        tokenizer(),
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=CHAT if chat else None,
    ).save_pretrained(folder)
    return folder


def blip2(folder: Path) -> Path:
    torch.manual_seed(0)
    config = transformers.Blip2Config(
        vision_config=transformers.Blip2VisionConfig(**TOWER, image_size=28, patch_size=14),
        qformer_config=transformers.Blip2QFormerConfig(**TOWER, vocab_size=30, encoder_hidden_size=16),
        text_config=transformers.T5Config(
            vocab_size=len(WORDS.split()) + 2,
            d_model=16,
            d_kv=8,
            d_ff=32,
            num_layers=2,
            num_heads=2,
            decoder_start_token_id=0,
            pad_token_id=0,
            eos_token_id=2,
        ),
        num_query_tokens=3,
        image_token_index=4,
    )
    transformers.Blip2ForConditionalGeneration(config).save_pretrained(folder)
    images = transformers.BlipImageProcessorPil(size={"height": 28, "width": 28})
    transformers.Blip2Processor(images, tokenizer(), num_query_tokens=3).save_pretrained(folder)
    return folder


def generator(folder: Path, profile: str = "greedy", seed: int = 0) -> Any:
    return open_generator(str(folder), find_profile(profile), seed=seed, device="cpu")


@pytest.mark.parametrize("make", [made.idefics3, made.llava])
def test_the_usual_families_answer_batches_as_single_questions(tmp_path: Path, make: Any) -> None:
    make(tmp_path)
    model = generator(tmp_path)
    images = [image.resize((56, 56)) for image in pictures()]

    together = model.generate(images, PROMPTS, 5)

    assert len(together) == 3
    assert together == [model.generate([i], [p], 5)[0] for i, p in zip(images, PROMPTS, strict=True)]


@pytest.mark.parametrize("form", ["chat", "plain", "blip2"])
def test_a_batch_answers_as_single_questions_do_without_the_prompt(tmp_path: Path, form: str) -> None:
    folder = blip2(tmp_path) if form == "blip2" else llava(tmp_path, chat=form == "chat")
    model = generator(folder)
    images = pictures()

    together = model.generate(images, PROMPTS, 6)

    alone = [model.generate([i], [p], 6)[0] for i, p in zip(images, PROMPTS, strict=True)]
    assert together == alone
    assert all(len(answer.split()) <= 6 for answer in together)
    assert not any(prompt in answer for prompt, answer in zip(PROMPTS, together, strict=True))


def test_greedy_answers_are_the_likeliest_tokens_whatever_the_checkpoint_prefers(tmp_path: Path) -> None:
    folder = llava(tmp_path, chat=True)
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

    (found,) = generator(folder).generate([image], ["dog"], 5)

    assert found == processor.decode(expected, skip_special_tokens=True).strip()


def test_sampled_answers_depend_on_the_seed_alone(tmp_path: Path) -> None:
    folder = llava(tmp_path, chat=True)
    images = pictures()
    first = generator(folder, "ehub-2023", 1).generate(images, PROMPTS, 12)
    torch.manual_seed(99)

    again = generator(folder, "ehub-2023", 1).generate(images, PROMPTS, 12)

    assert again == first
    assert generator(folder, "ehub-2023", 2).generate(images, PROMPTS, 12) != first


def test_identity_follows_the_weights_and_not_the_date(tmp_path: Path) -> None:
    first, copy, other = (llava(tmp_path / n, chat=True, seed=s) for n, s in (("a", 0), ("b", 0), ("c", 1)))

    files = [generator(folder).identity()["files"]["model.safetensors"] for folder in (first, copy, other)]

    assert files[0] == files[1] != files[2]


def test_a_folder_without_a_model_is_an_error_of_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot be loaded .* name a folder or hub id"):
        generator(tmp_path).generate(pictures(), PROMPTS, 4)
