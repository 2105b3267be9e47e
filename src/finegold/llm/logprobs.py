"""Log-probabilities in replies: of the prompt's tokens, and of the likeliest first tokens."""

import math
from collections.abc import Iterable
from typing import Any

from finegold.llm.reply import TokenLogprobs


def prompt_logprobs(data: dict[str, Any], choice: Any) -> TokenLogprobs:
    """Each token of the prompt with its log-probability, as vLLM gives them for `prompt_logprobs`.

    Args:
        data: The reply.
        choice: Its first choice, where some versions put the list.

    Returns:
        Pairs of a token's id and nats; the first token, which follows nothing, is ("", 0). Empty if the
        reply has none, or one that cannot be read.
    """
    inside = choice.get("prompt_logprobs") if isinstance(choice, dict) else None
    listed = data.get("prompt_logprobs") or inside
    if not isinstance(listed, list) or len(listed) < 2:
        return ()
    # Where other likely tokens are listed too, the prompt's own one comes first.
    pairs = [next(iter(one.items())) if isinstance(one, dict) and one else ("", None) for one in listed[1:]]
    return _believed(pairs, ("", 0.0))


def first_logprobs(choice: Any) -> TokenLogprobs:
    """The likeliest first tokens of a reply as text, each with its log-probability; empty if it has none."""
    try:
        listed = choice["logprobs"]["content"][0]["top_logprobs"]
        return _believed([(one["token"], one["logprob"]) for one in listed])
    except (KeyError, IndexError, TypeError):
        return ()


def _believed(pairs: Iterable[tuple[Any, Any]], *before: tuple[str, float]) -> TokenLogprobs:
    """The pairs, if each has a token and the logarithm of a probability; else nothing."""
    found = list(before)
    for token, value in pairs:
        number = value.get("logprob") if isinstance(value, dict) else value
        if isinstance(number, bool) or not isinstance(number, int | float):
            return ()
        if not math.isfinite(number) or number > 1e-3:
            return ()
        found.append((str(token), float(number)))
    return tuple(found)
