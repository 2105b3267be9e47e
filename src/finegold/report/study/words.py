"""Findings in words and numbers, the same in every table and on the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from finegold.report.study.findings import ArmResult, Figure, Findings, Outcome, change_kind, decimals, signed
from finegold.report.text import duration, number
from finegold.statistics import Estimate

POWER_HEADS = (
    *("question", "seeds", "images", "smallest difference seen"),
    *("seeds for 1 point", "images for 1 point", "seeds for 1 point on 10 times the images"),
)
POWER_ABOUT = (
    "The difference to the baseline, in points, that four studies of five would see, from the variances of "
    "this study's arms: between seeds, between images, and of seeds on images. The full data's score counts "
    "as known."
)
Kind = Literal["baseline", "better", "worse", "unclear", "missing"]


@dataclass(frozen=True, slots=True)
class Line:
    """One arm in the table of one question.

    Attributes:
        arm: The arm.
        figure: The arm's number; None if there is none.
        kind: `better` and `worse` only where the interval of the difference does not hold zero.
        rows: Rows trained on, as text, like all below.
        seeds: Seeds, with the number of different subsets where it is another.
        cost: Training time of one seed, and steps.
        value: The mean without its interval; empty without a number.
        mean: The mean with its interval; why there is none where there is none.
        difference: Difference to the baseline, with its interval; empty if there is none.
        verdict: The figure's verdict.
    """

    arm: ArmResult
    figure: Figure | None
    kind: Kind
    rows: str
    seeds: str
    cost: str
    value: str
    mean: str
    difference: str
    verdict: str

    @property
    def change(self) -> Estimate | None:
        """The difference to the baseline, unscaled."""
        return None if self.figure is None else self.figure.difference


def outcome_lines(findings: Findings, outcome: Outcome) -> list[Line]:
    """Every arm of the study, those without a number too, in the study's order."""
    figures = {figure.arm: figure for figure in outcome.figures}
    return [_line(findings, outcome, arm, figures.get(arm.name)) for arm in findings.arms]


def summary(findings: Findings) -> list[str]:
    """What was found, in sentences: the main outcome, then how often the others saw a difference."""
    main, base = findings.main, findings.baseline
    if main is None:
        return ["Nothing was measured."]
    others = [one for one in findings.questions if one is not main]
    found = outcome_lines(findings, main)
    reached = [f"{line.arm.name} reaches {line.mean}" for line in found if line.kind == "baseline"]
    says = f"On {main.title} ({main.images:,} images, {main.better} is better)"
    sentences = [
        f"{says}, {'; '.join(reached)}."
        if reached
        else f"{says}, the baseline {base} has no number, so no arm is compared with it."
    ]
    for which in ("better", "worse"):
        arms = [
            f"{line.arm.name} {line.verdict.removeprefix(which).strip()}"
            for line in found
            if line.kind == which
        ]
        if arms:
            sentences.append(f"{which.capitalize()} than {base}: {'; '.join(arms)}.")
    unclear = [line for line in found if line.kind == "unclear" and line.change is not None]
    for words, named in (
        (f"No difference to {base} seen", [line for line in unclear if line.change and line.change.ends]),
        ("Without an interval", [line for line in unclear if line.change and not line.change.ends]),
        ("Could not be run", [line for line in found if not line.figure and not line.arm.seeds]),
        ("Not measured here", [line for line in found if not line.figure and line.arm.seeds]),
    ):
        if named:
            sentences.append(f"{words}: {', '.join(line.arm.name for line in named)}.")
    return sentences + _others(findings, others)


def facts(findings: Findings) -> list[tuple[str, str]]:
    """Model, recipe and how intervals are made, each with its name."""
    level = f"{findings.level * 100:g}%"
    several = any(arm.series == findings.baseline for arm in findings.arms)
    alike = " of the same size, or of the largest size that it has" if several else ""
    return [
        ("model", findings.model),
        ("recipe", findings.recipe),
        (
            "intervals",
            f"numbers are means over an arm's seeds with {level} intervals, from a percentile bootstrap that "
            f"draws seeds and images with replacement; differences are to {findings.baseline}"
            f"{alike}, both arms on the same drawn images; no interval is widened for the number of arms",
        ),
    ]


def introduction(findings: Findings) -> list[str]:
    """The question, the model, the recipe, how intervals are made, and the machine, in sentences."""
    named = [f"{name.capitalize()}: {text}" for name, text in facts(findings) if text]
    named += [f"Machine: {described(findings.machine)}"] if findings.machine else []
    stripped = [text.strip() for text in (findings.about, *named) if text.strip()]
    return [text if text[-1] in ".!?" else f"{text}." for text in stripped]


