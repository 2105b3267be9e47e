"""Reading the body of a response: a reply, a reply without text, or an error, whatever its shape.

No body makes this raise anything but RequestError.
"""

import json
import re
from dataclasses import replace
from typing import Any

from finegold.llm.logprobs import first_logprobs, prompt_logprobs
from finegold.llm.reply import ChatReply, RequestError, RequestErrorKind
from finegold.llm.thinking import without_thinking

_MOST_TOKENS = 100_000_000
"""A count of tokens above this is not believed."""
_CUT_TRIES = 3
"""Tries of a call whose body comes cut off: a proxy that cuts one reply cuts the next one too."""
_REASONING = ("reasoning_content", "reasoning", "reasoning_details", "thinking", "thought")
_ERRORS = ("error", "errors", "detail", "error_msg", "error_message", "message", "msg")
_QUOTA = re.compile(
    r"insufficient[_ -]?(?:quota|balance|credit|fund)|billing_|payment[_ ]required|out of credit|"
    r"no credit|(?:balance|credit)[^.]{0,20} too low|hard[_ ]limit"
)
_WORDS: tuple[tuple[RequestErrorKind, str], ...] = (
    ("locked", r"quota|api[_ -]?key|authenti|unauthori[sz]ed|permission[_ ]denied|access[_ ]denied"),
    ("busy", r"rate[_ -]?limit|too many requests|throttl|resource[_ ]exhausted"),
    ("down", r"overload|server[_ ]error|internal[_ ]error|unavailable|timed?[_ -]?out|capacity|upstream"),
)
_ONE_WORD = re.compile(r"\W*[\w.]+\W*")


def read_body(body: bytes, created: str, *, status: int = 200, wait: float | None = None) -> ChatReply:
    """The body of a response with a status of success as a reply.

    The text may be a string, a list of parts, a text completion or an event stream. Where there is none, an
    answer that the server put into the reasoning field is taken; else the reply says why it has no text.

    Args:
        body: The bytes, decompressed.
        created: When it was received.
        status: HTTP status.
        wait: Seconds that the header `Retry-After` asks to wait.

    Raises:
        RequestError: `garbled` if the body is cut off; the error that the body tells of; `refused` if it is
            no chat completion.
    """
    try:
        return _read(body, created, status, wait)
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError, OverflowError) as error:
        raise _garbled(created, f"the reply cannot be read ({type(error).__name__})", status) from None


def error_in(status: int, data: Any, text: str = "", *, wait: float | None = None) -> RequestError:
    """The error that a body tells of, by its status, its own code and its words.

    Args:
        status: HTTP status; where it is one of success, the code in the body counts.
        data: The body as JSON; a text if it is none.
        text: The body as text, in which words such as `insufficient_quota` are looked for.
        wait: Seconds that the endpoint asks to wait.
    """
    shape = data if isinstance(data, dict) else {}
    found: Any = next((shape[key] for key in _ERRORS if shape.get(key)), data)
    if isinstance(found, list) and found:
        found = found[0]
    inner = found if isinstance(found, dict) else shape
    if 200 <= status < 300:
        names = ("code", "status", "status_code", "error_code")
        codes = [str(inner.get(name, shape.get(name)))[:9] for name in names]
        status = next((int(code) for code in codes if re.fullmatch(r"[45]\d\d", code)), 200)
    said = found.get("message", found) if isinstance(found, dict) else found
    words = " ".join(shown_line(inner.get(key, "")) for key in ("type", "code", "status"))
    if status in (200, 402, 403, 429):
        # Not for 400: its sentence may quote the row, and no row may end the run.
        words = f"{words} {text[:4000]}"
    kind = _kind(status, words.lower())
    reason = f"the endpoint answered {status}" if status != 200 else "the endpoint answered with an error"
    shown = shown_line(said)
    return RequestError(kind, reason + (f": {shown}" if shown else ""), retry_after=wait, status=status)


def shown_line(value: Any, limit: int = 300) -> str:
    """A value of an endpoint as one printable line: control characters could rewrite a terminal."""
    try:
        line = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except (ValueError, TypeError, RecursionError):
        line = type(value).__name__
    line = " ".join(line[: 4 * limit].split())
    return "".join(c for c in line if c.isprintable())[:limit]


