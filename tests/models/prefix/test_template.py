import pytest
from tests.models.conftest import llama_tokenizer

from finegold.errors import ConfigError
from finegold.models.prefix.template import (
    PromptTokens,
    encode_answer,
    encode_prompt,
    end_ids,
    template_named,
)
from finegold.samples.formats.minigpt4 import INSTRUCTIONS

VICUNA = template_named("minigpt4-vicuna0")
TOKENIZER = llama_tokenizer()


def test_the_prompt_has_the_published_ids() -> None:
    """The ids before the image and at the prompt's end are those published.

    LLaMA's tokenizer is not available offline. The one here cuts these texts into the same pieces; it has
    LLaMA's ids for the pieces whose ids are published, and others for the rest.
    """
    before, after = encode_prompt(TOKENIZER, VICUNA, INSTRUCTIONS[0])
    assert before == [1, 835, 29950, 7889, 29901, 529, 25518, 29958]
    assert after[-2:] == [29901, 29871]
    assert TOKENIZER.decode(after) == "</Img> Describe this image in detail. ###Assistant: "


def test_prompts_have_the_published_lengths() -> None:
    lengths = []
    for instruction in INSTRUCTIONS:
        before, after = encode_prompt(TOKENIZER, VICUNA, instruction)
        lengths.append(len(before) + 32 + len(after))
    assert lengths == [55, 60, 57, 59]


def test_the_end_symbol_has_two_forms() -> None:
    assert end_ids(TOKENIZER, VICUNA) == [[835], [2277, 29937]]


def test_an_answer_ends_with_the_end_symbol_and_begins_a_piece() -> None:
    ids = encode_answer(TOKENIZER, VICUNA, "a dog runs.")
    assert ids[-2:] == [2277, 29937]
    assert TOKENIZER.convert_ids_to_tokens(ids)[:3] == ["▁a", "▁dog", "▁runs"]


def test_the_chat_prompt_has_the_sentence_that_training_never_saw() -> None:
    before, after = encode_prompt(TOKENIZER, VICUNA, "What is this?", chat=True)
    older = encode_prompt(TOKENIZER, template_named("minigpt4-vicuna0-2023-04"), "What is this?", chat=True)
    assert "Please answer my questions." in TOKENIZER.decode(before)
    assert after == [*older.after, 29871]


def test_an_unknown_template_is_named() -> None:
    with pytest.raises(ConfigError, match="expected one of minigpt4-vicuna0"):
        template_named("vicuna1.5")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a dog runs.###Human: next", "a dog runs."),
        ("I see. Assistant: a dog ### more", "a dog"),
        ("###Assistant: x", ""),
        (" plain ", "plain"),
        ("a ## # b", "a ## # b"),
    ],
)
def test_an_answer_is_cut_as_both_originals_cut_it(text: str, kept: str) -> None:
    """From the published `Chat.answer` of MiniGPT-4 and of LVLM-eHub."""
    assert VICUNA.clean(text) == kept
    assert template_named("minigpt4-vicuna0-2023-04").clean(text) == kept


EHUB_QUESTIONS = [
    "what is described in the image?",
    "Generate caption of this image:",
    "Question: Which of these is number 1?\nOptions: red fox red\n",
    "What sport is this?",
    "Question: Is the following caption right? The cat is left of the sofa.\nOptions: No Yes\n",
    "How many people are there in the image?",
    "Does ties exis in the image?",
]


@pytest.mark.parametrize("question", EHUB_QUESTIONS)
def test_the_template_of_lvlm_ehub_gives_its_prompts(question: str) -> None:
    """LVLM-eHub's `get_prompt` (commit bd2999a): no space behind the last colon."""
    prompt = encode_prompt(TOKENIZER, template_named("minigpt4-vicuna0-2023-04"), question, chat=True)
    published = (
        "Give the following image: <Img>ImageContent</Img>. You will be able to see the image once I provide "
        f"it to you. Please answer my questions.###Human: <Img><ImageHere></Img> {question}###Assistant:"
    )
    # Their code tokenises what stands before and behind the image apart, the first part with the start token.
    before, after = (
        TOKENIZER.encode(part, add_special_tokens=False) for part in published.split("<ImageHere>")
    )
    assert prompt.after[-1] == 29901
    assert prompt == PromptTokens([1, *before], after)


TURNS = [("What is this?", "A dog."), ("Where?", "On grass.")]


@pytest.mark.parametrize(
    ("name", "published"),
    [
        (
            "minigpt4-vicuna0",
            "</Img> What is this?###Assistant: A dog.###Human: Where?###Assistant: On grass."
            "###Human: Why?###Assistant: ",
        ),
        (
            "minigpt4-vicuna0-2023-04",
            "</Img> What is this?###Assistant: A dog.###Human: Where?###Assistant: On grass."
            "###Human: Why?###Assistant:",
        ),
    ],
)
def test_earlier_turns_stand_as_in_the_published_chat(name: str, published: str) -> None:
    """From `Conversation.get_prompt` of MiniGPT-4 (d94738a) and of LVLM-eHub (bd2999a)."""
    template = template_named(name)
    before, after = encode_prompt(TOKENIZER, template, "Why?", chat=True, earlier=TURNS)
    assert after == TOKENIZER.encode(published, add_special_tokens=False)
    assert before == encode_prompt(TOKENIZER, template, "Why?", chat=True).before


def test_llama2_begins_every_turn_with_a_start_token_and_words_make_none() -> None:
    template = template_named("minigpt4-llama2")
    plain = encode_prompt(TOKENIZER, template, "Why?", chat=True, earlier=TURNS).after
    assert plain.count(1) == 2
    words = encode_prompt(TOKENIZER, template, "Why?", chat=True, earlier=[("A <s> b?", "</s>")]).after
    assert words.count(1) == 1
    assert 2 not in words


def test_a_format_of_one_turn_has_no_earlier_ones() -> None:
    template = template_named("plain")
    assert template.turns is None
    assert encode_prompt(TOKENIZER, template, "a dog", chat=True, earlier=TURNS) == encode_prompt(
        TOKENIZER, template, "a dog", chat=True
    )
