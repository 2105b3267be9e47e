"""What a training tells while it runs: a JSONL log, a progress line, and trackers when asked."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from finegold.errors import ConfigError
from finegold.extras import require

LOG = "log.jsonl"
TRACKERS = ("tensorboard", "wandb")
_SECONDS = 15.0


class Monitor:
    """Use as a context manager. Only the first process of several should have one that writes."""

    def __init__(
        self,
        out: Path,
        steps: int,
        *,
        done: int = 0,
        trackers: Sequence[str] = (),
        every: int = 1,
        quiet: bool = False,
    ) -> None:
        """Open the log, leaving out what an earlier run wrote beyond its last checkpoint.

        Args:
            out: Folder of the run.
            steps: Steps in all.
            done: Steps that a checkpoint holds.
            trackers: Any of `tensorboard` and `wandb`.
            every: Steps between two lines of the log; the last step is always logged.
            quiet: Write nothing anywhere.

        Raises:
            ConfigError: If a tracker is unknown.
            MissingExtraError: If a tracker's package is not installed.
        """
        self._steps, self._done, self._every, self._quiet = steps, done, every, quiet
        self._begin = self._last = time.perf_counter()
        self._trackers = [] if quiet else [_tracker(name, out) for name in trackers]
        self._file: IO[str] | None = None
        if not quiet:
            out.mkdir(parents=True, exist_ok=True)
            _keep_before(out / LOG, done)
            self._file = (out / LOG).open("a", encoding="utf-8")

    def __enter__(self) -> "Monitor":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
        for _, close in self._trackers:
            close()
        if not self._quiet and sys.stderr.isatty():
            print(file=sys.stderr)

    def step(self, step: int, loss: float, rate: float) -> None:
        """Note a 0-based step, its loss (nats a token) and its learning rate."""
        last = step == self._steps - 1
        if self._file is None or not (last or step % self._every == 0):
            return
        self._file.write(json.dumps({"step": step, "loss": loss, "rate": rate}) + "\n")
        self._file.flush()
        for log, _ in self._trackers:
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
    """The lines of a run's log; a line that was being written when the run was killed is left out."""
    lines = []
    for line in (out / LOG).read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            break
    return lines


def _keep_before(path: Path, step: int) -> None:
    if path.is_file():
        kept = [line for line in read_log(path.parent) if line["step"] < step]
        path.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")


def _tracker(name: str, out: Path) -> tuple[Callable[[int, dict[str, float]], None], Callable[[], None]]:
    """Functions that log a step's values and that close the tracker."""
    if name == "tensorboard":
        require("tensorboard", extra="tune", why="--track tensorboard")
        from torch.utils.tensorboard import SummaryWriter

        writer = SummaryWriter(str(out / "tensorboard"))

        def log(step: int, values: dict[str, float]) -> None:
            for key, value in values.items():
                writer.add_scalar(key, value, step)

        return log, writer.close
    if name == "wandb":
        run = require("wandb", extra="tune", why="--track wandb").init(
            project="finegold", dir=str(out), name=out.name
        )
        return lambda step, values: run.log(values, step=step), run.finish
    raise ConfigError(f"the tracker '{name}' is unknown, expected one of {', '.join(TRACKERS)}")
