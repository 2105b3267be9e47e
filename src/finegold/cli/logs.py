"""`--log-level`: what finegold does while it works, on stderr; nothing of it is needed to use a result.

`info` has the start and end of each step with its seconds, what is found on the way, and what is waited for;
`debug` also each bad row and each call to an endpoint. The events of a run folder are in its `events.jsonl`
as well.
From Python the logger is `logging.getLogger("finegold")`.
"""

import logging
from typing import Annotated, Literal

import typer

from finegold.cli.show import say

LogLevel = Annotated[
    Literal["error", "warning", "info", "debug"],
    typer.Option(
        "--log-level",
        help="What is logged on stderr: `info` for the steps with their times, `debug` also for each bad row "
        "and each call; works at any place of the command.",
    ),
]


class _Lines(logging.Handler):
    """Lines on stderr; text of data in them is printed as other lines are, without control characters."""

    def emit(self, record: logging.LogRecord) -> None:
        say(self.format(record), error=True)


def start_logging(level: str) -> None:
    """Log finegold's own messages from a level on, and the libraries' from warnings on, or from errors on."""
    handler = _Lines()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    number = logging.getLevelName(level.upper())
    root = logging.getLogger()
    root.handlers = [one for one in root.handlers if not isinstance(one, _Lines)] + [handler]
    root.setLevel(max(number, logging.WARNING))
    logging.getLogger("finegold").setLevel(number)
