"""Judged questions with what was asked and answered: for pages, and kept in a file beside `judge.json`."""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finegold.errors import DataError
from finegold.judging import AnswerSet, Judgement, JudgeQuestion, OrderVerdict
from finegold.run import DamagedError, read_sealed, read_sealed_lines, sealed_line, write_bytes
from finegold.samples.images import by_content, decode
from finegold.samples.thumbnails import thumbnail

JUDGE = "judge.json"
"""File of the verdicts."""
JUDGED = "judged.jsonl"
"""File of the questions with both answers, a line each."""
AUDIT = "audit.jsonl"
LLAVA_CATEGORIES = {"conv": "conversation", "detail": "detail", "complex": "complex reasoning"}
"""LLaVA-Bench's categories in words."""


@dataclass(frozen=True, slots=True)
class JudgedQuestion:
    """A question as pages show it: what was asked, both answers, and both verdicts in words.

    Attributes:
        id: Id of the question.
        category: Category of the question.
        text: The question; empty where only verdicts are known, as the answers are.
        answers: The answers of A and of B.
        thumbnail: Small WebP of the image; None without one that can be read.
        outcome: `win`, `tie`, `lose` or `invalid`, for A.
        verdicts: Verdicts in the orders `ab` and `ba`.
        image: File of the image; empty if it has none of its own.
        replies: What the judge wrote in these orders; empty if it is not known.
    """

    id: str
    category: str
    text: str
    answers: tuple[str, str]
    thumbnail: bytes | None
    outcome: str
    verdicts: tuple[str, str]
    image: str = ""
    replies: tuple[str, str] = ("", "")


def judged_questions(
    result: Judgement, a: AnswerSet, b: AnswerSet, questions: Sequence[JudgeQuestion]
) -> list[JudgedQuestion]:
    """What pages show of each question, in the order of the judgement."""
    by_id = {question.id: question for question in questions}
    return [
        JudgedQuestion(
            compared.question_id,
            category_words(compared.category),
            by_id[compared.question_id].text,
            (a.texts[compared.question_id], b.texts[compared.question_id]),
            _picture(by_id[compared.question_id]),
            compared.outcome,
            (_said(compared.orders[0]), _said(compared.orders[1])),
            _file(by_id[compared.question_id]),
        )
        for compared in result.comparisons
    ]


def write_judged(path: Path, questions: Sequence[JudgedQuestion]) -> None:
    """Write the questions with their answers, one sealed line each, whole or not at all."""
    lines = (
        {
            "question_id": one.id,
            "text": one.text,
            "a": one.answers[0],
            "b": one.answers[1],
            "image": one.image,
            "thumbnail": b64encode(one.thumbnail or b"").decode("ascii"),
        }
        for one in questions
    )
    write_bytes(path, b"".join(map(sealed_line, lines)))


def read_judged(folder: Path) -> tuple[Judgement, list[JudgedQuestion]]:
    """The verdicts of a folder, and its questions; texts are empty where the folder does not keep them.

    Raises:
        DataError: If the verdicts cannot be read.
        RunError: If a file is damaged.
    """
    try:
        result = Judgement.from_json(read_sealed(folder / JUDGE))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{folder / JUDGE} cannot be read ({error}): judge the answers again") from None
    lines = {str(line.get("question_id")): line for line in _lines(folder / JUDGED, strict=True)}
    replies = {
        (str(line.get("question_id")), line.get("order")): str(line["reply"])
        for line in _lines(folder / AUDIT, strict=False)
        if "reply" in line
    }
    return result, verdicts_of(result, lines, replies)


def verdicts_of(
    result: Judgement,
    lines: Mapping[str, Mapping[str, Any]] | None = None,
    replies: Mapping[tuple[str, Any], str] | None = None,
) -> list[JudgedQuestion]:
    """The questions of a judgement, with what is known of each.

    Args:
        result: The verdicts.
        lines: The lines of `JUDGED` by id.
        replies: What the judge wrote, by id and order.
    """
    found = []
    for compared in result.comparisons:
        number, line = compared.question_id, (lines or {}).get(compared.question_id, {})
        said = [(replies or {}).get((number, order), "") for order in ("ab", "ba")]
        found.append(
            JudgedQuestion(
                number,
                category_words(compared.category),
                str(line.get("text", "")),
                (str(line.get("a", "")), str(line.get("b", ""))),
                b64decode(str(line.get("thumbnail", ""))) or None,
                compared.outcome,
                (_said(compared.orders[0]), _said(compared.orders[1])),
                str(line.get("image", "")),
                (said[0], said[1]),
            )
        )
    return found


def category_words(category: str) -> str:
    """A category as pages name it."""
    return LLAVA_CATEGORIES.get(category, category)


def _lines(path: Path, *, strict: bool) -> list[dict[str, Any]]:
    """The lines of a file, none if there is no file; damaged ones are an error or are skipped."""
    try:
        read = list(read_sealed_lines(path))
    except FileNotFoundError:
        return []
    for number, line in read:
        if line is None and strict:
            raise DamagedError(path, f"line {number} does not fit its hash")
    return [line for _, line in read if line is not None]


def _picture(question: JudgeQuestion) -> bytes | None:
    try:
        return None if question.image is None else thumbnail(decode(by_content(question.image)))
    except DataError:
        return None


def _file(question: JudgeQuestion) -> str:
    path = None if question.image is None else question.image.path
    return "" if path is None else str(path.absolute())


def _said(verdict: OrderVerdict) -> str:
    if verdict.a is None or verdict.b is None:
        return f"no verdict: {verdict.reason}"
    first = "A" if verdict.order == "ab" else "B"
    return f"A {verdict.a:g}, B {verdict.b:g} ({first} shown first)"
