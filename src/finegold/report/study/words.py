"""Findings in words and numbers, the same in every table and on the page."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from finegold.report.charts import number
from finegold.report.study.findings import ArmResult, Figure, Findings, Interval, Outcome, decimals, signed

Kind = Literal["baseline", "better", "worse", "unclear", "missing"]
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Line:
    """One arm in the table of one question.

    Attributes:
        arm: What it is.
        figure: Its number; None if there is none.
        kind: `better` and `worse` only where the interval of the difference leaves zero out.
        rows: In words, as are all below.
        seeds: With the number of different subsets where it is another.
        cost: Training time of one seed, and steps.
        mean: With its interval; why there is none where there is none.
        difference: To the baseline, with its interval; empty if there is none.
        verdict: As the figure says it.
    """

    arm: ArmResult
    figure: Figure | None
    kind: Kind
    rows: str
    seeds: str
    cost: str
    mean: str
    difference: str
    verdict: str


def lines(findings: Findings, question: Outcome) -> list[Line]:
    """Every arm of the study, those without a number too, in the study's order."""
    figures = {figure.arm: figure for figure in question.figures}
    return [_line(findings, question, arm, figures.get(arm.name)) for arm in findings.arms]


def kind(findings: Findings, question: Outcome, figure: Figure | None) -> Kind:
    """What a number is beside the baseline."""
    if figure is None:
        return "missing"
    if figure.arm == findings.baseline:
        return "baseline"
    if not figure.seen or figure.difference is None:
        return "unclear"
    return "better" if (figure.difference.value > 0) == (question.better == "higher") else "worse"


