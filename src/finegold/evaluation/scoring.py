"""The two scorings: `ehub`, as LVLM-eHub published, and `strict`, which a blind answer does not fool."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, get_args

from finegold.evaluation.answers import Answer
from finegold.evaluation.reading import read_choice, read_count, read_yes_no
from finegold.evaluation.task import Kind
from finegold.llm import without_thinking
from finegold.metrics import bleu4, caption_tokens, cider, cider_d, raw_tokens, rouge_l, vqa_accuracy
from finegold.metrics.normalise import contains_answer, normalise
from finegold.statistics import Measure, mean_measure, share_measure

Scoring = Literal["ehub", "strict"]
SCORINGS: tuple[Scoring, ...] = get_args(Scoring)


def measures(scoring: Scoring, kind: Kind, rows: Sequence[Answer]) -> list[Measure]:
    """Metrics over all rows of a task, the main one first; none for free answers.

    Args:
        scoring: Which of the two scorings.
        kind: What an answer is.
        rows: All answers of the task without the failed ones: CIDEr depends on the whole set.
    """
    score = (_EHUB if scoring == "ehub" else _STRICT).get(kind)
    return [] if score is None else score(rows)


def _text(row: Answer) -> str:
    return without_thinking(row.answer or "")


def _contains(rows: Sequence[Answer]) -> list[Measure]:
    return [mean_measure("accuracy", [any(contains_answer(_text(r), g) for g in r.references) for r in rows])]


def _raw_captions(rows: Sequence[Answer]) -> list[Measure]:
    captions = [raw_tokens(_text(row)) for row in rows]
    references = [[raw_tokens(reference) for reference in row.references] for row in rows]
    return [mean_measure("CIDEr-D", cider_d(captions, references), "points")]


def _captions(rows: Sequence[Answer]) -> list[Measure]:
    captions = [caption_tokens(_text(row)) for row in rows]
    references = [[caption_tokens(reference) for reference in row.references] for row in rows]
    return [
        mean_measure("CIDEr-D", cider_d(captions, references), "points"),
        mean_measure("CIDEr", cider(captions, references), "points"),
        bleu4(captions, references),
        mean_measure("ROUGE-L", rouge_l(captions, references)),
    ]


def _soft(rows: Sequence[Answer]) -> list[Measure]:
    return [mean_measure("VQA accuracy", [vqa_accuracy(_text(row), row.references) for row in rows])]


def _matches(rows: Sequence[Answer]) -> list[Measure]:
    """Whether an answer equals a reference, normalised and as it is; and yes or no, read from a sentence."""

    def share(fits: Callable[[str, str], bool]) -> list[bool]:
        return [any(fits(_text(row), reference) for reference in row.references) for row in rows]

    found = [
        mean_measure("normalised match", share(lambda text, one: normalise(text) == normalise(one))),
        mean_measure("exact match", share(lambda text, one: text.strip() == one.strip())),
    ]
    asks = [all(normalise(one) in ("yes", "no") for one in row.references) for row in rows]
    if any(asks):
        said = [read_yes_no(_text(row)) for row in rows]
        wanted = [{read_yes_no(one) for one in row.references} for row in rows]
        right = [ask and one in want for ask, one, want in zip(asks, said, wanted, strict=True)]
        found.append(share_measure(f"yes/no, read ({sum(asks):,} items)", right, asks))
    return found


def _read(read: Callable[[Answer], bool | None]) -> Callable[[Sequence[Answer]], list[Measure]]:
    """Accuracy, where an answer that cannot be read counts as wrong, and the share of such answers."""

    def score(rows: Sequence[Answer]) -> list[Measure]:
        verdicts = [read(row) for row in rows]
        return [
            mean_measure("accuracy", [verdict is True for verdict in verdicts]),
            mean_measure("unreadable", [verdict is None for verdict in verdicts]),
        ]

    return score


def _same(read: Callable[[str], bool | int | None]) -> Callable[[Answer], bool | None]:
    """Whether answer and reference say the same; None if the answer cannot be read."""

    def compare(row: Answer) -> bool | None:
        said = read(_text(row))
        return None if said is None else said == read(row.references[0])

    return compare


def _choice(row: Answer) -> bool | None:
    said = read_choice(_text(row), row.choices)
    return None if said is None else normalise(row.choices[said]) == normalise(row.references[0])


_Table = Mapping[Kind, Callable[[Sequence[Answer]], list[Measure]]]
_EHUB: _Table = {
    "caption": _raw_captions,
    "choice": _contains,
    "open": _contains,
    "short": _contains,
    "yes-no": _contains,
    "count": _contains,
}
_STRICT: _Table = {
    "caption": _captions,
    "choice": _read(_choice),
    "open": _soft,
    "short": _matches,
    "yes-no": _read(_same(read_yes_no)),
    "count": _read(_same(read_count)),
}
