"""What a study found: plain data that tables, plots and the report are made from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from finegold.run.cards import card
from finegold.statistics import Estimate

Better = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True)
class ArmResult:
    """An arm: what was compared, and what it cost.

    Attributes:
        name: Name of the arm, unique in the study.
        preset: How its rows were chosen, and of what if not of the study's rows; empty for a model that was
            not tuned.
        rows: Rows trained on; 0 for a model that was not tuned.
        seeds: Number of finished seeds; 0 if the arm could not be run.
        subsets: Number of different sets of rows among the seeds.
        steps: Training steps of one seed.
        seconds: Mean training time of a seed, seconds.
        note: Why it was not run, or what to know.
        whole: Whether it was tuned on every usable row, so that its preset chose nothing.
        series: Name that it shares with arms of other sizes; empty for none.
    """

    name: str
    preset: str
    rows: int
    seeds: int
    subsets: int
    steps: int
    seconds: float
    note: str = ""
    whole: bool = False
    series: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """One arm's number in one question.

    Attributes:
        arm: Name of the arm.
        value: Mean over seeds; interval over seeds and images.
        spread: Standard deviation over the seeds; None for one seed.
        difference: Difference to the baseline, over the same images; None for the baseline itself.
        verdict: The difference in words: `no difference seen: -0.4 to +0.9`, `better by 1.2 (0.3 to 2.1)`;
            empty for the baseline.
        seen: Whether the difference's interval does not hold zero.
    """

    arm: str
    value: Estimate
    spread: float | None
    difference: Estimate | None
    verdict: str
    seen: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """One metric of one task, for every arm that was run: one table.

    Attributes:
        task: Name of the task, such as `flickr30k`.
        scoring: `strict`, `ehub`, `loss`, or `lmms-eval`.
        metric: Name of the metric, such as `CIDEr-D` or `loss, right image`.
        better: Which direction is better.
        scale: Factor of the numbers when shown: 100 for CIDEr and shares, 1 for losses in nats per token.
        images: Number of images behind it.
        items: Number of items behind it.
        figures: One for each arm that was run, in the study's order.
        used_to_fit: Published selectors that were fitted on this task.
    """

    task: str
    scoring: str
    metric: str
    better: Better
    scale: float
    images: int
    items: int
    figures: tuple[Figure, ...]
    used_to_fit: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Task, scoring and metric: `flickr30k, strict: CIDEr-D`."""
        return f"{self.task}, {self.scoring}: {self.metric}"


@dataclass(frozen=True, slots=True)
class TaskLine:
    """An arm in the table of all tasks. Scores are times 100, as papers print them.

    Attributes:
        arm: Name of the arm.
        scores: Score of each task.
        gains: Score minus the baseline's, of each task; None for the baseline itself.
        average: Mean of the scores over the tasks.
        gain: Average minus the baseline's; None for the baseline itself.
        relative: Mean over the tasks of score over the full-data arm's score, in percent; None without a
            full-data arm.
    """

    arm: str
    scores: tuple[Estimate, ...]
    gains: tuple[Estimate, ...] | None
    average: Estimate
    gain: Estimate | None
    relative: Estimate | None


@dataclass(frozen=True, slots=True)
class TaskTable:
    """All tasks in one table, as the paper's Table 4: arms in lines, tasks in columns.

    Attributes:
        scoring: `ehub`, `strict` or `lmms-eval`.
        tasks: Names of the tasks.
        metrics: Metric of each task.
        baseline: Arm that gains are over.
        whole: Arm of the full data, which relative performance is over; None if the study has none.
        lines: The arms that were run, in the study's order.
        left_out: Tasks that relative performance leaves out, because the full-data arm scores 0 there.
        performance: The relative performance of every arm, beside the baseline; None without a full-data arm.
    """

    scoring: str
    tasks: tuple[str, ...]
    metrics: tuple[str, ...]
    baseline: str
    whole: str | None
    lines: tuple[TaskLine, ...]
    left_out: tuple[str, ...] = ()
    performance: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Power:
    """How small a difference to the baseline a study can see in a question, and what a smaller one takes.

    Attributes:
        title: The question.
        seeds: Seeds of an arm.
        images: Images of the question.
        smallest: The difference that is seen four times out of five, unscaled.
        difference: A difference that is asked about, unscaled.
        seeds_needed: Seeds of each arm that see it over these images; None if no number does.
        images_needed: Images over which these seeds see it; None if no number does.
        seeds_with_more: Seeds of each arm that see it over ten times as many images; None if no number does.
    """

    title: str
    seeds: int
    images: int
    smallest: float
    difference: float
    seeds_needed: int | None
    images_needed: int | None
    seeds_with_more: int | None


@dataclass(frozen=True, slots=True)
class Gain:
    """What an arm gains over the baseline on the images of one cluster of the pool, in the first question.

    Attributes:
        arm: Name of the arm.
        cluster: Number of the pool's cluster that the images are nearest to.
        images: Number of these images.
        difference: Arm minus baseline, the sign turned so that more is better.
    """

    arm: str
    cluster: int
    images: int
    difference: Estimate