def summary(findings: Findings) -> list[str]:
    """What was found, in sentences: the main question, then how often the others saw a difference."""
    if not findings.questions:
        return ["Nothing was measured."]
    main, base = findings.questions[0], findings.baseline
    found = lines(findings, main)
    reached = next((line.mean for line in found if line.kind == "baseline"), None)
    says = f"On {main.title} ({main.images:,} images, {main.better} is better)"
    sentences = [
        f"{says}, {base} reaches {reached}."
        if reached is not None
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
    unclear = [line for line in found if line.kind == "unclear" and line.difference]
    for words, named in (
        (f"No difference to {base} seen", [line for line in unclear if _has_ends(line)]),
        ("Without an interval", [line for line in unclear if not _has_ends(line)]),
        ("Could not be run", [line for line in found if not line.figure and not line.arm.seeds]),
        ("Not measured here", [line for line in found if not line.figure and line.arm.seeds]),
    ):
        if named:
            sentences.append(f"{words}: {', '.join(line.arm.name for line in named)}.")
    return sentences + _others(findings)


def facts(findings: Findings) -> list[tuple[str, str]]:
    """Model, recipe, how intervals are made, and the machine, each with its name."""
    level = f"{findings.level * 100:g}%"
    return [
        ("model", findings.model),
        ("recipe", findings.recipe),
        (
            "intervals",
            f"numbers are means over an arm's seeds with {level} intervals, from a percentile bootstrap that "
            f"draws seeds and images with replacement; differences are to {findings.baseline}, both arms on "
            "the same drawn images; no interval is widened for the number of arms",
        ),
        *([("machine", described(findings.machine))] if findings.machine else []),
    ]


def introduction(findings: Findings) -> list[str]:
    """What was asked, of which model, with which recipe, how intervals are made, on which machine."""
    named = [f"{name.capitalize()}: {text}" for name, text in facts(findings) if text]
    return [_ended(text) for text in (findings.about, *named) if text.strip()]


def about(question: Outcome) -> str:
    """What stands under a question's table."""
    parts = [f"{question.images:,} images", f"{question.items:,} items", f"{question.better} is better"]
    if question.scale != 1:
        parts.append(f"numbers are times {question.scale:g}")
    text = ", ".join(parts) + "."
    if question.used_to_fit:
        names = ", ".join(question.used_to_fit)
        text += f" Fitted on this task, so no independent test of it: {names}."
    return text


def arm_notes(findings: Findings) -> list[str]:
    """What to know of arms that were run, then of the study."""
    known = [f"{arm.name}: {arm.note}" for arm in findings.arms if arm.note and arm.seeds]
    return known + list(findings.notes)


def others(findings: Findings) -> list[tuple[str, list[Outcome]]]:
    """The questions after the main one, by task and scoring."""
    groups: dict[str, list[Outcome]] = {}
    for question in findings.questions[1:]:
        groups.setdefault(f"{question.task}, {question.scoring}", []).append(question)
    return list(groups.items())


def short(findings: Findings, question: Outcome, arm: ArmResult) -> tuple[str, str, Kind]:
    """For compact tables: the mean, the difference with its interval, and what it is."""
    figure = next((figure for figure in question.figures if figure.arm == arm.name), None)
    what = kind(findings, question, figure)
    if figure is None:
        return "", "", what
    mean = f"{figure.value.value * question.scale:.{decimals(question.scale)}f}"
    change = "" if figure.difference is None else with_ends(figure.difference, question.scale, sign=True)
    return mean, change, what


def with_ends(value: Interval, scale: float, *, sign: bool = False) -> str:
    """`45.2 (43.1 to 47.0)`; with `sign`, `+1.2 (-0.3 to +2.7)`."""

    def one(part: float) -> str:
        return signed(part * scale, scale) if sign else f"{part * scale:.{decimals(scale)}f}"

    if value.low is None or value.high is None:
        return one(value.value)
    return f"{one(value.value)} ({one(value.low)} to {one(value.high)})"


def duration(seconds: float) -> str:
    """`0.4 s`, `41 s`, `3.2 min`, `1.5 h`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    if seconds < 5970:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:,.1f} h"


def described(value: Any) -> str:
    """A value of the machine's facts in words: `cores 2, device cpu, torch 2.13.0`."""
    if isinstance(value, Mapping):
        parts = []
        for name, part in value.items():
            if name == "seconds" and isinstance(part, int | float):
                parts.append(f"{duration(part)} in all")
            elif isinstance(part, Mapping):
                parts.append(described(part))
            else:
                parts.append(f"{name} {described(part)}")
        return ", ".join(parts)
    if isinstance(value, list | tuple):
        return ", ".join(described(part) for part in value)
    return number(value) if isinstance(value, float) else str(value)


def printable(text: str) -> str:
    """One line that UTF-8 can hold: control characters become spaces, lone surrogates their escapes."""
    line = _UNPRINTABLE.sub(" ", text).strip()
    return line.encode("utf-8", "backslashreplace").decode("utf-8")


def _line(findings: Findings, question: Outcome, arm: ArmResult, figure: Figure | None) -> Line:
    what = kind(findings, question, figure)
    if figure is None:
        note = arm.note if not arm.seeds else ""
        mean = "not measured" if arm.seeds else "not run"
        mean, change = f"{mean}: {note}" if note else mean, ""
    else:
        mean = with_ends(figure.value, question.scale)
        change = "" if figure.difference is None else with_ends(figure.difference, question.scale, sign=True)
    return Line(
        arm,
        figure,
        what,
        _rows(arm),
        _seeds(arm),
        _cost(arm),
        mean,
        "baseline" if what == "baseline" else change,
        "" if figure is None else figure.verdict,
    )


def _has_ends(line: Line) -> bool:
    difference = None if line.figure is None else line.figure.difference
    return difference is not None and difference.low is not None


def _rows(arm: ArmResult) -> str:
    if not arm.preset:
        return "not tuned"
    if not arm.rows:
        return "all" if arm.whole else ""
    return f"{arm.rows:,} (all)" if arm.whole else f"{arm.rows:,}"


def _seeds(arm: ArmResult) -> str:
    if not arm.preset or not arm.seeds:
        return ""
    if arm.subsets == arm.seeds:
        return f"{arm.seeds}"
    return f"{arm.seeds} on {arm.subsets} {'subset' if arm.subsets == 1 else 'subsets'}"


def _cost(arm: ArmResult) -> str:
    if not arm.preset or not arm.seeds:
        return ""
    return f"{duration(arm.seconds)}, {arm.steps:,} steps"


def _others(findings: Findings) -> list[str]:
    kinds = [
        kind(findings, question, figure)
        for question in findings.questions[1:]
        for figure in question.figures
        if figure.difference is not None
    ]
    if not kinds:
        return []
    better, worse, number_of = kinds.count("better"), kinds.count("worse"), len(findings.questions) - 1
    where = "In the other question" if number_of == 1 else f"In the other {number_of} questions"
    return [
        f"{where}, {better + worse} of {len(kinds)} differences were seen: {better} better, {worse} worse."
    ]


def _ended(text: str) -> str:
    text = text.strip()
    return text if text[-1] in ".!?" else f"{text}."
