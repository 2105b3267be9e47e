"""Findings as one HTML file that loads nothing and sends nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

from markupsafe import Markup

from finegold.errors import DataError
from finegold.judging import Judgement
from finegold.report.html import stylesheet, template
from finegold.report.judge import section
from finegold.report.study.findings import ArmResult, Example, Findings, decimals
from finegold.report.study.plots import difference_chart, gain_charts, size_chart
from finegold.report.study.words import (
    about,
    arm_notes,
    described,
    duration,
    facts,
    lines,
    others,
    printable,
    short,
    summary,
)
from finegold.report.thumbnails import thumbnail
from finegold.samples.images import decode
from finegold.samples.sample import ImageRef

FIRST = 12
"""Examples that are shown before the reader asks for more."""
_PACKAGE = "finegold.report"


@dataclass(frozen=True, slots=True)
class _Said:
    """One arm's answer in an example; `better` if its score is the better of the two."""

    arm: str
    answer: str
    score: str
    better: bool


@dataclass(frozen=True, slots=True)
class _Card:
    """One example: `thumbnail` is None where the image cannot be read."""

    example: Example
    thumbnail: bytes | None
    said: tuple[_Said, _Said]


@dataclass(frozen=True, slots=True)
class _Cost:
    """What one arm's training took: words, and its share of the dearest arm's."""

    arm: ArmResult
    each: str
    total: str
    share: float


@dataclass(frozen=True, slots=True)
class _Judged:
    """One pair of arms: counts in words, and the section of `finegold.judging`."""

    title: str
    counts: str
    body: Markup


def render(findings: Findings) -> str:
    """The study as one HTML page.

    Every text is escaped. A content security policy forbids every request and every script. An example's
    image that cannot be read is shown as a placeholder.

    Raises:
        DataError: If a judgement is not what `Judgement.as_json` makes.
    """
    main = findings.questions[0] if findings.questions else None
    ran = [arm for arm in findings.arms if arm.preset and arm.seeds]
    return template("study.html", _PACKAGE).render(
        findings=findings,
        style=stylesheet() + Markup(_read("study.css")),
        main=main,
        summary=summary(findings),
        facts=[fact for fact in facts(findings) if fact[0] != "machine"],
        machine=[_fact(name, value) for name, value in findings.machine.items()],
        lines=partial(lines, findings),
        about=about,
        spread=lambda value, scale: f"{value * scale:.{decimals(scale)}f}",
        short=partial(short, findings),
        sizes=None if main is None else size_chart(findings, main),
        differences=None if main is None else difference_chart(findings, main),
        others=others(findings),
        costs=_costs(ran),
        runs=sum(arm.seeds for arm in ran),
        in_all=duration(sum(arm.seconds * arm.seeds for arm in ran)),
        gains=gain_charts(findings),
        judged=[_judged(value, number) for number, value in enumerate(findings.judgements, 1)],
        cards=[_card(findings, example) for example in findings.examples],
        first=FIRST,
        notes=arm_notes(findings),
    )


def _read(name: str) -> str:
    return resources.files(_PACKAGE).joinpath("templates", name).read_text("utf-8")


def _fact(name: str, value: Any) -> tuple[str, str]:
    if name == "seconds" and isinstance(value, int | float):
        return "time in all", duration(value)
    return name, described(value)


def _costs(arms: list[ArmResult]) -> list[_Cost]:
    dearest = max((arm.seconds for arm in arms), default=0.0)
    return [
        _Cost(
            arm,
            duration(arm.seconds),
            duration(arm.seconds * arm.seeds),
            arm.seconds / dearest if dearest else 0.0,
        )
        for arm in arms
    ]


def _judged(value: Mapping[str, Any], number: int) -> _Judged:
    judgement = Judgement.from_json(value)
    found = judgement.overall()
    return _Judged(
        f"{judgement.a} against {judgement.b}",
        f"{found.wins} wins, {found.ties} ties, {found.losses} losses",
        Markup(section(judgement, f"judge-{number}")),
    )


def _card(findings: Findings, example: Example) -> _Card:
    main = findings.questions[0] if findings.questions else None
    scale = 1.0 if main is None else main.scale
    sign = -1 if main is not None and main.better == "lower" else 1
    ahead = sign * (example.first_score - example.second_score)

    def score(value: float) -> str:
        return f"{value * scale:.{decimals(scale)}f}"

    return _Card(
        example,
        _thumbnail(example.image),
        (
            _Said(example.first, example.first_answer, score(example.first_score), ahead > 0),
            _Said(example.second, example.second_answer, score(example.second_score), ahead < 0),
        ),
    )


def _thumbnail(image: str) -> bytes | None:
    # A path with a null character is no path: the file system would raise ValueError.
    try:
        return thumbnail(decode(ImageRef(printable(image), path=Path(image))))
    except (DataError, OSError, ValueError):
        return None
