"""What a verb prints: lines for a person, one JSON object for a program, or nothing."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Annotated, Any

import typer


@dataclass(frozen=True)
class OutputOptions:
    """What is printed."""

    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on stdout in place of lines, for programs.")
    ] = False
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Print nothing on stdout; errors and progress go to stderr.")
    ] = False

    @contextmanager
    def printing(self) -> Iterator[dict[str, Any]]:
        """Give a dictionary for the facts that `--json` prints when the block ends, also with an exit status.

        Lines that the block prints to stdout appear only without `--json` and `--quiet`.
        """
        facts: dict[str, Any] = {}
        if not (self.as_json or self.quiet):
            yield facts
            return
        try:
            with redirect_stdout(StringIO()):
                yield facts
        except typer.Exit:
            self._print(facts)
            raise
        self._print(facts)

    def _print(self, facts: dict[str, Any]) -> None:
        if self.as_json:
            from finegold.run import with_addresses

            sys.stdout.write(with_addresses(json.dumps(facts, default=str)) + "\n")
