"""Recompute a comparison from its audit, or from any file of verdicts, without a call."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from finegold.errors import DataError
from finegold.judging.files import read_json_lines
from finegold.judging.judge import ORDERS, in_order
from finegold.judging.prompt import Order
from finegold.judging.result import ComparedAnswers, Judgement, OrderVerdict
from finegold.judging.verdict import parse_verdict
from finegold.llm import without_thinking


def replay_verdicts(path: Path, *, seed: int = 0) -> Judgement:
    """Read the verdicts of a file and count them again.

    One JSON object a line: `question_id`, `order` (`ab` or `ba`) and `reply`, the judge's text; perhaps
    `category`, `a` and `b` (names), `a_length`, `b_length`, `attempt`, `model`, `answered_by`, `created`,
    `finish_reason` and `messages`, as the audit of `finegold judge` has them. The first readable reply to a
    question in an order counts. A question without a readable reply in both orders is invalid.

    Raises:
        DataError: If the file cannot be read or holds no verdicts.
    """
    lines = list(_lines(path))
    if not lines:
        raise DataError(
            f"{path} holds no verdicts: expected lines with question_id, order (ab or ba) and reply, such as "
            "the audit.jsonl of an earlier comparison"
        )
    questions: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        questions.setdefault(str(line["question_id"]), []).append(line)
    days = sorted({str(line["created"])[:10] for line in lines if line.get("created")})
    return Judgement(
        a=_one(lines, "a", "A"),
        b=_one(lines, "b", "B"),
        model=_one(lines, "model", "unknown"),
        answered_by=tuple(sorted({str(line["answered_by"]) for line in lines if line.get("answered_by")})),
        dates=(days[0], days[-1]) if days else (),
        template=_one(lines, "template", "unknown"),
        seed=seed,
        comparisons=tuple(
            ComparedAnswers(
                number,
                str(about[0].get("category") or "all"),
                _length(about[0].get("a_length")),
                _length(about[0].get("b_length")),
                (_verdict("ab", about), _verdict("ba", about)),
            )
            for number, about in questions.items()
        ),
    )


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    # The reply of a line that a killed run left damaged is in the cache and was written again.
    for place, line in read_json_lines(path, skip_damaged=True):
        if not {"question_id", "order"} <= line.keys():
            raise DataError(f"{place} is no verdict: expected question_id, order and reply")
        if line["order"] not in ORDERS:
            raise DataError(f"{place} has order {line['order']!r}: expected ab or ba")
        yield line


def _verdict(order: Order, about: list[dict[str, Any]]) -> OrderVerdict:
    reason, replies = "the file holds no reply in this order", 0
    last: dict[int, dict[str, Any]] = {}
    for line in about:
        if line["order"] != order:
            continue
        if "reply" in line:
            # A call that was sent again, since its reply was empty, has a later line that counts.
            last[_attempt(line)] = line
        else:
            reason = str(line.get("reason") or reason)
    for _, line in sorted(last.items()):
        replies += 1
        cut = line.get("finish_reason") == "length"
        verdict = parse_verdict(without_thinking(str(line["reply"])), _shown_answers(line), cut=cut)
        if verdict.scores is not None:
            return in_order(order, verdict.scores, replies)
        reason = str(line.get("problem") or verdict.reason)
    return OrderVerdict(order, None, None, reason, replies)


def _attempt(line: dict[str, Any]) -> int:
    found = line.get("attempt")
    return found if isinstance(found, int) else 0


def _shown_answers(line: dict[str, Any]) -> list[str]:
    """The answers between their markers in the messages that were sent, for the check against echoes."""
    found = []
    messages = line.get("messages")
    for message in messages if isinstance(messages, list) else []:
        text = message.get("text", "") if isinstance(message, dict) else ""
        for block in str(text).split("<<<ANSWER ")[1:]:
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
