"""Prompt and completion rows: what a model is shown, and the answer that it learns."""

from dataclasses import dataclass
from typing import Any

from finegold.samples import IMAGE_PLACEHOLDER, ImageRef, Sample

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ChatRow:
    """One answer to learn.

    Attributes:
        id: The sample's; with `#2` and so on for its second and later answers.
        images: Of the turns so far.
        prompt: Messages before the answer; content as text and image parts.
        completion: The answer, as one message.
    """

    id: str
    images: tuple[ImageRef, ...]
    prompt: list[Message]
    completion: list[Message]


def chat_rows(sample: Sample) -> list[ChatRow]:
    """One row for each of the sample's answers, with all turns before it as the prompt."""
    rows: list[ChatRow] = []
    before: list[Message] = []
    images = 0
    for turn in sample.turns:
        content = parts(turn.text)
        message = {"role": turn.role, "content": content}
        if turn.role == "assistant":
            identifier = sample.id if not rows else f"{sample.id}#{len(rows) + 1}"
            rows.append(ChatRow(identifier, sample.images[:images], list(before), [message]))
        images += sum(part["type"] == "image" for part in content)
        before.append(message)
    return rows


def parts(text: str) -> list[dict[str, str]]:
    """A turn's text as parts: its placeholders as images, what stands between them as text."""
    found: list[dict[str, str]] = []
    for number, piece in enumerate(text.split(IMAGE_PLACEHOLDER)):
        if number:
            found.append({"type": "image"})
        if piece.strip():
            found.append({"type": "text", "text": piece.strip()})
    return found
