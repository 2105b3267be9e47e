"""Control tokens of chat templates and tokenizers, and how text that holds their look-alikes is shown.

The tokens are those of the models that transformers ships code for, in `control_tokens.txt`, and families
that are told by their form. `tests/samples/test_control_tokens.py` looks for tokens of transformers that are
missing.
"""

import re
from pathlib import Path

VERSION = 2
"""Changed when other text is shown with a space inside."""

_LESS, _MORE, _BAR = "[<＜]", "[>＞]", "[|｜]"
_FAMILIES = (
    # <|im_end|>, <｜Assistant｜>, <|turn>, <turn|>
    rf"{_LESS}{_BAR}",
    rf"{_LESS}/?[\w:.\-]{{1,60}}{_BAR}{_MORE}",
    # <unused94>, <reserved_106>, <extra_id_0>, <SPECIAL_11>, <row_1_col_2>, <0x0A>, <loc0001>
    rf"{_LESS}(?:unused|reserved|extra_id|special|madeupword|mask|null|loc|seg|row|bin|quant|vq|dummy|extra|tool)"
    rf"(?:[_\-]?\w{{0,24}})?\d[\w\-]{{0,24}}{_MORE}",
    rf"{_LESS}0x[0-9a-f]{{2}}{_MORE}",
    # <function=name>, <parameter=name>
    rf"{_LESS}/?(?:function|parameter|invoke)\b",
    r"\[/?inst\]",
)


def _pattern() -> re.Pattern[str]:
    tokens = Path(__file__).with_name("control_tokens.txt").read_text("utf-8").split()
    tagged = sorted({token[1:-1] for token in tokens if token[0] == "<" and token[1] != "<"})
    named = rf"{_LESS}(?:{'|'.join(map(re.escape, tagged))}){_MORE}"
    # Words in square brackets count in their own case: [STOP] is a token and [stop] is a word.
    others = "|".join(re.escape(token) for token in tokens if token[0] != "<" or token[1] == "<")
    return re.compile(f"(?i:{'|'.join(_FAMILIES)}|{named}|<</?sys>>)|{others}")


_CONTROL = _pattern()


_BEFORE_BAR = re.compile(rf"{_LESS}{_BAR}")
_WHOLE = re.compile(rf"{_LESS}{_BAR}[^<>|｜\s]{{1,60}}{_BAR}?{_MORE}")
_MEANT = frozenset(
    f"<{mark}{name}>"
    for mark in ("", "/")
    for name in (
        *("think", "thinking", "thought", "thoughts", "reasoning", "reflection", "answer"),
        *("box", "ref", "quad", "point", "poly", "ocr", "ground", "grounding", "phrase", "unit", "slice"),
        *("tool", "tools", "tool_call", "tool_calls", "tool_response", "user", "human", "bot", "system"),
        *("filename", "placeholder", "end", "escape", "speech", "sound", "blank"),
    )
)
"""What training data holds on purpose, such as boxes and thinking, or what is a common word."""


def control_token_in(text: str) -> str | None:
    """The first control token in a text that a tokenizer would read and that no data holds on purpose."""
    for found in _CONTROL.finditer(text):
        token = found.group()
        if _BEFORE_BAR.fullmatch(token):
            # Alone it is an operator of some languages.
            whole = _WHOLE.match(text, found.start())
            if whole is None:
                continue
            token = whole.group()
        if token.lower() not in _MEANT:
            return token
    return None


def holds_control_tokens(text: str) -> bool:
    """Whether a text has look-alikes of control tokens, which are shown with a space inside."""
    return _CONTROL.search(text) is not None


def defused(text: str) -> str:
    """The text with a space behind the first character of each look-alike, so that no tokenizer knows it."""
    while True:
        # Again, since the rest of a look-alike may hold one: <|a<|b|>.
        shown = _CONTROL.sub(lambda found: f"{found.group()[0]} {found.group()[1:]}", text)
        if shown == text:
            return shown
        text = shown
