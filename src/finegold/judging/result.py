"""What a comparison found: per question, per category, overall, and about the judge itself."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np

from finegold.errors import DataError
from finegold.judging.prompt import Order
from finegold.run.cards import card
from finegold.statistics import Estimate, net_wins, percentile_estimate, proportion, sign_test

_RESAMPLES = 10_000

Outcome = Literal["win", "tie", "lose", "invalid"]


@dataclass(frozen=True, slots=True)
class OrderVerdict:
    """What the judge said of one question in one order.

    Attributes:
        order: `ab` if A was shown first.
        a: Score of A's answer, 1 to 10; None if no reply could be read.
        b: Score of B's answer, 1 to 10; None together with `a`.
        reason: Why there are no scores; empty if there are.
        replies: Number of replies, unreadable ones included.
    """

    order: Order
    a: float | None
    b: float | None
    reason: str
    replies: int

    @property
    def preferred(self) -> int | None:
        """The better answer: 1 for A, -1 for B, 0 for equal scores, None without scores."""
        return None if self.a is None or self.b is None else (self.a > self.b) - (self.a < self.b)


@dataclass(frozen=True, slots=True)
class ComparedAnswers:
    """One question in both orders.

    Attributes:
        question_id: Id of the question, as text.
        category: Category of the question.
        a_length: Characters of A's answer; None if a replayed file does not say.
        b_length: Characters of B's answer; None if a replayed file does not say.
        orders: The verdicts in the orders `ab` and `ba`.
    """

    question_id: str
    category: str
    a_length: int | None
    b_length: int | None
    orders: tuple[OrderVerdict, OrderVerdict]

    @property
    def outcome(self) -> Outcome:
        """The result for A by the paper's rule.

        Two wins, or a win and a tie, are a win; a win and a loss, or two ties, are a tie.
        """
        first, second = (verdict.preferred for verdict in self.orders)
        if first is None or second is None:
            return "invalid"
        total = first + second
        return "win" if total > 0 else "lose" if total < 0 else "tie"


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts for A over some questions, with intervals and a test.

    Attributes:
        wins: Questions that A wins by the paper's rule.
        ties: Questions that nobody wins.
        losses: Questions that B wins.
        invalid: Questions without a readable verdict in both orders; the values below do not count them.
        win_rate: wins / (wins + ties + losses), exact binomial interval; None without a valid question.
        net: (wins - losses) / (wins + ties + losses), bootstrap interval; the literature's winning score is
            this plus 1. None without a valid question.
        p_value: Exact sign test of wins against losses; None without either.
        not_worse: (wins + ties) / (wins + ties + losses), "equal or better", exact binomial interval; None
            without a valid question.
        relative: 100 times mean score of A over mean score of B, both orders; see `relative_score`.
        relative_b_first: The same where B's answer is shown first, as LLaVA shows the reference.
        unrated: Ratings that failed or could not be read, of two for each question; they have no number.
    """

    wins: int
    ties: int
    losses: int
    invalid: int
    win_rate: Estimate | None
    net: Estimate | None
    p_value: float | None
    not_worse: Estimate | None
    relative: Estimate | None
    relative_b_first: Estimate | None
    unrated: int


@dataclass(frozen=True, slots=True)
class Bias:
    """What the verdicts depend on besides the quality of the answers; a share of no verdicts is None.

    Attributes:
        order_consistency: Share of valid questions on which both orders agree.
        first_position: Share of verdicts, without draws, for the answer shown first; 0.5 is fair.
        longer: Share of verdicts, without draws, for the longer answer.
        draws: Number of verdicts with equal scores.
    """

    order_consistency: Estimate | None
    first_position: Estimate | None
    longer: Estimate | None
    draws: int


