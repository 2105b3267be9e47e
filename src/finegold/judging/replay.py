"""Recompute a comparison from its audit, or from any file of verdicts, without a call."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from finegold.errors import DataError
from finegold.judging.judge import ORDERS, in_order
from finegold.judging.result import ComparedAnswers, Judgement, OrderVerdict
from finegold.judging.verdict import parse_verdict


def replay_verdicts(path: Path, *, seed: int = 0) -> Judgement:
    """Read the verdicts of a file and count them again.

    One JSON object a line: `question_id`, `order` (`ab` or `ba`) and `reply`, the judge's text; perhaps
    `category`, `a` and `b` (names), `a_length`, `b_length`, `attempt`, `model`, `answered_by`, `created`,
    `finish_reason` and `messages`, as the audit of `finegold judge` has them. Of several replies to one
    question in one order the first readable one counts. An order without any makes its question invalid.

    Raises:
        DataError: If the file cannot be read or holds no verdicts.
    """
    lines = list(_lines(path))
    if not lines:
        raise DataError(
            f"{path} holds no verdicts: expected lines with question_id, order (ab or ba) and reply, such as "
            "the audit.jsonl of an earlier comparison"
        )
    by_order: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for line in lines:
        by_order.setdefault((str(line["question_id"]), line["order"]), []).append(line)
    about: dict[str, dict[str, Any]] = {}
    for line in lines:
        about.setdefault(str(line["question_id"]), line)
    comparisons = tuple(
        ComparedAnswers(
            number,
            str(line.get("category") or "all"),
            _length(line.get("a_length")),
            _length(line.get("b_length")),
            (_verdict(by_order, number, "ab"), _verdict(by_order, number, "ba")),
        )
        for number, line in about.items()
    )
    days = sorted({str(line["created"])[:10] for line in lines if line.get("created")})
    return Judgement(
        a=_one(lines, "a", "A"),
        b=_one(lines, "b", "B"),
        model=_one(lines, "model", "unknown"),
        answered_by=tuple(sorted({str(line["answered_by"]) for line in lines if line.get("answered_by")})),
        dates=(days[0], days[-1]) if days else (),
        template=_one(lines, "template", "unknown"),
        seed=seed,
        comparisons=comparisons,
    )


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        texts = path.read_text("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as UTF-8 text ({error}): give a JSONL file") from None
    for number, text in enumerate(texts, 1):
        if not text.strip():
            continue
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            # A run that was killed leaves a torn line; its reply is in the cache and was written again.
            continue
        if not isinstance(line, dict) or not {"question_id", "order"} <= line.keys():
            raise DataError(f"{path} line {number} is no verdict: expected question_id, order and reply")
        if line["order"] not in ORDERS:
            raise DataError(f"{path} line {number} has order {line['order']!r}: expected ab or ba")
        yield line


def _verdict(by_order: dict[tuple[str, str], list[dict[str, Any]]], number: str, order: Any) -> OrderVerdict:
    lines = by_order.get((number, order), [])
    reason, replies = "the file holds no reply in this order", 0
    read = set()
    for line in sorted(lines, key=lambda line: int(line.get("attempt") or 0)):
        if "reply" not in line:
            reason = str(line.get("reason") or reason)
            continue
        if line.get("attempt") in read:
            continue
        read.add(line.get("attempt"))
        replies += 1
        cut = line.get("finish_reason") == "length"
        verdict = parse_verdict(str(line["reply"]), _shown_answers(line), cut=cut)
        if verdict.scores is not None:
            return in_order(order, verdict.scores, replies)
        reason = verdict.reason
    return OrderVerdict(order, None, None, reason, replies)


def _shown_answers(line: dict[str, Any]) -> list[str]:
    """The answers between their markers in the messages that were sent, for the check against echoes."""
    found = []
    for message in line.get("messages") or []:
        for block in str(message.get("text", "")).split("<<<ANSWER ")[1:]:
            head, _, rest = block.partition("\n")
            marker = head.rpartition(" ")[2]
            found.append(rest.partition(f"\n{marker} END ANSWER")[0])
    return found


def _length(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _one(lines: list[dict[str, Any]], name: str, unknown: str) -> str:
    found = sorted({str(line[name]) for line in lines if line.get(name)})
    if name == "template":
        found = sorted({text.removesuffix("-swapped") for text in found})
    return ", ".join(found) or unknown
