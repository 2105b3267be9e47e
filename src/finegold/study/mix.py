"""`finegold mix`: which mixture of sources to train on, and whether any is seen to beat proportional."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from finegold.arrays import Floats
from finegold.errors import ConfigError, DataError, did_you_mean
from finegold.report.study.findings import signed, verdict
from finegold.report.study.tables import md_table, md_text
from finegold.run import write_record, write_text
from finegold.run.cards import card
from finegold.selection.learned import MeasuredMixture, MixtureModel, fit_mixture, read_mixtures
from finegold.selection.shares import share_out
from finegold.statistics import Estimate
from finegold.study.measured import AVERAGE
from finegold.study.measured import MIXTURES as FILE

SCHEMA = "finegold/mix/1"
PROPORTIONAL = "proportional"
MIN_SUBSETS, MIN_MIXTURES, MIN_RANGE = 8, 3, 0.05
SCALE = 100.0


@dataclass(frozen=True, slots=True)
class TriedMixture:
    """A mixture that was trained on, or merged.

    Attributes:
        name: Name of the arm, or of the mixture.
        shares: Share of each source, 0 to 1.
        runs: Number of measured subsets.
        result: Their mean result, unscaled.
        gain: What it gains over the proportional mixture; None if that is not known.
    """

    name: str
    shares: Mapping[str, float]
    runs: int
    result: float
    gain: Estimate | None


@dataclass(frozen=True, slots=True)
class MixtureFindings:
    """Which mixture of sources is best, and whether it is seen to beat the proportional one.

    Attributes:
        how: How mixtures were measured, in a sentence.
        target: What was measured: a task, or the average relative performance. Numbers are shown times 100.
        proportional: Shares of the sources in the pool.
        tried: The mixtures that were measured, the best first.
        guess: The mixture that is best by the numbers alone.
        guess_gain: What it gains over the proportional one.
        verdict: That gain in words.
        best: The mixture to use; None for the proportional one.
        gain: What it gains; None for the proportional one.
        rank_correlation: Spearman's, of results with predictions from the other mixtures alone; None without
            predictions, or if they are all the same.
        linear: How likely a line is, 0 to 1, against a Gaussian process; None without a fit.
        notes: What a reader must know, sentence by sentence.
    """

    how: str
    target: str
    proportional: Mapping[str, float]
    tried: tuple[TriedMixture, ...]
    guess: Mapping[str, float]
    guess_gain: Estimate
    verdict: str
    best: Mapping[str, float] | None
    gain: Estimate | None
    rank_correlation: float | None = None
    linear: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def mixture(self) -> str:
        """The mixture to use, as `--mixture` takes it."""
        return PROPORTIONAL if self.best is None else mixture_text(self.best)

    def sentences(self) -> list[str]:
        """What was found, sentence by sentence."""
        found = [self.how]
        if self.rank_correlation is not None:
            found.append(
                f"Rank correlation of the results with predictions from the other mixtures: "
                f"{self.rank_correlation:+.2f}."
            )
        elif self.linear is not None:
            found.append("Predictions from the other mixtures are all the same: the fit knows nothing.")
        guess = mixture_text(self.guess)
        if self.best is None:
            found.append(
                f"No mixture is seen to beat the proportional one. The highest, {guess}, has a gain of "
                f"{gain_text(self.guess_gain)}."
            )
        else:
            found.append(
                f"The mixture {self.mixture} beats the proportional one: {gain_text(self.gain)}."
                + ("" if guess == self.mixture else f" The highest, {guess}: {gain_text(self.guess_gain)}.")
            )
        return [*found, *self.notes]

    def _repr_html_(self) -> str:
        facts = {"target": self.target, "mixture": self.mixture, "verdict": self.verdict}
        return card("Mixture", facts, ("mixture", "runs", "result", "gain"), self.rows())

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Cells of a table of the mixtures that were measured."""
        return [
            (
                one.name,
                mixture_text(one.shares),
                f"{one.result * SCALE:.1f}",
                "" if one.gain is None else gain_text(one.gain),
            )
            for one in self.tried
        ]

    def markdown(self) -> str:
        """The findings as a page of Markdown."""
        heads = ("measured", "mixture", f"{self.target} (x 100)", "gain over proportional")
        rows = [tuple(map(md_text, row)) for row in self.rows()]
        lines = [f"# Mixture: {md_text(self.target)}", *map(md_text, self.sentences())]
        lines += [f"Use: `--group-by source --mixture {self.mixture}`"]
        lines += [f"Proportional: {md_text(mixture_text(self.proportional))}", md_table(heads, rows)]
        return "\n\n".join([*lines, f"Intervals: {self.guess_gain.method or 'none'}."]) + "\n"


