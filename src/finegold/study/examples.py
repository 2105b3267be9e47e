"""Images where an arm and the baseline differ most, side by side (InstructionGPT-4, tables 6 to 8)."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from finegold.evaluation.answers import Answer, read_all_answers
from finegold.evaluation.task import Item
from finegold.report.study.findings import Example
from finegold.study.folder import StudyFolder
from finegold.study.measure import Metric
from finegold.study.prepare import Prepared
from finegold.study.study import Study

EACH = 2
"""Images that an arm is best on, and as many that it is worst on."""


def largest_differences(
    folder: StudyFolder, study: Study, prepared: Prepared, metric: Metric, items: list[Item]
) -> tuple[Example, ...]:
    """The images of every arm's largest gains and losses against the baseline, first seeds."""
    answers = {
        arm: {row.id: row for row in read_all_answers(first, metric.task)}
        for arm, (first, *_) in prepared.answers(folder, metric.task).items()
    }
    paths = {item.image.name: item.image.path for item in items}
    shown: list[Example] = []
    for arm in metric.arms:
        if arm == (baseline := study.baseline_of(arm)):
            continue
        scores, base = metric.item_scores(arm), metric.item_scores(baseline)
        ranked = np.argsort(scores - base, kind="stable")
        for row in [*ranked[::-1][:EACH], *ranked[:EACH]]:
            if scores[row] == base[row]:
                continue
            pair = (answers[arm][metric.items[row]], answers[baseline][metric.items[row]])
            shown.append(_example((arm, baseline), pair, (float(scores[row]), float(base[row])), paths))
    return tuple(sorted(shown, key=lambda one: -abs(one.first_score - one.second_score)))


def _example(
    arms: tuple[str, str],
    answers: tuple[Answer, Answer],
    scores: tuple[float, float],
    paths: Mapping[str, Path | None],
    judge: str = "",
) -> Example:
    first, second = answers
    return Example(
        image=str(paths.get(first.image) or first.image),
        prompt=first.prompt,
        first=arms[0],
        second=arms[1],
        first_answer=first.answer or "",
        second_answer=second.answer or "",
        first_score=scores[0],
        second_score=scores[1],
        reference=first.references[0] if first.references else "",
        judge=judge,
    )


def judged_examples(
    judgement: Mapping[str, Any],
    words: Mapping[str, str],
    answers: tuple[Mapping[str, Answer], Mapping[str, Answer]],
    paths: Mapping[str, Path | None],
) -> Iterator[Example]:
    """The questions on which the judge's scores are furthest apart, with its words.

    Args:
        judgement: `Judgement.as_json()`.
        words: The judge's reply with A first, by question.
        answers: Answers of A and of B, by question.
        paths: File of each image.
    """

    def apart(question: Mapping[str, Any]) -> float:
        return abs(float(sum(order["a"] - order["b"] for order in question["orders"])))

    valid = [one for one in judgement["questions"] if one["outcome"] != "invalid"]
    for one in sorted(valid, key=apart, reverse=True)[: 2 * EACH]:
        question = one["question_id"]
        pair = (answers[0][question], answers[1][question])
        a, b = (sum(order[side] for order in one["orders"]) / 2 for side in ("a", "b"))
        yield _example((judgement["a"], judgement["b"]), pair, (a, b), paths, words.get(question, ""))
