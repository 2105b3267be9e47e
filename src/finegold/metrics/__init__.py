"""Caption and answer metrics without Java or downloads, and bootstrap intervals."""

from finegold.metrics.bleu import bleu4
from finegold.metrics.bootstrap import Bootstrap, Estimate, estimate, paired_difference
from finegold.metrics.cider import CiderReferences, cider, cider_d
from finegold.metrics.measure import Measure, mean_measure
from finegold.metrics.rouge import rouge_l
from finegold.metrics.tokens import TOKENISER, caption_tokens, raw_tokens
from finegold.metrics.vqa import vqa_accuracy

__all__ = [
    "TOKENISER",
    "Bootstrap",
    "CiderReferences",
    "Estimate",
    "Measure",
    "bleu4",
    "caption_tokens",
    "cider",
    "cider_d",
    "estimate",
    "mean_measure",
    "paired_difference",
    "raw_tokens",
    "rouge_l",
    "vqa_accuracy",
]