def _kind(status: int, words: str) -> RequestErrorKind:
    if status == 403 and re.search(r"moderat|flagged|content[_ ]policy|safety", words):
        return "refused"
    if status in (401, 402, 403) or _QUOTA.search(words):
        return "locked"
    if status == 429:
        return "busy"
    if status >= 500 or status in (408, 409, 425):
        return "down"
    if status == 200:
        return next((kind for kind, pattern in _WORDS if re.search(pattern, words)), "refused")
    return "refused"


def _read(body: bytes, created: str, status: int, wait: float | None) -> ChatReply:
    text = body.decode("utf-8", "replace").lstrip("\ufeff").strip()
    if re.match(r"(?:data|event|id|retry)?:", text):
        data = _joined_stream(text, created, status)
    else:
        try:
            # A count of thousands of digits is no reason to lose a reply.
            data = json.loads(text, parse_int=_int)
        except (ValueError, RecursionError):
            if re.match(r"<(?:!doctype|html|\?xml)", text, re.IGNORECASE):
                raise _no_completion(text, status, "a web page") from None
            if not text:
                return _without_text({}, "stop", "unknown", {}, created, "the body is empty")
            raise _garbled(
                created, f"the reply's body is not JSON: {shown_line(text, 80)!r}", status
            ) from None
    if not isinstance(data, dict):
        raise _no_completion(text, status, "something else")
    choices = data.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    inside = choice.get("error") if isinstance(choice, dict) else None
    if data.get("error") or inside:
        raise error_in(200, data if data.get("error") else choice, text, wait=wait)
    if "choices" not in data:
        if any(data.get(key) for key in _ERRORS):
            raise error_in(200, data, text, wait=wait)
        raise _no_completion(text, status, "something else")
    return replace(
        _from_choice(choice, data, created),
        prompt_logprobs=prompt_logprobs(data, choice),
        first_logprobs=first_logprobs(choice),
    )


def _from_choice(choice: Any, data: dict[str, Any], created: str) -> ChatReply:
    usage = data.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    model = data.get("model")
    model = (shown_line(model, 200) if isinstance(model, str) else "") or "unknown"
    if not isinstance(choice, dict):
        return _without_text(data, "unknown", model, usage, created, "the reply holds no choice")
    finish = choice.get("finish_reason")
    finish = (shown_line(finish, 40) if isinstance(finish, str) else "") or "unknown"
    message: Any = choice.get("message", choice.get("delta"))
    if not isinstance(message, dict):
        message = {"content": message if message is not None else choice.get("text")}
    content = message.get("content")
    said, thought, refusal = _texts(content if content is not None else choice.get("text"))
    reasoning = thought or next((t for name in _REASONING if (t := "".join(_texts(message.get(name))))), "")
    refused = message.get("refusal")
    refusal = (refused if isinstance(refused, str) else "") or refusal
    if not said.strip() and reasoning and finish != "length":
        said = _misplaced(reasoning)
    if not said.strip():
        return _without_text(message, finish, model, usage, created, reasoning=reasoning, refusal=refusal)
    return ChatReply(
        said,
        finish,
        model,
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
        created,
        reasoning=reasoning,
    )


def _without_text(
    message: Any,
    finish: str,
    model: str,
    usage: dict[str, Any],
    created: str,
    problem: str = "",
    *,
    reasoning: str = "",
    refusal: str = "",
) -> ChatReply:
    """A finished reply that has no text, with the part of it that tells why."""
    if problem and message:
        problem = f"{problem}: {shown_line(message, 120)!r}"
    elif refusal:
        problem = f"the model refused: {shown_line(refusal, 120)!r}"
    elif not problem and (message.get("tool_calls") or message.get("function_call")):
        called = message.get("tool_calls") or message.get("function_call")
        problem = f"the model called a tool instead of giving text: {shown_line(called, 120)!r}"
    elif reasoning and finish == "length":
        problem = "the model gave its thinking and no text, and ended with 'length': allow more tokens"
    elif reasoning:
        problem = f"the model gave its thinking and no text: {shown_line(reasoning, 80)!r}"
    elif not problem and finish in ("length", "content_filter"):
        problem = f"the model gave no text (it ended with '{finish}')"
    elif not problem:
        problem = f"the model gave no text (it ended with '{finish}'): {shown_line(message, 120)!r}"
    return ChatReply(
        "",
        finish,
        model,
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
        created,
        reasoning=reasoning,
        problem=problem,
    )


