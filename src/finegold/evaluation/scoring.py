"""The two scorings: `ehub`, as LVLM-eHub published, and `strict`, which a blind answer does not fool."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from finegold.evaluation.reading import read_choice, read_count, read_yes_no
from finegold.evaluation.task import Kind
from finegold.metrics import (
    Measure,
    bleu4,
    caption_tokens,
    cider,
    cider_d,
    mean_measure,
    raw_tokens,
    rouge_l,
    vqa_accuracy,
)
from finegold.metrics.normalise import contains_answer, normalise

Scoring = Literal["ehub", "strict"]
SCORINGS: tuple[Scoring, ...] = get_args(Scoring)


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer and what it is held against.

    Attributes:
        answer: As the model gave it.
        references: Accepted answers or reference captions.
        choices: Of a multiple-choice question.
    """

    answer: str
    references: tuple[str, ...]
    choices: tuple[str, ...] = ()


def measures(scoring: Scoring, kind: Kind, rows: Sequence[Answered]) -> list[Measure]:
    """Metrics over all rows of a task, the main one first; none for free answers.

    Args:
        scoring: Which of the two.
        kind: What an answer is.
        rows: All answers of the task: CIDEr depends on the whole set.
    """
    table = _EHUB if scoring == "ehub" else _STRICT
    return table[kind](rows)


def _contains(rows: Sequence[Answered]) -> list[Measure]:
    return [mean_measure("accuracy", [any(contains_answer(r.answer, g) for g in r.references) for r in rows])]


def _raw_captions(rows: Sequence[Answered]) -> list[Measure]:
    captions = [raw_tokens(row.answer) for row in rows]
    references = [[raw_tokens(reference) for reference in row.references] for row in rows]
    return [mean_measure("CIDEr-D", cider_d(captions, references), "points")]


def _captions(rows: Sequence[Answered]) -> list[Measure]:
    captions = [caption_tokens(row.answer) for row in rows]
    references = [[caption_tokens(reference) for reference in row.references] for row in rows]
    return [
        mean_measure("CIDEr-D", cider_d(captions, references), "points"),
        mean_measure("CIDEr", cider(captions, references), "points"),
        bleu4(captions, references),
        mean_measure("ROUGE-L", rouge_l(captions, references)),
    ]


def _soft(rows: Sequence[Answered]) -> list[Measure]:
    return [mean_measure("VQA accuracy", [vqa_accuracy(row.answer, row.references) for row in rows])]


def _read(read: Callable[[Answered], bool | None]) -> Callable[[Sequence[Answered]], list[Measure]]:
    """Accuracy of answers that can be read; one that cannot is wrong, and counted."""

    def score(rows: Sequence[Answered]) -> list[Measure]:
        verdicts = [read(row) for row in rows]
        return [
            mean_measure("accuracy", [verdict is True for verdict in verdicts]),
            mean_measure("unreadable", [verdict is None for verdict in verdicts]),
        ]

    return score


def _yes_no(row: Answered) -> bool | None:
    said = read_yes_no(row.answer)
    return None if said is None else said == read_yes_no(row.references[0])


def _count(row: Answered) -> bool | None:
    said = read_count(row.answer)
    return None if said is None else said == read_count(row.references[0])


def _choice(row: Answered) -> bool | None:
    said = read_choice(row.answer, row.choices)
    return None if said is None else normalise(row.choices[said]) == normalise(row.references[0])


def _unscored(_: Sequence[Answered]) -> list[Measure]:
    return []


_Table = Mapping[Kind, Callable[[Sequence[Answered]], list[Measure]]]
_EHUB: _Table = {
    "caption": _raw_captions,
    "choice": _contains,
    "open": _contains,
    "yes-no": _contains,
    "count": _contains,
    "free": _unscored,
}
_STRICT: _Table = {
    "caption": _captions,
    "choice": _read(_choice),
    "open": _soft,
    "yes-no": _read(_yes_no),
    "count": _read(_count),
    "free": _unscored,
}