@dataclass(frozen=True, slots=True)
class Example:
    """One image where two arms differ much: what both said (first seeds).

    Attributes:
        image: File of the image.
        prompt: Prompt that the models were given.
        first: Name of one arm.
        second: Name of the other arm.
        first_answer: Answer of the one arm.
        second_answer: Answer of the other arm.
        first_score: Score of the first answer in the first question, unscaled.
        second_score: Score of the second answer in the first question, unscaled.
        reference: One of the references.
        judge: The judge's words about the two; empty if there are none.
    """

    image: str
    prompt: str
    first: str
    second: str
    first_answer: str
    second_answer: str
    first_score: float
    second_score: float
    reference: str
    judge: str = ""


@dataclass(frozen=True, slots=True)
class PoolOverlap:
    """Rows of a dataset that have an image or a text of an item of the evaluation; no arm has them.

    Attributes:
        data: Name of the dataset.
        usable: Number of its usable rows.
        notes: How many of them each task excluded, a sentence a task.
        rows: Id of each of them, and why, in the dataset's order.
    """

    data: str
    usable: int
    notes: tuple[str, ...]
    rows: tuple[tuple[str, str], ...]

    @property
    def summary(self) -> str:
        """How many there are, in a sentence."""
        if not self.rows:
            what = "to have an image or a text of an item of the evaluation"
            return f"No usable row of {self.data} was found {what}."
        return (
            f"{len(self.rows):,} of the {self.usable:,} usable rows of {self.data} have an image or a text "
            "of an item of the evaluation: no arm was given them."
        )


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything that a study found.

    Attributes:
        name: Name of the study.
        about: The question of the study, in a sentence.
        baseline: Name of the arm that differences are to, or of the arms of several sizes, of which each arm
            is compared with the one of its size.
        model: Model that was tuned.
        recipe: Recipe that it was tuned with.
        level: Share of the replicates inside an interval.
        arms: The arms in the study's order.
        questions: A table for each metric, the main one first.
        gains: Gains by arm and cluster; empty without clusters.
        examples: Examples of the first question by size of the difference, then those of the judge.
        judgements: `finegold.judging.Judgement.as_json()` of each judged pair of arms; `a` is the arm, `b`
            the baseline.
        machine: Cores, device, seconds in all, library versions.
        notes: What differs from what was requested.
        tables: All tasks in one table for each scoring; empty for a study of one task.
        overlaps: Rows of each dataset that items of the evaluation contain; empty if they were not looked
            for.
        power: What it takes to see a difference of one point, for the first metric of each task.
    """

    name: str
    about: str
    baseline: str
    model: str
    recipe: str
    level: float
    arms: tuple[ArmResult, ...]
    questions: tuple[Outcome, ...]
    gains: tuple[Gain, ...] = ()
    examples: tuple[Example, ...] = ()
    judgements: tuple[Mapping[str, Any], ...] = ()
    machine: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    tables: tuple[TaskTable, ...] = ()
    overlaps: tuple[PoolOverlap, ...] = ()
    power: tuple[Power, ...] = ()

    @property
    def main(self) -> Outcome | None:
        """What the study is about: relative performance over its tasks by the last, strict scoring.

        The first question where there is no relative performance; None if nothing was measured.
        """
        over_all = [table.performance for table in self.tables if table.performance is not None]
        return over_all[-1] if over_all else next(iter(self.questions), None)

    def _repr_html_(self) -> str:
        rows = {arm.name: (arm.rows, arm.seeds) for arm in self.arms}
        lines = [
            (question.title, one.arm, *rows[one.arm], one.value.value * question.scale, one.verdict)
            for question in self.questions
            for one in question.figures
        ]
        facts = {"question": self.about, "arms": len(self.arms), "baseline": self.baseline}
        facts |= {f"note {number}": note for number, note in enumerate(self.notes, 1)}
        heads = ("metric", "arm", "rows", "seeds", "mean", f"to {self.baseline}")
        return card(f"{self.name} with {self.model}", facts, heads, lines)


def change_kind(difference: Estimate, better: Better) -> Literal["better", "worse", "unclear"]:
    """What a difference says: unclear without an interval, or with one that holds zero."""
    if difference.ends is None or difference.ends[0] <= 0 <= difference.ends[1]:
        return "unclear"
    return "better" if (difference.value > 0) == (better == "higher") else "worse"


def verdict(difference: Estimate, better: Better, scale: float) -> tuple[str, bool]:
    """A difference in words, and whether one was seen.

    Args:
        difference: Arm minus baseline, unscaled.
        better: Which direction is better.
        scale: Factor of the numbers when shown.
    """
    if difference.ends is None:
        few = "one image or none" if difference.n < 2 else "one seed and no standard error"
        return f"no interval: {few}", False
    low, high = (end * scale for end in difference.ends)
    kind = change_kind(difference, better)
    if kind == "unclear":
        return f"no difference seen: {signed(low, scale)} to {signed(high, scale)}", False
    size, least, most = (
        f"{end:.{decimals(scale)}f}"
        for end in (abs(difference.value) * scale, *sorted((abs(low), abs(high))))
    )
    return f"{kind} by {size} ({least} to {most})", True


def decimals(scale: float) -> int:
    """Digits after the point: one for numbers times 100, three for losses."""
    return 1 if scale >= 10 else 3


def signed(value: float, scale: float) -> str:
    """A number with its sign, `+0.0` rather than `-0.0`."""
    text = f"{value:+.{decimals(scale)}f}"
    return "+" + text[1:] if float(text) == 0 else text
