"""The offline vision-language model: where it is, what it was asked, and which photos it never saw."""

from finegold.tuning.offline.facts import (
    DETAIL_INSTRUCTIONS,
    MODEL_FOLDER,
    ONE_SENTENCE,
    SHA256,
    is_held_out,
)

__all__ = ["DETAIL_INSTRUCTIONS", "MODEL_FOLDER", "ONE_SENTENCE", "SHA256", "is_held_out"]
