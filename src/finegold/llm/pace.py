"""The pace of calls: limits per minute, and a breaker for an endpoint that is down."""

import asyncio
import time

from finegold.llm.endpoint import Endpoint
from finegold.llm.reply import Halted


class Rate:
    """A leaky bucket: at most `per_minute` units a minute, of which up to a tenth may go at once.

    Waiters are served in the order in which they came. One unit more than the burst is let through when the
    bucket is full, so that a single large request does not wait for ever.
    """

    def __init__(self, per_minute: float | None) -> None:
        self._per_second = per_minute / 60.0 if per_minute is not None else None
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


class Breaker:
    """Stops calls while the endpoint is down, lets one through to probe it, and gives up in the end.

    An endpoint that never gave a single reply is given up at the first failed probe: then the address is
    wrong or the server is not running, and waiting helps nobody. Must be made inside the event loop.

    Attributes:
        halted: Why nothing is sent any more; None while calls go on.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.halted: str | None = None
        self._endpoint = endpoint
        self._up = asyncio.Event()
        self._up.set()
        self._probe_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._failures = 0
        self._failed_probes = 0
        self._refusals = 0
        self._answered = False

    async def admit(self) -> None:
        """Return when a call may be sent; raises Halted if no call will be sent any more."""
        while self.halted is None:
            if self._up.is_set():
                return
            if self._probe_due:
                self._probe_due = False
                return
            await self._up.wait()
        raise Halted(self.halted)

    def halt(self, reason: str) -> None:
        """Send nothing any more."""
        self.halted = self.halted or reason
        self._up.set()

    def success(self) -> None:
        """A reply came."""
        self._answered = True
        self._refusals = 0
        self.alive()

    def alive(self) -> None:
        """The endpoint answered, be it with a no."""
        self._failures = self._failed_probes = 0
        self._up.set()

    def refusal(self, reason: str) -> None:
        """A request was refused. When all are from the start, the request itself is wrong."""
        self.alive()
        self._refusals += 1
        if not self._answered and self._refusals >= self._endpoint.down_after:
            self.halt(f"the endpoint refused the first {self._refusals} calls, the last with: {reason}")

    def failure(self, reason: str) -> None:
        """The endpoint could not be reached, or broke."""
        self._failures += 1
        waiting = self._timer is not None or self._probe_due
        if self.halted is not None or waiting or self._failures < self._endpoint.down_after:
            return
        if not self._up.is_set():
            self._failed_probes += 1
        self._up.clear()
        if self._failed_probes >= (self._endpoint.down_probes if self._answered else 1):
            self.halt(f"{self._endpoint.place} is down; the last failure: {reason}")
            return
        seconds = self._endpoint.down_wait * 2.0**self._failed_probes
        self._timer = asyncio.get_running_loop().call_later(seconds, self._half_open)

    def _half_open(self) -> None:
        self._timer = None
        if not self._up.is_set():
            self._probe_due = True
            # Wakes everyone who waits; the first takes the probe, the others go back to waiting.
            self._up.set()
            self._up.clear()
