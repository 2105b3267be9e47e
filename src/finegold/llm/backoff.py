"""When to try again: backoff with jitter, and a circuit breaker for an endpoint that is down."""

import asyncio
import random

from finegold.llm.endpoint import Endpoint
from finegold.llm.reply import Halted


def wait_before(retry: int, asked: float | None, endpoint: Endpoint, rng: random.Random) -> float:
    """Seconds before a retry.

    Exponential from `endpoint.backoff`, times 0.5 to 1 so that calls that failed together do not return
    together ("equal jitter"). A `Retry-After` is a lower bound, plus up to a tenth.

    Args:
        retry: 0 for the first.
        asked: `Retry-After` in seconds.
        endpoint: Holds the first and the longest wait.
        rng: Source of the jitter.
    """
    own = min(endpoint.longest_wait, endpoint.backoff * 2.0**retry) * (0.5 + rng.random() / 2)
    return own if asked is None else max(own, asked * (1 + rng.random() / 10))


class Breaker:
    """Holds calls back while the endpoint is down, lets one through to probe it, and gives up in the end.

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
        """Return when a call may be sent.

        Raises:
            Halted: If no call will be sent any more.
        """
        while self.halted is None:
            if self._up.is_set():
                return
            if self._probe_due:
                self._probe_due = False
                return
            await self._up.wait()
        raise Halted(f"not asked: {self.halted}")

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
