"""Tiny random vision-language models of real classes, with processors, made offline."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, pre_tokenizers, processors
from tokenizers.models import BPE, WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

from finegold.models.loading import images_only

TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for c in m['content'] %}{% if c['type'] == 'image' %}IMAGE{% else %}{{ c['text'] }}{% endif %}"
    "{% endfor %}{% endif %}</s>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


WORDS = (
    "<pad> <s> </s> <unk> <image> USER: ASSISTANT: what is in the image? a dog cat runs on grass yes no 1 2 3"
)
WORD_TEMPLATE = (
    "{% for m in messages %}USER: {% for c in m['content'] %}{% if c['type'] == 'image' %}<image> "
    "{% else %}{{ c['text'] }} {% endif %}{% endfor %}{% endfor %}ASSISTANT:"
)
TOWER: dict[str, int] = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}


def tokenizer(*special: str, start: bool = False) -> transformers.PreTrainedTokenizerFast:
    """One token a byte, and the special ones; with `start`, `<s>` before each text, as Llama's does."""
    names = ["<pad>", "<s>", "</s>", "<|user|>", "<|assistant|>", "<|system|>", *special]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(BPE({token: i for i, token in enumerate([*names, *letters])}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.post_processor = processors.ByteLevel(trim_offsets=False)
    if start:
        made.post_processor = processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 1)]
        )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        additional_special_tokens=names[3:],
    )


def _text(vocabulary: int) -> dict[str, Any]:
    return {
        "vocab_size": vocabulary,
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "max_position_embeddings": 2048,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }


def llava(folder: Path, template: str = TEMPLATE) -> None:
    torch.manual_seed(0)
    words = tokenizer("<image>", start=True)
    vision = {
        "model_type": "clip_vision_model",
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 28,
        "patch_size": 14,
    }
    config = transformers.LlavaConfig(
        vision_config=vision,
        text_config={"model_type": "llama", **_text(len(words))},
        image_token_index=words.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-1,
    )
    images = transformers.CLIPImageProcessorPil(
        size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}
    )
    processor = transformers.LlavaProcessor(
        images,
        words,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=template.replace("IMAGE", "<image>"),
    )
    _save(transformers.LlavaForConditionalGeneration(config), processor, folder)


def qwen2_vl(folder: Path) -> None:
    torch.manual_seed(0)
    words = tokenizer("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
    ids = words.convert_tokens_to_ids
    config = transformers.Qwen2VLConfig(
        text_config={
            **_text(len(words)),
            "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0},
        },
        vision_config={"depth": 2, "embed_dim": 16, "num_heads": 2, "hidden_size": 16, "mlp_ratio": 2},
        image_token_id=ids("<|image_pad|>"),
        video_token_id=ids("<|video_pad|>"),
        vision_start_token_id=ids("<|vision_start|>"),
        vision_end_token_id=ids("<|vision_end|>"),
    )
    images = transformers.Qwen2VLImageProcessorPil(size={"shortest_edge": 28 * 28, "longest_edge": 56 * 56})
    template = TEMPLATE.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>")
    # Also where torchvision is installed: its part for videos is not what is tested.
    processor = images_only(transformers.Qwen2VLProcessor)(images, words, None, chat_template=template)
    _save(transformers.Qwen2VLForConditionalGeneration(config), processor, folder)


def idefics3(folder: Path) -> None:
    torch.manual_seed(0)
    words = tokenizer("<image>", "<fake_token_around_image>", "<end_of_utterance>", "<global-img>")
    config = transformers.Idefics3Config(
        vision_config={
            "hidden_size": 16,
            "intermediate_size": 24,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 28,
            "patch_size": 14,
        },
        text_config={"model_type": "llama", **_text(len(words))},
        image_token_id=words.convert_tokens_to_ids("<image>"),
        scale_factor=2,
    )
    images = transformers.Idefics3ImageProcessorPil(
        size={"longest_edge": 28}, max_image_size={"longest_edge": 28}, do_image_splitting=False
    )
    processor = transformers.Idefics3Processor(
        images, words, image_seq_len=1, chat_template=TEMPLATE.replace("IMAGE", "<image>")
    )
    _save(transformers.Idefics3ForConditionalGeneration(config), processor, folder)


def word_tokenizer() -> Any:
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


def word_llava(folder: Path, *, chat: bool, seed: int = 0) -> Path:
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
        word_tokenizer(),
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=WORD_TEMPLATE if chat else None,
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
    transformers.Blip2Processor(images, word_tokenizer(), num_query_tokens=3).save_pretrained(folder)
    return folder


def _save(model: Any, processor: Any, folder: Path) -> None:
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


ALL: dict[str, Callable[[Path], object]] = {
    "llava": llava,
    "qwen2-vl": qwen2_vl,
    "idefics3": idefics3,
    "llava in words": lambda folder: word_llava(folder, chat=True),
    "llava without template": lambda folder: word_llava(folder, chat=False),
    "blip-2": blip2,
}
"""Every kind of model that can be made here."""


if __name__ == "__main__":
    ALL[sys.argv[1]](Path(sys.argv[2]))
