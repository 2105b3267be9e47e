"""Caption and answer metrics without Java or downloads, and bootstrap intervals."""

from finegold.evaluation.metrics.bleu import bleu4
from finegold.evaluation.metrics.bootstrap import Bootstrap, Estimate, estimate, paired_difference
from finegold.evaluation.metrics.cider import CiderReferences, cider, cider_d
from finegold.evaluation.metrics.measure import Measure, mean_measure
from finegold.evaluation.metrics.rouge import rouge_l
from finegold.evaluation.metrics.tokens import TOKENISER, caption_tokens, raw_tokens
from finegold.evaluation.metrics.vqa import vqa_accuracy

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
