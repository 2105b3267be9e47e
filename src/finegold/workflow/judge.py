"""Judging two files of answers into a folder, as `finegold judge` does: verdicts, their page, their audit."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from finegold.judging import (
    AnswerSet,
    Judgement,
    JudgeQuestion,
    JudgeSettings,
    canary_questions,
    canary_sets,
    judge_canaries,
    judge_in_session,
    plan_judging,
    read_answer_set,
    read_judge_questions,
)
from finegold.llm import Plan, Session, model_from, session_from
from finegold.report.html import write_html
from finegold.report.judge import judgement_page
from finegold.report.judged import JUDGE, JUDGED, JudgedQuestion, judged_questions, write_judged
from finegold.run import folder_lock, write_sealed
from finegold.scorers.canary import parse_share


@dataclass(frozen=True, slots=True)
class JudgeTask:
    """What is judged and how, read and checked before the first call.

    Attributes:
        a: The first set of answers; a win is a win of these.
        b: The second set.
        questions: The questions with their contexts and images.
        settings: How the judge is called.
        planted: Questions that get canaries.
    """

    a: AnswerSet
    b: AnswerSet
    questions: list[JudgeQuestion]
    settings: JudgeSettings
    planted: list[JudgeQuestion]

    @classmethod
    def read(
        cls,
        a: Path,
        b: Path,
        questions: Path,
        *,
        context: Path | None = None,
        images: Path | None = None,
        model: str | None = None,
        temperature: float | None = 0.0,
        max_new_tokens: int = 512,
        canary: str | None = None,
        bootstrap_seed: int = 0,
    ) -> "JudgeTask":
        """Read the files; the arguments are those of `judge`."""
        read = read_judge_questions(questions, context, images)
        settings = JudgeSettings(
            model_from(model),
            None if temperature is not None and temperature < 0 else temperature,
            max_new_tokens,
            seed=bootstrap_seed,
            with_images=images is not None,
        )
        planted = [] if canary is None else canary_questions(read, parse_share(canary))
        return cls(read_answer_set(a, read), read_answer_set(b, read), read, settings, planted)

    def plan(self, session: Session) -> Plan:
        """The calls and their price; sends nothing."""
        plan = Plan(session.cache, session.limits)
        plan_judging(self.a, self.b, self.questions, self.settings, plan)
        for other in canary_sets(self.a, self.planted) if self.planted else ():
            plan_judging(self.a, other, self.planted, self.settings, plan)
        return plan

    def run(self, session: Session, out: Path) -> Judgement:
        """Judge, and write the verdicts and their page to a folder."""
        # Before the first call: two judges at once would both pay for the same verdicts.
        with folder_lock(out, "give --out another folder"):
            found = judge_in_session(self.a, self.b, self.questions, session, self.settings)
            if self.planted:
                # Not in the audit of the verdicts, which --replay counts.
                apart = replace(session, audit=out / "canary.jsonl")
                canaries = judge_canaries(self.a, self.planted, apart, self.settings)
                found = replace(found, canaries=canaries)
            write_judgement(found, out, judged_questions(found, self.a, self.b, self.questions))
        return found


def write_judgement(found: Judgement, out: Path, questions: Sequence[JudgedQuestion] = ()) -> None:
    """Write `judge.json`, `judge.html` and, if the questions are known, `judged.jsonl` to a folder."""
    out.mkdir(parents=True, exist_ok=True)
    (out / JUDGED).unlink(missing_ok=True)  # of an earlier judgement
    write_sealed(out / JUDGE, found.as_json())
    if questions:
        write_judged(out / JUDGED, questions)
    write_html(judgement_page(found, questions), out / "judge.html")


def judge(
    a: str | Path,
    b: str | Path,
    questions: str | Path,
    out: str | Path,
    *,
    context: str | Path | None = None,
    images: str | Path | None = None,
    model: str | None = None,
    temperature: float | None = 0.0,
    max_new_tokens: int = 512,
    retry_failed: bool = False,
    canary: str | None = None,
    bootstrap_seed: int = 0,
    **endpoint: Any,
) -> Judgement:
    """Ask a judge which of two answers to each question is better, in both orders. No call is paid for twice.

    Args:
        a: Answers, JSON lines with `question_id` and `text`; a win is a win of these.
        b: Answers to compare with.
        questions: Questions of LLaVA-Bench, JSON lines, joined on `question_id`.
        out: Folder for judge.json, judged.jsonl, judge.html and audit.jsonl.
        context: Descriptions of the images for the judge, JSON lines.
        images: Folder of the images: they are shown to the judge and on the page.
        model: Name of the judge at the endpoint; None takes FINEGOLD_LLM_MODEL.
        temperature: Temperature of the judge; None uses the endpoint's default.
        max_new_tokens: Number of tokens at which a reply is cut.
        retry_failed: Whether calls are sent again whose replies hold no verdict.
        canary: Share of the questions, such as `2%`, on which wrong answers and demands are planted.
        bootstrap_seed: Seed of the bootstrap.
        endpoint: Options of the endpoint such as `base_url`, `max_calls`, `max_usd`: see `session_from`.

    Raises:
        DataError: If a file cannot be read, or a question has no answer.
        ConfigError: If the endpoint or its model is not named, or an option makes no sense.
    """
    folder = Path(out)
    task = JudgeTask.read(
        Path(a),
        Path(b),
        Path(questions),
        context=None if context is None else Path(context),
        images=None if images is None else Path(images),
        model=model,
        temperature=temperature,
        max_new_tokens=max_new_tokens,
        canary=canary,
        bootstrap_seed=bootstrap_seed,
    )
    return task.run(session_from(**endpoint, audit=folder / "audit.jsonl", retry=retry_failed), folder)
