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


PIECES = {
    25538: "▁Give",
    278: "▁the",
    1494: "▁following",
    1967: "▁image",
    2940: "Image",
    3916: "Content",
    829: "</",
    15513: ">.",
    887: "▁You",
    674: "▁will",
    367: "▁be",
    2221: "▁able",
    304: "▁to",
    1074: "▁see",
    2748: "▁once",
    306: "▁I",
    3867: "▁provide",
    372: "▁it",
    366: "▁you",
    29889: ".",
    3529: "▁Please",
    1234: "▁answer",
    590: "▁my",
    5155: "▁questions",
    1533: "▁</",
    825: "▁what",
    338: "▁is",
    5439: "▁described",
    297: "▁in",
    29973: "?",
    7900: "Ass",
    22137: "istant",
    3251: "▁Gener",
    403: "ate",
    5777: "▁ca",
    310: "▁of",
    445: "▁this",
    894: "▁Question",
    8449: "▁Which",
    1438: "▁these",
    1353: "▁number",
    29896: "1",
    13: "<0x0A>",
    5856: "Options",
    683: "ption",
    2654: "▁red",
    1701: "▁fo",
    29916: "x",
    1724: "▁What",
    7980: "▁sport",
    1317: "▁Is",
    1492: "▁right",
    450: "▁The",
    6635: "▁cat",
    2175: "▁left",
    577: "▁so",
    5444: "fa",
    1939: "▁No",
    3869: "▁Yes",
    1128: "▁How",
    1784: "▁many",
    2305: "▁people",
    526: "▁are",
    727: "▁there",
    5538: "▁Does",
    260: "▁t",
    583: "ies",
    429: "▁ex",
    275: "is",
    319: "▁A",
    11203: "▁dog",
    6804: "▁Where",
    1551: "▁On",
    17455: "▁grass",
    3750: "▁Why",
}
"""Pieces of LLaMA's vocabulary with their ids."""
SYSTEM = (
    "1 25538 278 1494 1967 29901 529 25518 29958 2940 3916 829 25518 15513 887 674 "
    "367 2221 304 1074 278 1967 2748 "
    "306 3867 372 304 366 29889 3529 1234 590 5155 29889 2277 29937 29950 7889 29901 529 25518 29958"
)
ASKED = [
    "825 338 5439 297 278 1967 29973",
    "3251 403 5777 683 310 445 1967 29901",
    "894 29901 8449 310 1438 338 1353 29871 29896 29973 13 5856 29901 2654 1701 29916 2654 13",
    "1724 7980 338 445 29973",
    "894 29901 1317 278 1494 5777 683 1492 29973 450 6635 338 2175 310 278 577 "
    "5444 29889 13 5856 29901 1939 3869 13",
    "1128 1784 2305 526 727 297 278 1967 29973",
    "5538 260 583 429 275 297 278 1967 29973",
]
"""Ids of `EHUB_QUESTIONS` inside of the prompts, from the original code and LLaMA's sentencepiece model."""


@pytest.mark.parametrize(("question", "asked"), list(zip(EHUB_QUESTIONS, ASKED, strict=True)))
def test_the_prompts_of_both_originals_have_these_ids(question: str, asked: str) -> None:
    """Ids from `get_prompt` of LVLM-eHub (bd2999a) and MiniGPT-4 (d94738a) with LLaMA's own tokenizer."""
    tokenizer = llama_tokenizer(PIECES)
    ehub = f"1533 25518 29958 {asked} 2277 29937 7900 22137 29901"
    for name, ids in (("minigpt4-vicuna0-2023-04", ehub), ("minigpt4-vicuna0", f"{ehub} 29871")):
        before, after = encode_prompt(tokenizer, template_named(name), question, chat=True)
        assert before == [int(one) for one in SYSTEM.split()]
        assert after == [int(one) for one in ids.split()]


def test_the_turns_of_both_originals_have_these_ids() -> None:
    turns = (
        "1533 25518 29958 1724 338 445 29973 2277 29937 7900 22137 29901 319 11203 "
        "29889 2277 29937 29950 7889 29901 "
        "6804 29973 2277 29937 7900 22137 29901 1551 17455 29889 2277 29937 29950 "
        "7889 29901 3750 29973 2277 29937 "
        "7900 22137 29901"
    )
    tokenizer = llama_tokenizer(PIECES)
    for name, ids in (("minigpt4-vicuna0-2023-04", turns), ("minigpt4-vicuna0", f"{turns} 29871")):
        prompt = encode_prompt(tokenizer, template_named(name), "Why?", chat=True, earlier=TURNS)
        assert prompt.after == [int(one) for one in ids.split()]
