"""Progress of a training: a JSONL log, a line on the terminal, and trackers."""

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from finegold.errors import ConfigError, did_you_mean
from finegold.extras import require
from finegold.run import DamagedError, LineFile, read_sealed_lines, replace_lines, sealed_line
from finegold.tuning.recipe import Recipe

LOG = "log.jsonl"
TRACKERS = ("tensorboard", "wandb")
_SECONDS = 15.0


class Monitor(ExitStack):
    """Reports the steps of a training; a context manager. Only the first process of several writes."""

    def __init__(self, out: Path, recipe: Recipe, done: int, trackers: Sequence[str], *, quiet: bool) -> None:
        """Open the log, without the lines that an earlier run wrote after its last checkpoint.

        Args:
            out: Folder of the run.
            recipe: Recipe of the training; the last step is always logged.
            done: Number of steps that a checkpoint has.
            trackers: Any of `tensorboard` and `wandb`.
            quiet: Whether to write nothing.

        Raises:
            ConfigError: If a tracker is unknown.
            MissingExtraError: If a tracker's package is not installed.
        """
        self._steps, self._every, self._done, self._quiet = recipe.steps, recipe.log_every, done, quiet
        self._begin = self._last = time.perf_counter()
        super().__init__()
        if quiet:
            return
        if sys.stderr.isatty():
            self.callback(print, file=sys.stderr)
        self._trackers = [_tracker(name, out, self) for name in trackers]
        replace_lines(out / LOG, (sealed_line(line) for line in read_log(out) if line["step"] < done))
        self._file = self.enter_context(LineFile(out / LOG))

    def step(self, step: int, loss: float, rate: float) -> None:
        """Note a 0-based step, its loss (nats a token) and its learning rate."""
        last = step == self._steps - 1
        if self._quiet or not (last or step % self._every == 0):
            return
        self._file.write(sealed_line({"step": step, "loss": loss, "rate": rate}))
        for log in self._trackers:
            log(step, {"loss": loss, "rate": rate})
        now = time.perf_counter()
        terminal = sys.stderr.isatty()
        if last or now - self._last >= (0.2 if terminal else _SECONDS):
            self._last = now
            speed = (step + 1 - self._done) / max(now - self._begin, 1e-9)
            left = (self._steps - step - 1) / speed
            line = (
                f"Step {step + 1:,} of {self._steps:,}: loss {loss:.3f}, rate {rate:.2e}, "
                f"{speed:,.2f} steps/s, {left:,.0f} s left"
            )
            shown, end = (f"\r{line:<78}", "") if terminal else (line, "\n")
            print(shown, end=end, file=sys.stderr, flush=True)


def read_log(out: Path) -> list[dict[str, Any]]:
    """Lines of a run's log, up to one that was not written to its end; none if there is no log.

    Raises:
        RunError: If a line is damaged.
    """
    lines: list[dict[str, Any]] = []
    for number, line in read_sealed_lines(out / LOG) if (out / LOG).is_file() else ():
        if line is None or not {"step", "loss"} <= line.keys():
            raise DamagedError(out / LOG, f"line {number} does not fit its hash")
        lines.append(line)
    return lines


def _tracker(name: str, out: Path, closing: ExitStack) -> Callable[[int, dict[str, float]], object]:
    """A function that logs the values of a step; the stack closes the tracker."""
    if name == "tensorboard":
        require("tensorboard", extra="tune", why="--track tensorboard")
        from torch.utils.tensorboard import SummaryWriter

        writer = SummaryWriter(str(out / "tensorboard"))
        closing.callback(writer.close)

        def log(step: int, values: dict[str, float]) -> None:
            for key, value in values.items():
                writer.add_scalar(key, value, step)

        return log
    if name == "wandb":
        wandb = require("wandb", extra="tune", why="--track wandb")
        run = wandb.init(project="finegold", dir=str(out), name=out.name)
        closing.callback(run.finish)
        return lambda step, values: run.log(values, step=step)
    hint = did_you_mean(name, TRACKERS)
    raise ConfigError(f"the tracker '{name}' is unknown{hint}, expected one of {', '.join(TRACKERS)}")
