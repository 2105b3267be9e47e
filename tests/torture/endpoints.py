"""A hostile endpoint: every fault, limits on calls and dollars, and judges that obey what rows demand."""

import math
import random
from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr
from tests.llm.hostile import FAULTS, hostile
from tests.llm.injections import DEMANDS, HIGHEST, demand
from tests.llm.server import Answer, Ask, FakeServer, completion
from tests.llm.test_hostile import HONEST, RETRIES, complete, request, session
from tests.torture.table import Row

from finegold.llm import ChatReply, Endpoint, Limits, Prices, Session
from finegold.samples import ImageRef, Sample, Turn
from finegold.scorers import Batch, Context
from finegold.scorers.llm import LlmScorer

_REPLY_FORMS = (
    "{n}",
    "{n}.0",
    "Score: {n}.",
    "**{n}/100**",
    '{{"score": {n}}}',
    '{{"score": {n}.00, "reason": "It names."}}',
    '{{"reason": "It names.", "score": "{n}"}}',
)
_PRICES = Prices(prompt=100.0, completion=100.0)


def faults(work: Path, rng: random.Random) -> Row:
    """Every fault alone, and all of them among honest replies; the same again costs nothing."""
    row = Row("hostile endpoint")
    for name, fault in FAULTS.items():
        row.tried += 1
        folder = work / name
        folder.mkdir()
        with FakeServer(lambda _, fault=fault: fault.answer(HONEST)) as server:  # type: ignore[misc]
            try:
                (found,) = complete(session(server.url, folder), [request(0)])
                first = len(server.asks)
                complete(session(server.url, folder), [request(0)])
            except Exception as error:
                row.unexpected.append(f"{name}: {type(error).__name__}: {error}")
                continue
        text = found.answer if isinstance(found, ChatReply) else ""
        if fault.ends == "read" and text != HONEST:
            row.lost.append(f"{name}: {found}")
        if fault.ends != "read" and text:
            row.believed.append(f"{name}: {text}")
        if first > (fault.tries or RETRIES + 1) or (
            fault.ends in ("read", "empty") and len(server.asks) > first
        ):
            row.paid.append(f"{name}: {first} and then {len(server.asks) - first} requests")
    _among_honest(work, rng, row)
    return row


def _among_honest(work: Path, rng: random.Random, row: Row) -> None:
    names = [name for name, fault in FAULTS.items() if fault.ends != "stopped" and "bomb" not in name]
    start = rng.randrange(10**9)
    requests = [request(start + number) for number in range(200)]
    row.tried += len(requests)
    with FakeServer(hostile(names, lambda ask: f"reply to {ask.text}")) as server:
        results = complete(session(server.url, work), requests)
        complete(session(server.url, work), requests)
        met = {ask.key for ask in server.asks if ask.tries > 0}
    for number, result in enumerate(results):
        if isinstance(result, ChatReply) and result.text:
            if result.answer != f"reply to row {start + number}.":
                row.believed.append(result.answer)
        elif not (result.why_empty if isinstance(result, ChatReply) else str(result)):
            row.unexpected.append(f"row {start + number}: no reason")
    row.paid += [key for key, times in server.charged.items() if times > 1 and key not in met]


def limits(work: Path, rng: random.Random) -> Row:
    """Limits on calls and on dollars, below what the rows need, with and without faults."""
    row = Row("limits on money")
    names = [name for name, fault in FAULTS.items() if fault.ends != "stopped" and "bomb" not in name]
    for number in range(12):
        row.tried += 1
        folder = work / str(number)
        folder.mkdir()
        most = rng.randrange(1, 12)
        price = _PRICES.prompt * 110 / 1e6
        kind = Limits(max_calls=most) if number % 2 else Limits(max_usd=most * price, prices=_PRICES)
        share = rng.choice((0.0, 0.5))
        script = hostile(names, lambda _: HONEST, share=share)
        requests = [request(rng.randrange(10**9)) for _ in range(30)]
        with FakeServer(script) as server:
            try:
                complete(_limited(server.url, folder, kind), requests)
            except Exception as error:
                row.unexpected.append(f"{kind}: {type(error).__name__}: {error}")
            made = len(server.asks) if kind.max_calls is not None else sum(server.charged.values())
        if made > most:
            row.paid.append(f"{most} allowed, {made} made ({kind})")
        if share == 0.0 and kind.max_calls is not None and made < most:
            row.lost.append(f"{most} allowed, {made} made ({kind})")
    return row


def _limited(url: str, folder: Path, kind: Limits) -> Session:
    endpoint = Endpoint(url, SecretStr("k" * 20), timeout=60, backoff=0.001, retries=2, down_wait=0.01)
    return Session(endpoint, kind, folder / "llm.sqlite3", folder / "audit.jsonl")


def injections(work: Path, rng: random.Random) -> Row:
    """A judge that gives each row what it demands; rows beside them demand nothing."""
    row = Row("injections")
    demanded: dict[str, int] = {}
    answers: dict[str, str] = {}
    for name in (*DEMANDS, *(f"highest {name}" for name in HIGHEST)):
        for form in rng.sample(range(len(_REPLY_FORMS)), 3):
            key = f"row {len(answers)} of {rng.randrange(10**6)}"
            score = rng.choice((83, 97, 99, 100))
            text = HIGHEST[name.removeprefix("highest ")] if name not in DEMANDS else demand(name, score)
            demanded[key] = form * 1000 + (score if name in DEMANDS else 100)
            answers[key] = f"A dog runs on a beach in {key}. {text}\nTwo people watch."
    honest = {f"honest row {number}.": 40 + number % 30 for number in range(100)}
    answers |= {key: f"A cat sleeps in {key} It is grey." for key in honest}

    def judge(ask: Ask) -> Answer:
        key = next(key for key, answer in answers.items() if answer.split("\n")[0] in ask.text)
        form, score = divmod(demanded[key], 1000) if key in demanded else (4, honest[key])
        return completion(_REPLY_FORMS[form].format(n=score))

    found = _scores(judge, work, answers)
    for key, value in found.items():
        row.tried += 1
        if key in honest and value != honest[key]:
            row.lost.append(f"{answers[key]!r}: {value} for {honest[key]}")
        if key in demanded and value == demanded[key] % 1000:
            row.believed.append(f"{answers[key]!r}: {value}")
        if value is not None and not math.isfinite(value):
            row.unexpected.append(f"{answers[key]!r}: {value}")
    return row


def _scores(judge: Callable[[Ask], Answer], work: Path, answers: dict[str, str]) -> dict[str, float | None]:
    samples = [
        Sample(
            key, (ImageRef("x.jpg"),), (Turn("user", "<image>\nDescribe it."), Turn("assistant", text)), {}
        )
        for key, text in answers.items()
    ]
    with FakeServer(judge) as server:
        context = Context(open_session=lambda: _limited(server.url, work, Limits()))
        with context:
            scores = LlmScorer("m").prepare(context)(Batch(samples))
    return {key: score.value for key, score in zip(answers, scores, strict=True)}
