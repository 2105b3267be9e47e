"""What a study found: plain data that tables, plots and the report are made from."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Better = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A number with the ends of its interval; no ends where nothing can be drawn."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class ArmResult:
    """What was compared, and what it cost.

    Attributes:
        name: Unique in the study.
        preset: How its rows were chosen, and of what if not of the study's rows; empty for a model that was
            not tuned.
        rows: Rows trained on; 0 for a model that was not tuned.
        seeds: Finished seeds; 0 if the arm could not be run.
        subsets: Different sets of rows among the seeds.
        steps: Training steps.
        seconds: Mean training time of a seed, seconds.
        note: Why it was not run, or what to know.
        whole: Whether it was tuned on every usable row, so that its preset chose nothing.
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


@dataclass(frozen=True, slots=True)
class Figure:
    """One arm's number in one question.

    Attributes:
        arm: Its name.
        value: Mean over seeds; interval over seeds and images.
        spread: Standard deviation over the seeds; None for one seed.
        difference: To the baseline, over the same images; None for the baseline itself.
        verdict: In words: `no difference seen: -0.4 to +0.9`, `better by 1.2 (0.3 to 2.1)`; empty for the
            baseline.
        seen: Whether the difference's interval leaves zero out.
    """

    arm: str
    value: Interval
    spread: float | None
    difference: Interval | None
    verdict: str
    seen: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """One metric of one task, for every arm that was run: one table.

    Attributes:
        task: Name of the task, such as `flickr30k`.
        scoring: `strict`, `ehub`, or `loss`.
        metric: Such as `CIDEr-D` or `loss, right image`.
        better: Which direction is better.
        scale: Numbers are shown times this: 100 for CIDEr and shares, 1 for losses in nats a token.
        images: Images behind it.
        items: Items behind it.
        figures: In the order of the study's arms.
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
        """`flickr30k, strict: CIDEr-D`."""
        return f"{self.task}, {self.scoring}: {self.metric}"


@dataclass(frozen=True, slots=True)
class Gain:
    """What an arm gains over the baseline on the images of one cluster of the pool, in the first question.

    Attributes:
        arm: Its name.
        cluster: Number of the pool's cluster that the images are nearest to.
        images: How many.
        difference: ArmResult minus baseline, the sign turned so that more is better.
    """

    arm: str
    cluster: int
    images: int
    difference: Interval


@dataclass(frozen=True, slots=True)
class Example:
    """One image where two arms differ much: what both said (first seeds).

    Attributes:
        image: File of the image.
        prompt: As given to the models.
        first: Name of one arm.
        second: Name of the other.
        first_answer: What it said.
        second_answer: What the other said.
        first_score: In the first question, unscaled.
        second_score: Likewise.
        reference: One of the references.
        judge: The judge's words about the two, if there are any.
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
class Findings:
    """Everything that a study found.

    Attributes:
        name: Of the study.
        about: What it asks, in a sentence.
        baseline: ArmResult that differences are to.
        model: What was tuned.
        recipe: How.
        level: Of the intervals.
        arms: In the study's order.
        questions: The main one first.
        gains: By arm and cluster; empty without clusters.
        examples: Largest differences first.
        judgements: `finegold.judging.Judgement.as_json()` of each judged pair of arms; `a` is the arm, `b`
            the baseline.
        machine: Cores, device, seconds in all, library versions.
        notes: What was not done as asked.
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

    def as_json(self) -> dict[str, Any]:
        """Everything as JSON: `findings.json`."""
        return {"schema": "finegold/study/1", **asdict(self)}


def verdict(difference: Interval, better: Better, scale: float) -> tuple[str, bool]:
    """A difference in words, and whether one was seen.

    Args:
        difference: ArmResult minus baseline, unscaled.
        better: Which direction is better.
        scale: Numbers are shown times this.
    """
    if difference.low is None or difference.high is None:
        return "no interval: one image or none", False
    low, high = difference.low * scale, difference.high * scale
    if low <= 0 <= high:
        return f"no difference seen: {signed(low, scale)} to {signed(high, scale)}", False
    higher = difference.value > 0
    word = "better" if higher == (better == "higher") else "worse"
    ends = sorted((abs(low), abs(high)))
    size, least, most = (f"{end:.{decimals(scale)}f}" for end in (abs(difference.value) * scale, *ends))
    return f"{word} by {size} ({least} to {most})", True


def decimals(scale: float) -> int:
    """Digits after the point: one for numbers times 100, three for losses."""
    return 1 if scale >= 10 else 3


def signed(value: float, scale: float) -> str:
    """With its sign, `+0.0` rather than `-0.0`."""
    text = f"{value:+.{decimals(scale)}f}"
    return "+" + text[1:] if float(text) == 0 else text
