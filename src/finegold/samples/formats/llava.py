"""LLaVA's instruction data: a JSON array or JSONL of `{id, image, conversations: [{from, value}]}`.

`image` is a path below the image folder, a list of paths, or absent for a text-only row. Each image has its
`<image>` placeholder in a turn. How this format is told from `messages`: see `detect`.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from finegold.samples.exclusions import RowError
from finegold.samples.formats.jsonfile import JsonDataset
from finegold.samples.formats.records import Parsed
from finegold.samples.sample import ImageRef


@dataclass
class LlavaDataset(JsonDataset):
    """Conversations of `human` and `gpt`."""

    format: ClassVar[str] = "llava"

    def parse(self, record: Any) -> tuple[Parsed, tuple[ImageRef, ...]]:
        """Read one record and locate its images; raises RowError."""
        if isinstance(record, dict) and record.get("conversations") is None:
            raise RowError("the record has no 'conversations'")
        return super().parse(record)