def about(outcome: Outcome) -> str:
    """The text under a question's table."""
    parts = [f"{outcome.images:,} images", f"{outcome.items:,} items", f"{outcome.better} is better"]
    if outcome.scale != 1:
        parts.append(f"numbers are times {outcome.scale:g}")
    text = ", ".join(parts) + "."
    if outcome.used_to_fit:
        names = ", ".join(outcome.used_to_fit)
        text += f" Fitted on this task, so no independent test of it: {names}."
    return text


def arm_notes(findings: Findings) -> list[str]:
    """Notes on arms that were run, on rows that the evaluation contains, then on the study."""
    known = [f"{arm.name}: {arm.note}" for arm in findings.arms if arm.note and arm.seeds]
    shared = [f"{one.summary} {' '.join(one.notes)}" for one in findings.overlaps]
    return known + shared + list(findings.notes)


def power_lines(findings: Findings) -> list[tuple[str, ...]]:
    """What it takes to see a point: question, seeds, images, the smallest difference seen, and needs."""

    def needed(number: int | None) -> str:
        return "none suffices" if number is None else f"{number:,}"

    return [
        (
            one.title,
            f"{one.seeds:,}",
            f"{one.images:,}",
            f"{one.smallest * 100:.1f}",
            *map(needed, (one.seeds_needed, one.images_needed, one.seeds_with_more)),
        )
        for one in findings.power
    ]


def others(findings: Findings) -> list[tuple[str, list[Outcome]]]:
    """The questions after the main one, by task and scoring."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in findings.questions[1:]:
        groups.setdefault(f"{outcome.task}, {outcome.scoring}", []).append(outcome)
    return list(groups.items())


def side_by_side(findings: Findings, outcomes: list[Outcome]) -> list[tuple[Line, ...]]:
    """The lines of several questions, arm by arm, for compact tables."""
    return list(zip(*(outcome_lines(findings, outcome) for outcome in outcomes), strict=True))


def with_ends(estimate: Estimate, scale: float, *, sign: bool = False) -> str:
    """A value with its interval: `45.2 (43.1 to 47.0)`; with `sign`, `+1.2 (-0.3 to +2.7)`."""

    def one(part: float) -> str:
        return signed(part * scale, scale) if sign else f"{part * scale:.{decimals(scale)}f}"

    value = one(estimate.value)
    return f"{value} ({' to '.join(map(one, estimate.ends))})" if estimate.ends else value


def described(value: Any) -> str:
    """A value of the machine's facts in words: `cores 2, device cpu, torch 2.13.0`."""
    if isinstance(value, Mapping):
        return ", ".join(
            described(part) if isinstance(part, Mapping) else f"{name} {described(part)}"
            for name, part in value.items()
        )
    if isinstance(value, list | tuple):
        return ", ".join(map(described, value))
    return number(value) if isinstance(value, float) else str(value)


def _line(findings: Findings, outcome: Outcome, arm: ArmResult, figure: Figure | None) -> Line:
    kind: Kind = "missing"
    value, verdict, difference = "", "", ""
    if figure is None:
        mean = "not measured" if arm.seeds else f"not run: {arm.note}" if arm.note else "not run"
    else:
        kind, change = "unclear", figure.difference
        value = f"{figure.value.value * outcome.scale:.{decimals(outcome.scale)}f}"
        mean, verdict = with_ends(figure.value, outcome.scale), figure.verdict
        if findings.baseline in (arm.name, arm.series):
            kind, difference = "baseline", "baseline"
        elif change is not None:
            kind, difference = (
                change_kind(change, outcome.better),
                with_ends(change, outcome.scale, sign=True),
            )
    rows, seeds, cost = _arm_words(arm)
    return Line(arm, figure, kind, rows, seeds, cost, value, mean, difference, verdict)


def _arm_words(arm: ArmResult) -> tuple[str, str, str]:
    """Rows, seeds and cost of an arm."""
    if not arm.preset:
        return "not tuned", "", ""
    rows = f"{arm.rows:,} (all)" if arm.whole else f"{arm.rows:,}"
    if not arm.rows:
        rows = "all" if arm.whole else ""
    if not arm.seeds:
        return rows, "", ""
    seeds = f"{arm.seeds}"
    if arm.subsets != arm.seeds:
        seeds += f" on {arm.subsets} {'subset' if arm.subsets == 1 else 'subsets'}"
    return rows, seeds, f"{duration(arm.seconds)}, {arm.steps:,} steps"


def _others(findings: Findings, others: Sequence[Outcome]) -> list[str]:
    kinds = [
        line.kind
        for outcome in others
        for line in outcome_lines(findings, outcome)
        if line.change is not None
    ]
    if not kinds:
        return []
    better, worse, number_of = kinds.count("better"), kinds.count("worse"), len(others)
    where = "In the other question" if number_of == 1 else f"In the other {number_of} questions"
    return [
        f"{where}, {better + worse} of {len(kinds)} differences were seen: {better} better, {worse} worse."
    ]
