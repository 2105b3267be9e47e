"""Chat data as TRL, LLaMA-Factory and ms-swift take it: JSONL or an array of any shape in `records`.

Images are in `images` or `image` (path, URL, `{path}`, `{bytes}` in base64, or a list of these) or inside
the messages' content. How this format is told from `llava`: see `detect`.
"""

from dataclasses import dataclass
from typing import ClassVar

from finegold.samples.formats.jsonfile import JsonDataset


@dataclass
class MessagesDataset(JsonDataset):
    """Messages of `user` and `assistant`, and every other shape of JSON record."""

    format: ClassVar[str] = "messages"
