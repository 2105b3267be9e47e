"""Progress on long steps: a bar in a terminal and in a notebook, a line now and then in a log file."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from markupsafe import Markup

from finegold.run.cards import in_notebook

LOG_SECONDS = 30.0
"""Seconds between two lines where the output is no terminal."""
BAR_SECONDS = 0.2
"""Seconds between two states of a notebook's bar."""


@contextmanager
def progress(label: str, total: int, unit: str, *, done: int = 0) -> Iterator[Callable[[int], None]]:
    """Show the progress of the block on stderr, or below the cell of a notebook.

    Args:
        label: What is done, such as "Reading rows".
        total: Units in all.
        unit: Name of the unit, plural: "images".
        done: Units that an earlier run has done; they do not count towards the rate.

    Yields:
        A function to call with the number of units just finished.
    """
    if in_notebook():
        yield from _cell_bar(label, total, unit, done)
    elif sys.stderr.isatty():
        yield from _bar(label, total, unit, done)
    else:
        yield from _lines(label, total, unit, done)


def _bar(label: str, total: int, unit: str, done: int) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    begin = time.perf_counter()
    fresh = 0
    with Progress(
        TextColumn("{task.description:<22}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True),
    ) as bars:
        task = bars.add_task(label, total=total, completed=done, rate=unit)

        def advance(count: int) -> None:
            nonlocal fresh
            fresh += count
            bars.update(task, advance=count, rate=f"{unit}, {_speed(fresh, time.perf_counter() - begin)}")

        yield advance


def _cell_bar(label: str, total: int, unit: str, done: int) -> Iterator[Callable[[int], None]]:
    from importlib import import_module

    show = import_module("IPython.display")
    begin = last = time.perf_counter()
    fresh = 0

    def html() -> str:
        seconds = time.perf_counter() - begin
        text = f"{done + fresh:,} of {total:,} {unit}" + (f", {_speed(fresh, seconds)}" if fresh else "")
        return Markup('{} <progress value="{}" max="{}"></progress> {}').format(
            label, done + fresh, max(total, 1), text
        )

    handle = show.display(show.HTML(html()), display_id=True)

    def advance(count: int) -> None:
        nonlocal fresh, last
        fresh += count
        now = time.perf_counter()
        if now - last >= BAR_SECONDS:
            last = now
            handle.update(show.HTML(html()))

    try:
        yield advance
    finally:
        handle.update(show.HTML(html()))


def _lines(label: str, total: int, unit: str, done: int) -> Iterator[Callable[[int], None]]:
    begin = last = time.perf_counter()
    fresh = 0

    def advance(count: int) -> None:
        nonlocal fresh, last
        fresh += count
        now = time.perf_counter()
        if now - last >= LOG_SECONDS:
            last = now
            left = (total - done - fresh) * (now - begin) / max(fresh, 1)
            speed = _speed(fresh, now - begin)
            print(
                f"{label}: {done + fresh:,} of {total:,} {unit}, {speed}, {left:,.0f} s left", file=sys.stderr
            )

    yield advance
    seconds = time.perf_counter() - begin
    if fresh and seconds >= 1:
        speed = _speed(fresh, seconds)
        print(f"{label}: {done + fresh:,} {unit} in {seconds:,.1f} s ({speed})", file=sys.stderr)


def _speed(count: int, seconds: float) -> str:
    if 0 < count < seconds:
        return f"{seconds / count:,.1f} s each"
    return f"{count / max(seconds, 1e-9):,.1f}/s"
