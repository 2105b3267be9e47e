"""Calls for one question until a reply to it can be read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from finegold.llm.reply import CallFailed, ChatClient, ChatReply, Halted
from finegold.llm.request import ChatRequest

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked(Generic[T]):
    """What the calls for one question brought.

    Attributes:
        value: What was read; None if nothing was.
        reason: Why nothing was read; empty if something was.
        replies: Number of replies, unreadable ones included.
        halted: Why nothing is sent any more; None while calls go on.
    """

    value: T | None
    reason: str
    replies: int
    halted: str | None = None


async def ask_until_read(
    client: ChatClient,
    request: Callable[[int], ChatRequest],
    read: Callable[[ChatReply], tuple[T | None, str]],
    *,
    asks: int,
    retry: bool,
) -> Asked[T]:
    """Send a request, and where its reply cannot be read, the next one.

    A reply without an answer ends it: the same model would say nothing again, and each call is paid.

    Args:
        client: Makes the calls.
        request: The request for an attempt, counted from 0; each is another call.
        read: Reads a reply that holds an answer: the value, or None and why there is none.
        asks: Most calls.
        retry: Whether replies that were paid for in an earlier run and cannot be read do not count as calls.
    """
    fresh = attempt = 0
    reason = ""
    while attempt < asks or (retry and fresh < asks):
        try:
            reply = await client.complete(request(attempt))
        except CallFailed as failure:
            halted = failure.reason if isinstance(failure, Halted) else None
            return Asked(
                None, f"{failure}; before that, {reason}" if reason else str(failure), attempt, halted
            )
        attempt += 1
        if reply.why_empty:
            reason = reply.why_empty
            break
        value, reason = read(reply)
        if value is not None:
            return Asked(value, "", attempt)
        fresh += not reply.cached
    return Asked(None, f"{reason} (asked {attempt} times)" if attempt > 1 else reason, attempt)
