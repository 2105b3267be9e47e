"""An event stream while it comes: the answer so far. The reply is read from the whole body afterwards."""

import codecs
import json
from collections.abc import Callable
from typing import Any

from finegold.llm.thinking import without_thinking

OnText = Callable[[str], None]
"""Is called with the answer so far, without the model's thinking, whenever it changed."""


class StreamWatch:
    """Takes the pieces of an event stream and calls a function with the answer so far."""

    def __init__(self, on_text: OnText) -> None:
        self._on_text = on_text
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._said: list[str] = []
        self._shown = ""

    def feed(self, piece: bytes) -> None:
        """Take the next bytes; lines that cannot be read are passed over."""
        *lines, self._rest = (self._rest + self._decoder.decode(piece)).split("\n")
        self._said += filter(None, map(_content, lines))
        answer = without_thinking("".join(self._said))
        if answer != self._shown:
            self._shown = answer
            self._on_text(answer)


def _content(line: str) -> str:
    """The text that a line of an event stream adds."""
    name, _, value = line.partition(":")
    if name != "data":
        return ""
    try:
        choice: Any = json.loads(value)["choices"][0]
        content = choice["delta"]["content"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return content if isinstance(content, str) else ""
