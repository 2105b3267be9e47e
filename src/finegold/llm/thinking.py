"""A model's thinking, which stands before its answer in tags and is no part of it."""

import json
import re

_NAMES = r"(?:seed:)?(?:think|thinking|thought|thoughts|reasoning|reflection)"
_OPEN = (
    rf"<{_NAMES}>|\[THINK\]|◁think▷|<\|(?:begin_of_thought|START_THINKING|thinking|think)\|>"
    r"|<\|channel\|>(?:analysis|commentary)[^<]*<\|message\|>|<\|channel>thought\b|<unused94>thought\b"
)
_CLOSE = (
    rf"</{_NAMES}>|\[/THINK\]|◁/think▷|<\|(?:end_of_thought|END_THINKING|/thinking|/think)\|>"
    r"|(?:<\|end\|>)?(?:<\|start\|>assistant)?<\|channel\|>final[^<]*<\|message\|>|<channel\|>|<unused95>"
)
_TAG = re.compile(f"(?P<open>{_OPEN})|(?P<close>{_CLOSE})", re.IGNORECASE)
_FRAMES = (
    re.compile(r"\A<answer>(.*?)(?:</answer>|\Z)", re.DOTALL | re.IGNORECASE),
    re.compile(r"\A<\|begin_of_(?:box|solution)\|>(.*?)(?:<\|end_of_(?:box|solution)\|>|\Z)", re.DOTALL),
    re.compile(r"\A<\|START_RESPONSE\|>(.*?)(?:<\|END_RESPONSE\|>|\Z)", re.DOTALL),
    re.compile(r"\A(.*?)<\|(?:return|end)\|>\Z", re.DOTALL),
)


def without_thinking(text: str) -> str:
    """The answer in a text: what is left without the model's thinking, stripped.

    Thinking stands between tags such as `<think>` and `</think>`, `[THINK]` and `[/THINK]`, or in the channel
    `analysis`. Where only the closing tag came, all before it is thinking, since chat templates put the
    opening tag into the prompt; where only the opening tag came, all after it is, since the reply was cut. A
    frame around the answer (`<answer>`) is removed too. A text that is one JSON object stays as it is.
    """
    body = text.strip()
    if "<" not in body and "[" not in body and "◁" not in body:
        return body
    if body.startswith("{") and _is_json(body):
        return body
    body = _outside(body)
    for frame in _FRAMES:
        found = frame.match(body)
        if found is not None:
            body = found.group(1).strip()
    return body


def _outside(text: str) -> str:
    """What stands outside the tags, stripped; one pass, since a hostile reply may hold any number of them."""
    outside: list[str] = []
    begin, thinking = 0, False
    for tag in _TAG.finditer(text):
        if tag.group("close"):
            if not thinking:
                outside.clear()
            begin, thinking = tag.end(), False
        elif not thinking:
            outside.append(text[begin : tag.start()])
            thinking = True
    if not thinking:
        outside.append(text[begin:])
    return "".join(outside).strip()


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