def fit_mixtures(
    study: str | Path,
    *,
    task: str | None = None,
    choice: str | None = None,
    fit: MixtureModel = "both",
    level: float = 0.95,
    seed: int = 0,
) -> MixtureFindings:
    """Fit which mixture of sources is best on the runs of a study: `finegold.selection.learned.fit_mixture`.

    Args:
        study: Folder of a study's results, or a file of measured mixtures.
        task: Task to be good at; None for the average relative performance over all tasks.
        choice: Which runs to compare, as the file names how they chose: "random 15%"; None for the choice
            with most subsets.
        fit: `linear`, `gp` (Gaussian process), or `both`, each as far as the runs make it likely.
        level: Share of the draws inside an interval.
        seed: Seed of every random choice.

    Raises:
        DataError: If the file is missing or cannot be read.
        ConfigError: If there is no such task or choice, or the runs are too few or too much alike.
    """
    path = Path(study)
    if path.is_dir() and not (path / FILE).exists():
        raise DataError(
            f"{path} has no {FILE}: it is no folder of a study's results, its rows have one source, or an "
            "earlier finegold made it; run finegold study again, which trains nothing anew"
        )
    every = read_mixtures(path / FILE if path.is_dir() else path)
    runs = _runs_of(every, choice)
    sources = list(every[0].pool)
    shares = np.array([_shares(one.rows, sources) for one in runs])
    _check(runs, shares)
    arms = list(dict.fromkeys(one.arm for one in runs))
    labels = np.array([arms.index(one.arm) for one in runs])
    results, draws, target, notes = _target(every, runs, task)
    proportional = np.array(_shares(every[0].pool, sources))
    found = fit_mixture(shares, results, labels, proportional, draws, fit=fit, level=level, seed=seed)
    left = len(every) - len(runs)
    if left:
        notes += (f"{left} other measured subsets were chosen otherwise and did not count.",)
    tried = [
        TriedMixture(
            arm,
            named_shares(sources, shares[labels == number].mean(axis=0)),
            int((labels == number).sum()),
            float(results[labels == number].mean()),
            found.tried[number],
        )
        for number, arm in enumerate(arms)
    ]
    return MixtureFindings(
        how=(
            f"{len(runs)} subsets of {len(arms)} mixtures ({runs[0].choice or 'not stated how'}) were "
            f"trained on and measured: {target}."
        ),
        target=target,
        proportional=named_shares(sources, proportional),
        tried=tuple(sorted(tried, key=lambda one: (-one.result, one.name))),
        guess=named_shares(sources, found.guess),
        guess_gain=found.guess_gain,
        verdict=verdict(found.gain or found.guess_gain, "higher", SCALE)[0],
        best=None if found.gain is None else named_shares(sources, found.best),
        gain=found.gain,
        rank_correlation=found.rank_correlation,
        linear=found.linear,
        notes=notes,
    )


def write_mixture(findings: MixtureFindings, out: str | Path) -> None:
    """Write `mix.json` and `mix.md` to a folder, each whole or not at all."""
    folder = Path(out)
    write_record(folder / "mix.json", findings, SCHEMA, mixture=findings.mixture)
    write_text(folder / "mix.md", findings.markdown())


def mixture_text(shares: Mapping[str, float]) -> str:
    """Shares as `--mixture` takes them: `captions=0.3,vqa=0.7`."""
    return ",".join(f"{name}={share:.3g}" for name, share in shares.items())


def gain_text(gain: Estimate | None) -> str:
    """A gain with its interval, times 100: `+1.2 (+0.3 to +2.1)`."""
    if gain is None:
        return ""
    ends = "" if gain.ends is None else " ({} to {})".format(*(signed(e * SCALE, SCALE) for e in gain.ends))
    return signed(gain.value * SCALE, SCALE) + ends


