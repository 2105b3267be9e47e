import pytest
from hypothesis import given
from hypothesis import strategies as st

from finegold.llm import without_thinking


@pytest.mark.parametrize(
    "text",
    [
        "Yes",
        "<think>It is on the mat, no, under it.</think>\n\nYes",
        "<think>\n</think>\nYes\n",
        "No, it is under it.\n</think>\n\nYes",
        "<THINKING>No.</Thinking> Yes",
        "Let me see. <think>No?</think> Yes".replace("Let me see. ", ""),
        "<think>a</think><think>No</think>Yes",
        "<think>No <think>no</think> no</think> Yes",
        "Yes<think>or no",
        "[THINK]No.[/THINK]Yes",
        "◁think▷No.◁/think▷Yes",
        "<seed:think>No</seed:think>Yes",
        "<|begin_of_thought|>No<|end_of_thought|><|begin_of_solution|>Yes<|end_of_solution|>",
        "<|channel|>analysis<|message|>No.<|end|><|start|>assistant<|channel|>final<|message|>Yes<|return|>",
        "<|START_THINKING|>No<|END_THINKING|><|START_RESPONSE|>Yes<|END_RESPONSE|>",
        "<unused94>thought\nNo<unused95>Yes",
        "<think>No</think><answer>Yes</answer>",
        "<|begin_of_box|>Yes<|end_of_box|>",
    ],
)
def test_the_answer_is_what_is_left_without_the_thinking(text: str) -> None:
    assert without_thinking(text) == "Yes"


@pytest.mark.parametrize(
    "text", ["<think>It may be yes", "It may be yes </think>", "<think></think>", "", " \n"]
)
def test_thinking_alone_is_no_answer(text: str) -> None:
    assert without_thinking(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        '{"score": 80, "reason": "it says <think> and </think>"}',
        "I think the < sign [is] bold: <b>yes</b>",
        "a < b",
        "[1, 2]",
    ],
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert without_thinking(text) == text


@given(st.text(), st.text(st.characters(exclude_characters="<[◁")))
def test_no_text_before_the_last_closing_tag_is_taken(thought: str, answer: str) -> None:
    assert without_thinking(f"<think>{thought}</think>{answer}").endswith(answer.strip())


def test_many_tags_take_no_long_time() -> None:
    assert without_thinking("<think></think>" * 200_000 + "Yes") == "Yes"
    assert without_thinking("</think>" * 200_000 + "Yes") == "Yes"
