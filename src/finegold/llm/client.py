"""The client: cache, pace, budget, breaker and retries around one transport."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from finegold.errors import RunError
from finegold.llm.audit import Audit
from finegold.llm.budget import Budget, Ledger, Limits, estimate_tokens
from finegold.llm.cache import Cache, default_cache
from finegold.llm.endpoint import Endpoint
from finegold.llm.forms import RequestForm
from finegold.llm.pace import Breaker, Rate
from finegold.llm.reply import CallFailed, ChatReply, Halted, RequestError
from finegold.llm.request import ChatRequest
from finegold.llm.stream import OnText
from finegold.llm.transport import HttpTransport
from finegold.run import Shard

LOGGER = logging.getLogger("finegold.llm")
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Session:
    """Everything about calls that does not change a reply.

    Attributes:
        endpoint: Where calls go and how fast.
        limits: Most calls and dollars.
        cache: SQLite file of replies; the user's cache folder by default, so that runs share it.
        audit: JSONL file of the exchanges; None keeps none.
        retry: Whether calls are sent again whose finished replies hold no answer; else these are final.
        ledger: What was spent; the limits hold for all clients of the session together.
    """

    endpoint: Endpoint
    limits: Limits = field(default_factory=Limits)
    cache: Path = field(default_factory=default_cache)
    audit: Path | None = None
    retry: bool = False
    ledger: Ledger = field(default_factory=Ledger, compare=False, repr=False)

    def share(self, shard: Shard) -> "Session":
        """The session of a shard, which has its share of all limits, so that they hold for all together."""
        calls, count, pace = self.limits.max_calls, shard.count, self.endpoint
        limits = replace(
            self.limits,
            max_calls=None if calls is None else len(shard.run_of(calls)),
            max_usd=None if self.limits.max_usd is None else self.limits.max_usd / count,
        )
        endpoint = replace(
            pace,
            concurrency=max(1, pace.concurrency // count),
            requests_per_minute=pace.requests_per_minute and pace.requests_per_minute / count,
            tokens_per_minute=pace.tokens_per_minute and pace.tokens_per_minute / count,
        )
        return replace(self, limits=limits, endpoint=endpoint)

    async def open(self) -> "CachedClient":
        """A client in the running event loop; close it after use.

        Raises:
            MissingExtraError: If aiohttp is missing.
            RunError: If the cache or the audit cannot be used.
        """
        return CachedClient(self)


class CachedClient:
    """A ChatClient that pays for no reply twice. Must be made inside the event loop that will use it.

    A reply is in the cache before anything else happens with it. Equal requests in flight are one call.

    Attributes:
        budget: What was spent.
        notes: What was done otherwise than requested, for the user: structured output refused, say.
        halted: Why nothing is sent any more; None while calls go on.
        broken: Why replies can be kept no more, such as a full disk; None while they can.
    """

    def __init__(self, session: Session) -> None:
        endpoint = session.endpoint
        self.budget = Budget(session.limits, session.ledger)
        self.notes: list[str] = []
        self.broken: RunError | None = None
        self._endpoint = endpoint
        self._cache = Cache(session.cache)
        self._audit = Audit(session.audit)
        # After what can fail: nobody would close its connections.
        self._transport = HttpTransport(endpoint)
        self._jitter = random.Random(0)
        self._breaker = Breaker(endpoint)
        self._slots = asyncio.Semaphore(endpoint.concurrency)
        self._requests = Rate(endpoint.requests_per_minute)
        self._tokens = Rate(endpoint.tokens_per_minute)
        self._in_flight: dict[str, asyncio.Task[ChatReply]] = {}
        self._form = RequestForm()
        self._retry = session.retry
        self._sent_again: set[str] = set()

    @property
    def halted(self) -> str | None:
        """Why nothing is sent any more."""
        return self._breaker.halted

    async def complete(self, request: ChatRequest, on_text: OnText | None = None) -> ChatReply:
        """The reply to a request, from the cache if it was paid for.

        Args:
            request: The request.
            on_text: Is called with the answer so far, while an endpoint that streams sends it; not for a
                reply of the cache, and for the first only of equal requests in flight.

        Raises:
            CallFailed: With the reason, if there is none after all retries.
            Halted: If it was not sent and no later one will be.
        """
        keyed = request.keyed()
        found = self._cache.first(keyed)
        earlier: ChatReply | None = None
        if found is not None:
            key, reply = found
            if not (self._retry and reply.why_empty and key not in self._sent_again):
                self._write_audit(keyed[key], key, reply, 0.0)
                return reply
            earlier = reply
        elif self._cache.damaged.intersection(keyed):
            self._note(
                "replies in the cache were changed; they are not believed and their calls are sent again"
            )
        key = next(iter(keyed))
        task = self._in_flight.get(key)
        if task is None:
            task = asyncio.ensure_future(self._send(keyed, earlier, on_text))
            self._in_flight[key] = task
            task.add_done_callback(lambda _: self._in_flight.pop(key, None))
        return await task

    async def close(self) -> None:
        """Close connections, cache and audit."""
        await self._transport.close()
        self._cache.close()
        self._audit.close()

    async def _send(
        self, keyed: dict[str, ChatRequest], earlier: ChatReply | None, on_text: OnText | None
    ) -> ChatReply:
        """Send a request, with its schema or else plain, until there is a reply or no hope of one."""
        retry = unreadable = 0
        forms = list(keyed.items())
        self._sent_again.update(keyed if earlier is not None else ())
        while True:
            form = self._form
            key, request = forms[0] if form.schemas else forms[-1]
            try:
                async with self._slots:
                    await self._breaker.admit()
                    return await self._try(key, request, form, earlier, on_text)
            except Halted as stop:
                self._breaker.halt(stop.reason)
                raise
            except RequestError as error:
                if self._adapted(request, error, form):
                    continue
                self._judge(error)
                if error.kind in ("refused", "locked"):
                    raise CallFailed(error.reason) from None
                if (error.retry_after or 0.0) > self._endpoint.max_wait:
                    raise CallFailed(
                        f"{error.reason}, to be tried again in {_seconds(error.retry_after)}, more than the "
                        f"longest wait of {self._endpoint.max_wait:g} s"
                    ) from None
                unreadable += error.tries is not None
                if retry >= self._endpoint.retries or (error.tries and unreadable >= error.tries):
                    if error.reply is not None:
                        self._keep(key, request, error.reply, earlier)
                        return error.reply
                    raise CallFailed(f"no reply in {retry + 1} tries; the last: {error.reason}") from None
                # Half of the backoff is random, so that calls that failed together do not return together
                # ("equal jitter"). A `Retry-After` is a lower bound, plus up to a tenth.
                wait = min(self._endpoint.max_wait, self._endpoint.backoff * 2.0**retry)
                wait *= 0.5 + self._jitter.random() / 2
                if error.retry_after is not None:
                    wait = max(wait, error.retry_after * (1 + self._jitter.random() / 10))
                LOGGER.info("a call failed (%s), the next try is in %.1f s", error.reason, wait)
                await asyncio.sleep(wait)
                retry += 1

    async def _try(
        self,
        key: str,
        request: ChatRequest,
        form: RequestForm,
        earlier: ChatReply | None,
        on_text: OnText | None,
    ) -> ChatReply:
        prompt = estimate_tokens(request)
        await self._requests.take(1)
        await self._tokens.take(prompt + request.max_tokens)
        if self._breaker.halted is not None:
            raise Halted(self._breaker.halted)
        # A gateway gives the reply of an earlier idempotency key again.
        again = "" if earlier is None else f"-after-{earlier.created}"
        async with self.budget.reserve(prompt, request.max_tokens):
            body = form.payload(request, self._cache.marker(key), stream=on_text is not None)
            sent = request if form.temperature else replace(request, temperature=None)
            started = time.monotonic()
            try:
                reply = await self._transport.send(body, f"finegold-{key}{again}", on_text)
            except RequestError as error:
                if error.charged:
                    self.budget.count(prompt, request.max_tokens, None)
                self._write_audit(sent, key, error, time.monotonic() - started)
                raise
            # Before anything else: from here on, no kill can make this call be paid again.
            self._keep(key, request, reply, earlier)
            used = self.budget.count(prompt, request.max_tokens, reply)
            self._tokens.correct(used - prompt - request.max_tokens)
            seconds = time.monotonic() - started
            self._write_audit(sent, key, reply, seconds)
            LOGGER.debug("a call to %s took %.1f s", reply.model, seconds)
            self._breaker.success()
            return reply

    def _keep(self, key: str, request: ChatRequest, reply: ChatReply, earlier: ChatReply | None) -> None:
        """Put a reply into the cache. Where that fails, the calls in flight end and no other is sent."""
        try:
            self._cache.put(key, request, reply, again=earlier is not None)
        except RunError as error:
            self.broken = self.broken or error
            self._breaker.halt(str(error))

    def _write_audit(
        self, request: ChatRequest, key: str, result: ChatReply | RequestError, seconds: float
    ) -> None:
        """Write an exchange to the audit. Where that fails, the calls in flight end and no other is sent."""
        try:
            self._audit.write(request, key, self._cache.marker(key), result, seconds)
        except RunError as error:
            self.broken = self.broken or error
            self._breaker.halt(str(error))

    def _note(self, note: str) -> None:
        if note and note not in self.notes:
            self.notes.append(note)

    def _adapted(self, request: ChatRequest, error: RequestError, form: RequestForm) -> bool:
        """Whether an endpoint that lacks a feature can be called without it; notes it once."""
        changed, note = self._form.adapted(request, error)
        if changed != self._form:
            self._form = changed
            self._note(note)
        # Another call in flight may have found it out since this one was sent.
        refused = error.kind == "refused" or error.status == 501
        return refused and self._form != form

    def _judge(self, error: RequestError) -> None:
        """Report to the breaker what a failed try means for the others."""
        if error.kind in ("down", "lost"):
            self._breaker.failure(error.reason)
        elif error.kind == "locked":
            self._breaker.halt(error.reason)
        elif error.kind == "refused":
            self._breaker.refusal(error.reason)
        else:
            self._breaker.alive()


def _seconds(wait: float | None) -> str:
    return "a time beyond any date" if wait is None or wait > 1e9 else f"{wait:.0f} s"


APART = 0.001
"""Seconds between the first calls of two workers."""


async def map_bounded(
    function: Callable[[T], Awaitable[R]], items: Iterable[T], *, concurrency: int
) -> list[R]:
    """Apply a coroutine function with bounded concurrency and return the results in the items' order.

    Items are drawn when a worker is free, so they need not be in memory. A worker that waits to retry draws
    nothing, so an endpoint that says "too many requests" gets fewer.

    Raises:
        Exception: The first that the function raised; the others are cancelled.
    """
    numbered = enumerate(items)
    results: dict[int, R] = {}

    async def work(number: int) -> None:
        # Calls that begin together end together, and their replies wait for one another, round after round.
        await asyncio.sleep(number * APART)
        for position, item in numbered:
            results[position] = await function(item)

    try:
        async with asyncio.TaskGroup() as group:
            for number in range(concurrency):
                group.create_task(work(number))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [results[position] for position in range(len(results))]
