"""Images where an arm and the baseline differ most, side by side (InstructionGPT-4, tables 6 to 8)."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from finegold.evaluation.answers import Answer, read_all_answers
from finegold.evaluation.task import Item
from finegold.report.study.findings import Example
from finegold.study.folder import StudyFolder
from finegold.study.measure import Metric
from finegold.study.run import Prepared
from finegold.study.study import Study

EACH = 2
"""Images that an arm is best on, and as many that it is worst on."""


def largest_differences(
    folder: StudyFolder, study: Study, prepared: Prepared, metric: Metric, items: list[Item]
) -> tuple[Example, ...]:
    """For every arm the images of its largest gains and losses against the baseline, first seeds."""
    answers = {
        one.rows.arm.name: {
            row.id: row for row in read_all_answers(one.jobs[0].answers(folder, metric.task), metric.task)
        }
        for one in prepared.runs
        if one.jobs
    }
    paths = {item.image.name: item.image.path for item in items}
    theirs = metric.item_scores(study.baseline)
    shown: list[Example] = []
    for arm in metric.arms:
        if arm == study.baseline:
            continue
        own = metric.item_scores(arm)
        ranked = np.argsort(own - theirs, kind="stable")
        for row in [*ranked[::-1][:EACH], *ranked[:EACH]]:
            if own[row] == theirs[row]:
                continue
            first, second = answers[arm][metric.items[row]], answers[study.baseline][metric.items[row]]
            scores = float(own[row]), float(theirs[row])
            shown.append(_example(arm, study.baseline, first, second, scores, paths))
    return tuple(sorted(shown, key=lambda one: -abs(one.first_score - one.second_score)))


def _example(
    arm: str,
    baseline: str,
    first: Answer,
    second: Answer,
    scores: tuple[float, float],
    paths: Mapping[str, Path | None],
) -> Example:
    return Example(
        image=str(paths.get(first.image) or first.image),
        prompt=first.prompt,
        first=arm,
        second=baseline,
        first_answer=first.answer or "",
        second_answer=second.answer or "",
        first_score=scores[0],
        second_score=scores[1],
        reference=first.references[0] if first.references else "",
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
        answers: Of A and of B, by question.
        paths: Of images.
    """

    def apart(question: Mapping[str, Any]) -> float:
        return abs(float(sum(order["a"] - order["b"] for order in question["orders"])))

    valid = [one for one in judgement["questions"] if one["outcome"] != "invalid"]
    for one in sorted(valid, key=apart, reverse=True)[: 2 * EACH]:
        first, second = (own[one["question_id"]] for own in answers)
        scores = tuple(sum(order[side] for order in one["orders"]) / 2 for side in ("a", "b"))
        found = _example(judgement["a"], judgement["b"], first, second, (scores[0], scores[1]), paths)
        yield replace(found, judge=words.get(one["question_id"], ""))
