"""Measured mixtures: JSON lines, one a training run or several of one subset (docs/mixtures.md)."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from finegold.errors import DataError
from finegold.selection.learned.pairs import read_measured

Count = Annotated[int, Field(ge=0)]


class MeasuredMixture(BaseModel):
    """Rows of several sources that a model was trained on, and how well that model did.

    Attributes:
        arm: Name of the mixture, the same for each run of it: "equal 15%".
        choice: How the rows were chosen beside their mixture: "random 15%". Runs of one choice are compared.
        rows: Rows that were trained on, by source.
        pool: Usable rows of the pool, by source; the same in the whole file.
        scores: Score of each task, higher is better; negate a loss.
        whole: Whether these are all rows of the pool, to which relative performance is relative.
        seeds: Number of runs that the scores are the mean of.
        draws: Scores in draws of the items of the evaluation, by task: equally many in the whole file, draw b
            of the same items in each run. Empty if they are not known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    arm: str = Field(min_length=1)
    choice: str = ""
    rows: dict[str, Count]
    pool: dict[str, Count]
    scores: dict[str, FiniteFloat] = Field(min_length=1)
    whole: bool = False
    seeds: int = Field(default=1, ge=1)
    draws: dict[str, tuple[FiniteFloat, ...]] = {}

    @model_validator(mode="after")
    def _whole(self) -> "MeasuredMixture":
        if not sum(self.rows.values()) or not sum(self.pool.values()):
            raise ValueError("rows or pool has no row")
        if unknown := sorted(set(self.rows) - set(self.pool)):
            raise ValueError(f"rows names the source '{unknown[0]}', which pool lacks")
        if self.draws and set(self.draws) != set(self.scores):
            raise ValueError("draws and scores name other tasks")
        return self


def read_mixtures(path: Path) -> list[MeasuredMixture]:
    """Read a file of measured mixtures.

    Raises:
        DataError: If the file cannot be read, a line is not a measured mixture, or the lines are of other
            pools or tasks.
    """
    found = read_measured(path, MeasuredMixture, "mixture", "measured mixture", "docs/mixtures.md")
    first = found[0][1]
    for number, one in found:
        if one.pool != first.pool:
            raise DataError(
                f"{path} line {number} has another pool than the first line: keep one pool a file"
            )
        if set(one.scores) != set(first.scores):
            raise DataError(f"{path} line {number} has other tasks than the first line: give each all scores")
        lengths = {len(draws) for line in (first, one) for draws in line.draws.values()} or {0}
        if len(lengths) > 1 or bool(one.draws) != bool(first.draws):
            raise DataError(
                f"{path} line {number} has other draws than the first line: give each equally many"
            )
    return [one for _, one in found]
