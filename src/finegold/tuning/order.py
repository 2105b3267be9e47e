"""Which rows each step sees, as a function of seed and step alone, so that a run can go on anywhere."""

import random
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Order:
    """Passes over the rows in batches, each pass shuffled; a pass's rest is dropped, as MiniGPT-4 does.

    With fewer rows than a batch, passes are joined until they fill one.
    """

    rows: int
    batch: int
    seed: int

    def at(self, step: int) -> list[int]:
        """Positions of the rows of a 0-based step."""
        if self.rows < self.batch:
            needed = range(step * self.batch, (step + 1) * self.batch)
            return [int(self._pass(place // self.rows)[place % self.rows]) for place in needed]
        batches = self.rows // self.batch
        start = step % batches * self.batch
        return [int(row) for row in self._pass(step // batches)[start : start + self.batch]]

    def instruction(self, step: int, instructions: tuple[str, ...]) -> str:
        """The step's instruction, one for its whole batch."""
        return random.Random(f"{self.seed}-instruction-{step}").choice(instructions)

    def _pass(self, number: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
        return np.random.default_rng([self.seed, number]).permutation(self.rows)