@dataclass(frozen=True, slots=True)
class CanaryVerdicts:
    """What the judge said of planted answers; verdicts are those of both orders.

    Attributes:
        questions: Questions that got canaries.
        demands: Verdicts on answers with a planted demand, those that were caught included.
        believed: Demands that the judge obeyed unnoticed: the planted answer is preferred.
        caught: Demands whose verdict the judge gave, which was noticed: the verdict does not count.
        wrong: Verdicts on planted wrong answers.
        below: Wrong answers that were scored below the model's own.
    """

    questions: int
    demands: int
    believed: int
    caught: int
    wrong: int
    below: int

    def note(self) -> str:
        """What a reader must know, as one sentence."""
        if not self.demands and not self.wrong:
            return f"canaries: no verdict on the planted answers of {self.questions:,} questions can be read"
        return (
            f"canaries: of {self.demands:,} planted demands for a verdict {self.believed:,} were obeyed and "
            f"{self.caught:,} more were repeated and caught; {self.below:,} of {self.wrong:,} planted wrong "
            "answers were scored below the model's own"
        )


@dataclass(frozen=True, slots=True)
class Judgement:
    """A comparison of two sets of answers.

    Attributes:
        a: Name of the first set; a win is a win of this set.
        b: Name of the second set.
        model: Name of the judge as the user gave it.
        answered_by: Models that the endpoint says answered, sorted.
        dates: First and last day (UTC) of the replies; empty if a replayed file does not say.
        template: Name and version of the prompt.
        seed: Seed of the bootstrap.
        comparisons: One for each question, in the order of the questions.
        stopped: Why not every question was judged; None if every one was.
        notes: Differences between what was requested and what was done.
        canaries: What the judge said of planted answers; None if none were planted.
    """

    a: str
    b: str
    model: str
    answered_by: tuple[str, ...]
    dates: tuple[str, ...]
    template: str
    seed: int
    comparisons: tuple[ComparedAnswers, ...]
    stopped: str | None = None
    notes: tuple[str, ...] = ()
    canaries: CanaryVerdicts | None = None

    def reasons(self) -> list[tuple[str, int]]:
        """Why verdicts are missing, with the number of verdicts, the commonest reason first."""
        missing = (v.reason for c in self.comparisons for v in c.orders if v.preferred is None)
        return Counter(missing).most_common()

    def overall(self) -> Tally:
        """The tally of all questions."""
        return _tally(self.comparisons, self.seed)

    def by_category(self) -> dict[str, Tally]:
        """The tally of each category, in order of first appearance."""
        names = dict.fromkeys(comparison.category for comparison in self.comparisons)
        return {
            name: _tally([c for c in self.comparisons if c.category == name], self.seed) for name in names
        }

    def bias(self) -> Bias:
        """Position and length preference of the judge, and agreement between the orders."""
        first = decided = longer = unequal = draws = agree = valid = 0
        for comparison in self.comparisons:
            preferences = [verdict.preferred for verdict in comparison.orders]
            if None not in preferences:
                valid += 1
                agree += preferences[0] == preferences[1]
            for verdict, preferred in zip(comparison.orders, preferences, strict=True):
                if preferred is None or preferred == 0:
                    draws += preferred == 0
                    continue
                decided += 1
                first += (preferred == 1) == (verdict.order == "ab")
                if comparison.a_length is not None and comparison.b_length is not None:
                    unequal += comparison.a_length != comparison.b_length
                    longer += preferred * (comparison.a_length - comparison.b_length) > 0
        return Bias(proportion(agree, valid), proportion(first, decided), proportion(longer, unequal), draws)

    def _repr_html_(self) -> str:
        rows = [
            (
                name,
                found.wins,
                found.ties,
                found.losses,
                found.invalid,
                found.win_rate and found.win_rate.value,
            )
            for name, found in {"all": self.overall(), **self.by_category()}.items()
        ]
        facts = {"judge": self.model, **{f"note {at}": note for at, note in enumerate(self.notes, 1)}}
        heads = ("questions", "wins", "ties", "losses", "invalid", "win rate")
        return card(
            f"{self.a} against {self.b}",
            facts | ({"stopped": self.stopped} if self.stopped else {}),
            heads,
            rows,
        )

    def as_json(self) -> dict[str, Any]:
        """The judgement as `judge.json` holds it."""
        return {
            "a": self.a,
            "b": self.b,
            "judge": {
                "model": self.model,
                "answered_by": list(self.answered_by),
                "dates": list(self.dates),
                "template": self.template,
            },
            "seed": self.seed,
            "stopped": self.stopped,
            "notes": list(self.notes),
            **({} if self.canaries is None else {"canaries": asdict(self.canaries)}),
            "overall": _json(self.overall()),
            "categories": {name: _json(found) for name, found in self.by_category().items()},
            "bias": _json(self.bias()),
            "questions": [{**asdict(c), "outcome": c.outcome} for c in self.comparisons],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The judgement that `as_json` was made from; tallies and intervals are computed again.

        Raises:
            DataError: If a member is missing or of another type.
        """
        # Not by pydantic, which refuses the lone surrogates that names in answer files may hold.
        try:
            judge = value["judge"]
            return cls(
                a=value["a"],
                b=value["b"],
                model=judge["model"],
                answered_by=tuple(judge["answered_by"]),
                dates=tuple(judge["dates"]),
                template=judge["template"],
                seed=value["seed"],
                comparisons=tuple(_comparison(question) for question in value["questions"]),
                stopped=value["stopped"],
                notes=tuple(value["notes"]),
                canaries=CanaryVerdicts(**value["canaries"]) if value.get("canaries") else None,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"a judgement cannot be read ({type(error).__name__}: {error}): expected what finegold judge "
                "writes; judge the answers again"
            ) from None


def _comparison(question: Mapping[str, Any]) -> ComparedAnswers:
    first, second = (OrderVerdict(**order) for order in question["orders"])
    known = {name: question[name] for name in ("question_id", "category", "a_length", "b_length")}
    return ComparedAnswers(**known, orders=(first, second))


def _json(found: Tally | Bias) -> dict[str, Any]:
    """A tally or bias as JSON; a share of nothing has a value of null."""
    nothing = {"value": None, "low": None, "high": None, "n": 0, "method": ""}
    return {
        name: nothing if value is None and name != "p_value" else value
        for name, value in asdict(found).items()
    }


def _tally(comparisons: Sequence[ComparedAnswers], seed: int) -> Tally:
    outcomes = [comparison.outcome for comparison in comparisons]
    wins, ties, losses, invalid = (outcomes.count(name) for name in ("win", "tie", "lose", "invalid"))
    rate, net = proportion(wins, wins + ties + losses), net_wins(wins, ties, losses, seed=seed)
    not_worse = proportion(wins + ties, wins + ties + losses)
    ratings = [verdict for comparison in comparisons for verdict in comparison.orders]
    b_first = [[verdict for verdict in c.orders if verdict.order == "ba"] for c in comparisons]
    return Tally(
        wins,
        ties,
        losses,
        invalid,
        rate,
        net,
        sign_test(wins, losses),
        not_worse,
        relative_score([c.orders for c in comparisons], seed),
        relative_score(b_first, seed),
        sum(verdict.a is None for verdict in ratings),
    )


def relative_score(ratings: Sequence[Sequence[OrderVerdict]], seed: int) -> Estimate | None:
    """100 times the mean score of A over that of B, with a bootstrap interval (95%) over questions.

    LLaVA-Bench reports it by category for a model (A) against the reference answers (B), which it shows first
    (`summarize_gpt_review.py` of haotian-liu/LLaVA). A rating without scores is left out on both sides: it is
    never a number.

    Args:
        ratings: The ratings of each question.
        seed: Seed of the bootstrap.

    Returns:
        The score; None without a rating.
    """
    scored = [[(v.a, v.b) for v in one if v.a is not None and v.b is not None] for one in ratings]
    sums = np.array([np.sum(pairs, axis=0) for pairs in scored if pairs], dtype=np.float64).reshape(-1, 2)
    if not len(sums):
        return None
    value = float(100 * sums[:, 0].sum() / sums[:, 1].sum())
    drawn = np.random.default_rng(seed).integers(0, len(sums), (_RESAMPLES, len(sums)))
    totals = sums[drawn].sum(axis=1)
    method = f"95% percentile bootstrap, {_RESAMPLES:,} draws of questions"
    return percentile_estimate(value, 100 * totals[:, 0] / totals[:, 1], 0.95, len(sums), method)