def _runs_of(every: Sequence[MeasuredMixture], choice: str | None) -> list[MeasuredMixture]:
    """The runs of one choice."""
    by_choice: dict[str, list[MeasuredMixture]] = defaultdict(list)
    for one in every:
        if not one.whole or one.choice == choice:
            by_choice[one.choice].append(one)
    if choice is not None and choice not in by_choice:
        raise ConfigError(
            f"no run was chosen by '{choice}'{did_you_mean(choice, by_choice)}: there are "
            f"{', '.join(sorted(by_choice))}"
        )
    if not by_choice:
        raise ConfigError("every run had all rows, so they have one mixture: add arms with other mixtures")
    name = choice if choice is not None else max(by_choice, key=lambda one: (len(by_choice[one]), one))
    return by_choice[name]


def _check(runs: Sequence[MeasuredMixture], shares: Floats) -> None:
    """Raise ConfigError if nothing can be learnt of mixtures from these runs."""
    mixtures = len({one.arm for one in runs})
    what = f"the runs of '{runs[0].choice}' are {len(runs)} subsets of {mixtures} mixtures"
    if len(runs) < MIN_SUBSETS or mixtures < MIN_MIXTURES:
        raise ConfigError(
            f"{what}: a fit needs at least {MIN_SUBSETS} subsets of {MIN_MIXTURES} mixtures; add arms with "
            "other mixtures, or more seeds"
        )
    widest = float(np.ptp(shares, axis=0).max())
    if widest < MIN_RANGE:
        raise ConfigError(
            f"{what}, and the share of no source differs by more than {widest:.1%}: add arms with mixtures "
            "that differ"
        )


def _target(
    every: Sequence[MeasuredMixture], runs: Sequence[MeasuredMixture], task: str | None
) -> tuple[Floats, Floats | None, str, tuple[str, ...]]:
    """Result of each run, its draws, the name of the result, and notes."""
    tasks = list(every[0].scores)
    if task is not None and task not in tasks:
        raise ConfigError(
            f"no run was measured on '{task}'{did_you_mean(task, tasks)}: there are {', '.join(tasks)}"
        )
    if task is not None or len(tasks) == 1:
        name = task or tasks[0]
        return _column(runs, {name: 1.0}), _draws(runs, {name: 1.0}), name, ()
    whole = [one for one in every if one.whole]
    base = {name: float(np.mean([one.scores[name] for one in whole or runs])) for name in tasks}
    kept = {name: 1 / value for name, value in base.items() if value > 0}
    if not kept:
        raise ConfigError("no task has a score above 0, so nothing can be relative to it: give --task")
    factors = {name: factor / len(kept) for name, factor in kept.items()}
    notes = []
    if not whole:
        notes.append("No run had all rows: performance is relative to the mean of these runs.")
    if left := sorted(set(tasks) - set(kept)):
        notes.append(f"Tasks without a score above 0 do not count: {', '.join(left)}.")
    return _column(runs, factors), _draws(runs, factors), AVERAGE, tuple(notes)


def _column(runs: Sequence[MeasuredMixture], factors: Mapping[str, float]) -> Floats:
    return np.array([sum(one.scores[name] * factor for name, factor in factors.items()) for one in runs])


def _draws(runs: Sequence[MeasuredMixture], factors: Mapping[str, float]) -> Floats | None:
    if not runs[0].draws:
        return None
    found: Floats = np.sum(
        [factor * np.array([one.draws[name] for one in runs]) for name, factor in factors.items()], axis=0
    )
    return found


def _shares(rows: Mapping[str, int], sources: Sequence[str]) -> list[float]:
    total = sum(rows.values())
    return [rows.get(name, 0) / total for name in sources]


def named_shares(sources: Sequence[str], shares: Floats) -> dict[str, float]:
    """Shares by name, in thousandths that sum to one."""
    room = np.full(len(sources), 1000, dtype=np.int64)
    parts = share_out(np.asarray(shares, dtype=np.float64), room, 1000)
    return {name: int(part) / 1000 for name, part in zip(sources, parts, strict=True)}