def _texts(content: Any, depth: int = 0) -> tuple[str, str, str]:
    """The text, the thinking and the refusal in a content: a string, a part, or a list of parts."""
    if isinstance(content, str):
        return content, "", ""
    if isinstance(content, list) and depth < 4:
        found = [_texts(part, depth + 1) for part in content]
        said, thought, refusal = (
            ("".join(pieces) for pieces in zip(*found, strict=True)) if found else ("",) * 3
        )
        return said, thought, refusal
    if not isinstance(content, dict) or depth >= 4:
        return "", "", ""
    kind = str(content.get("type", "text"))[:40]
    inner: Any = next(
        (
            content[key]
            for key in ("text", "value", "thinking", "reasoning", "summary", "refusal", "content")
            if content.get(key)
        ),
        None,
    )
    said = "".join(_texts(inner, depth + 1))
    if "think" in kind or "reason" in kind or "summary" in kind:
        return "", said, ""
    if "refusal" in kind:
        return "", "", said
    return (said, "", "") if "text" in kind else ("", "", "")


def _misplaced(reasoning: str) -> str:
    """The answer in a reasoning field, where a server put all into it: behind the thinking, or alone.

    Alone means a JSON object or a single word, which no thinking is.
    """
    answer = without_thinking(reasoning)
    if answer and answer != reasoning.strip():
        return answer
    try:
        whole = isinstance(json.loads(answer), dict)
    except (ValueError, RecursionError):
        whole = _ONE_WORD.fullmatch(answer) is not None
    return answer if whole else ""


def _joined_stream(text: str, created: str, status: int) -> dict[str, Any]:
    """One completion from an event stream; raises a `garbled` RequestError if the stream has no end."""
    joined: dict[str, Any] = {}
    pieces: dict[str, list[Any]] = {}
    finish: Any = None
    ended = False
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name != "data":
            continue
        if value.strip() == "[DONE]":
            ended = True
            continue
        try:
            chunk = json.loads(value, parse_int=_int)
        except (ValueError, RecursionError):
            continue
        if not isinstance(chunk, dict):
            continue
        joined |= {key: chunk[key] for key in ("model", "usage", "error") if chunk.get(key)}
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            continue
        if choice.get("error"):
            joined["error"] = choice["error"]
        finish = choice.get("finish_reason") or finish
        delta = choice.get("delta", choice.get("message", {"content": choice.get("text")}))
        for key, piece in (delta if isinstance(delta, dict) else {}).items():
            if piece:
                pieces.setdefault(key, []).append(piece)
    if not (ended or finish or joined.get("error")):
        raise _garbled(created, "the reply is an event stream without an end", status)
    message: dict[str, Any] = {
        key: "".join(found) if all(isinstance(p, str) for p in found) else found
        for key, found in pieces.items()
    }
    return joined | {"choices": [{"message": message, "finish_reason": finish}]}


def _garbled(created: str, reason: str, status: int) -> RequestError:
    """A body that is cut off or no JSON: it is counted as paid, so it is kept when its tries are used up."""
    paid = ChatReply("", "unknown", "unknown", None, None, created, problem=reason)
    return RequestError("garbled", reason, status=status, tries=_CUT_TRIES, reply=paid)


def _no_completion(text: str, status: int, what: str) -> RequestError:
    return RequestError(
        "refused",
        f"the endpoint answered with {what} in place of a chat completion: {shown_line(text, 80)!r}; "
        "give the address where the API is, up to /chat/completions, as --base-url",
        status=status,
    )


def _int(digits: str) -> int | None:
    return int(digits) if len(digits) <= 18 else None


def _count(value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value) if value <= _MOST_TOKENS else None
    plausible = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS
    return value if plausible else None
