"""Pace: requests and tokens per minute."""

import asyncio
import time

_WINDOW = 60.0


class Rate:
    """A leaky bucket: at most `per_minute` units a minute, of which up to a tenth may go at once.

    Waiters are served in the order in which they came. One unit more than the burst is let through when the
    bucket is full, so that a single large request does not wait for ever.
    """

    def __init__(self, per_minute: float | None) -> None:
        self._per_second = per_minute / _WINDOW if per_minute is not None else None
        self._burst = max(1.0, per_minute / 10) if per_minute is not None else 0.0
        self._debt = 0.0
        self._seen = time.monotonic()
        self._turn = asyncio.Lock()

    async def take(self, units: float) -> None:
        """Wait until the units fit, then take them."""
        if self._per_second is None:
            return
        async with self._turn:
            self._drain()
            excess = self._debt + min(units, self._burst) - self._burst
            if excess > 0:
                await asyncio.sleep(excess / self._per_second)
                self._drain()
            self._debt += units

    def correct(self, units: float) -> None:
        """Take more, or give back if negative, after the true count is known."""
        if self._per_second is not None:
            self._debt = max(0.0, self._debt + units)

    def _drain(self) -> None:
        assert self._per_second is not None
        now = time.monotonic()
        self._debt = max(0.0, self._debt - (now - self._seen) * self._per_second)
        self._seen = now
