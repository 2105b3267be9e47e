"""Learning rate of a step, as MiniGPT-4's public code (commit d94738a, `common/optims.py`) computes it."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Schedule:
    """Linear warm-up, then half a cosine.

    Attributes:
        peak: End of the warm-up.
        floor: End of the cosine.
        warmup_start: Rate of step 0.
        warmup_steps: Steps before the cosine applies.
        epoch_steps: Steps of an "epoch": the warm-up counts steps inside of it. 0 counts from the start of
            the run.
    """

    peak: float
    floor: float
    warmup_start: float
    warmup_steps: int
    epoch_steps: int = 0

    def rate(self, step: int, steps: int) -> float:
        """Rate of the 0-based `step` of `steps`.

        As published, the cosine's clock starts at step 0 and not after the warm-up, so the rate drops when
        the warm-up ends.
        """
        if step < self.warmup_steps:
            within = step % self.epoch_steps if self.epoch_steps else step
            rise = (self.peak - self.warmup_start) * within / max(self.warmup_steps, 1)
            return min(self.peak, self.warmup_start + rise)
        return self.floor + (self.peak - self.floor) * 0.5 * (1 + math.cos(math.pi * step / steps))
