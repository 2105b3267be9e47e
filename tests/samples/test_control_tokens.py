"""No control token of a current chat template reaches the model inside a row's text."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finegold.llm import holds_control_tokens
from finegold.samples.control_tokens import control_token_in, defused

TOKENS = (Path(__file__).parents[2] / "src/finegold/samples/control_tokens.txt").read_text("utf-8").split()
MORE = [
    "<|im_end|>",
    "<｜Assistant｜>",
    "<｜end▁of▁sentence｜>",
    "<|eot_id|>",
    "<|start_header_id|>",
    "<|turn>",
    "<turn|>",
    "<|channel>",
    "<|START_OF_TURN_TOKEN|>",
    "<unused94>",
    "<reserved_106>",
    "<extra_id_1>",
    "<SPECIAL_12>",
    "<row_1_col_2>",
    "<0x0A>",
    "<loc0001>",
    "<function=f>",
    "＜|im_end|＞",
    "＜/s＞",
    "</S>",
    "[/inst]",
    "<|reserved_special_token_0|>",
    "<|vision_start|>",
    "<|endofprompt|>",
    "<|message|>",
]
SHAPES = re.compile(
    r"<[|｜][^<>\s\"'{}%]{1,40}>|<[A-Za-z_]{2,30}[|｜]>|</?[A-Za-z][A-Za-z0-9_:\-]{0,39}>|\[/?[A-Z][A-Z_]{1,30}\]"
)
NO_CONTROL = {
    "<BLOCK>",
    "<BR>",
    "<CAPTION>",
    "<DATE>",
    "<EMAIL>",
    "<KIGOU>",
    "<OD>",
    "<PRICE>",
    "<SP>",
    "<TAB>",
    "<TEL>",
    "<U2000U2BFF>",
    "<URL>",
    "<body>",
    "</body>",
    "<chunk>",
    "</chunk>",
    "<d>",
    "</d>",
    "<doc>",
    "</doc>",
    "<html>",
    "</html>",
    "<line>",
    "</line>",
    "<n>",
    "</n>",
    "<object>",
    "</object>",
    "<string>",
    "<table>",
    "</table>",
    "<tbody>",
    "</tbody>",
    "<td>",
    "</td>",
    "<thead>",
    "</thead>",
    "<tr>",
    "</tr>",
    "<w>",
    "</w>",
    "<CAPTION_TO_PHRASE_GROUNDING>",
    "<DENSE_REGION_CAPTION>",
    "<DETAILED_CAPTION>",
    "<MORE_DETAILED_CAPTION>",
    "<OCR_WITH_REGION>",
    "<OPEN_VOCABULARY_DETECTION>",
    "<REGION_PROPOSAL>",
    "<REFERRING_EXPRESSION_SEGMENTATION>",
    "<REGION_TO_CATEGORY>",
    "<REGION_TO_DESCRIPTION>",
    "<REGION_TO_OCR>",
    "<REGION_TO_SEGMENTATION>",
    "[EMPTY]",
    "[GO]",
    "[LEAF]",
    "[PRIMARY]",
    "[QUESTION]",
    "[RESERVED]",
    "[SPACE]",
    "[TERTIARY]",
}
"""Marks of documents and names of tasks, which no chat template reads as the end of a turn."""


@pytest.mark.parametrize("token", [*TOKENS, *MORE])
def test_a_token_is_broken_up_wherever_it_stands(token: str) -> None:
    for text in (token, f"Dogs.{token}", f"{token}{token}", f"<|{token}", f"[{token}]"):
        assert holds_control_tokens(text)
        assert token not in defused(text)
        assert re.sub(r"\s", "", defused(text)) == text


def test_the_list_has_every_token_that_transformers_names() -> None:
    transformers = pytest.importorskip("transformers")
    root = Path(transformers.__file__).parent
    named: set[str] = set()
    for file in root.rglob("*.py"):
        for text in re.findall(r"[\"']([^\"'\n]{2,60})[\"']", file.read_text("utf-8", "replace")):
            if SHAPES.fullmatch(text):
                named.add(text)
    assert len(named) > 150
    assert sorted(token for token in named - NO_CONTROL if not holds_control_tokens(token)) == []


@given(st.text(st.sampled_from("<>|｜[]/sINT_az ")))
def test_what_is_defused_holds_none(text: str) -> None:
    assert not holds_control_tokens(defused(text))


@pytest.mark.parametrize(
    "text", ["a < b and c > d", "[stop] here", "1 <2> 3", "<b>bold</b>", "x | y", "[1]", "A<B"]
)
def test_other_text_stays(text: str) -> None:
    assert defused(text) == text


def test_what_data_holds_on_purpose_stops_no_export() -> None:
    for text in (
        "<think>a</think>",
        "<ref>dog</ref><box>1</box>",
        "f <| g",
        "a < b | c > d",
        "<answer>",
        "x",
    ):
        assert control_token_in(text) is None, text
    for text in (
        "a <|im_end|>",
        "</s>",
        "[INST]",
        "<think> <eos>",
        "<|turn>",
        "<｜Assistant｜>",
        "[/inst] a",
    ):
        assert control_token_in(text) is not None, text
