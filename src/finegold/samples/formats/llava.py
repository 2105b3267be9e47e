"""LLaVA's instruction data: a JSON array or JSONL of `{id, image, conversations: [{from, value}]}`.

`image` is a path below the image folder, a list of paths, or absent for a text-only row. Each image has its
`<image>` placeholder in a turn. A record with `images`, a `system` field, or the roles `user` and
`assistant` is of the format `messages`: LLaVA never writes these.
"""

from typing import Any

from finegold.samples.dataset import FORMATS
from finegold.samples.exclusions import RowError
from finegold.samples.formats.messages import JsonDataset, first_turn
from finegold.samples.records import Parsed


@FORMATS.register("llava")
class LlavaDataset(JsonDataset):
    """Conversations of `human` and `gpt`."""

    breadth = 0.5

    @classmethod
    def recognises(cls, record: Any) -> bool:
        """Whether the first turn is LLaVA's, and nothing else says that the record is not."""
        turn = first_turn(record)
        llava = turn is not None and turn["from"] not in ("user", "assistant", "system")
        return llava and "images" not in record and "system" not in record

    def parse(self, record: Any) -> Parsed:
        """The id, images and turns of a conversation; raises RowError without one."""
        if isinstance(record, dict) and record.get("conversations") is None:
            raise RowError("the record has no 'conversations'")
        return super().parse(record)
