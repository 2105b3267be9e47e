"""Caption and answer metrics without Java or downloads."""

from finegold.metrics.bleu import bleu4
from finegold.metrics.cider import CiderReferences, cider, cider_d
from finegold.metrics.normalise import vqa_accuracy
from finegold.metrics.rouge import rouge_l
from finegold.metrics.tokens import TOKENISER, caption_tokens, raw_tokens

__all__ = [
    "TOKENISER",
    "CiderReferences",
    "bleu4",
    "caption_tokens",
    "cider",
    "cider_d",
    "raw_tokens",
    "rouge_l",
    "vqa_accuracy",
]
