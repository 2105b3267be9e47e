"""Replay of the published InstructionGPT-4 selector (MM-LIMA, arXiv 2308.12067) from its released files."""

from finegold.instructiongpt4.findings import Finding, replay_findings, retraining_findings
from finegold.instructiongpt4.published import FEATURES, INDICATORS, Published, read_published
from finegold.instructiongpt4.quality import mm_lima_quality
from finegold.instructiongpt4.rule import PUBLISHED_SHA256, ids_sha256, published_quotas, select_rows
from finegold.instructiongpt4.selector import Selector, read_selector, write_selector
from finegold.instructiongpt4.training import Retrained, train_selector

__all__ = [
    "FEATURES",
    "INDICATORS",
    "PUBLISHED_SHA256",
    "Finding",
    "Published",
    "Retrained",
    "Selector",
    "ids_sha256",
    "mm_lima_quality",
    "published_quotas",
    "read_published",
    "read_selector",
    "replay_findings",
    "retraining_findings",
    "select_rows",
    "train_selector",
    "write_selector",
]
