"""Every way in which an endpoint is known to misbehave, by name, for `FakeServer`.

`FAULTS[name].answer(text)` is what the server does in place of the honest reply `text`. A fault says what the
client makes of it:

- `read`: the honest text is read after all;
- `empty`: a finished reply without text: the call fails once, and is paid again only if that is asked for;
- `failed`: no reply of a model: the call fails and a later run may send it again;
- `stopped`: nothing is sent any more.

`hostile(names)` is a script that gives each call one of the faults, and then the honest reply.

This is one list, a few lines for each fault, and so longer than other files: a new fault is compared with
those that are there.
"""

import gzip
import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from tests.llm.server import Answer, Ask, Script, completion, error

Ending = Literal["read", "empty", "failed", "stopped"]

BOMB_BYTES = 600 * 2**20
"""Unpacked size of the bombs that the tests use; 3 MB of gzip hold 3 GB."""


@dataclass(frozen=True)
class Fault:
    """A misbehaviour.

    Attributes:
        answer: What the server sends in place of an honest text.
        ends: What becomes of a call that meets it every time.
        tries: Most requests that such a call is worth; 0 for as many as the endpoint's settings say.
        tells: A part of the reason that the user reads.
    """

    answer: Callable[[str], Answer]
    ends: Ending
    tries: int = 1
    tells: str = ""


FAULTS: dict[str, Fault] = {}


def _fault(ends: Ending, tries: int = 1, tells: str = "") -> Callable[[Callable[[str], Answer]], object]:
    def keep(answer: Callable[[str], Answer]) -> Callable[[str], Answer]:
        FAULTS[answer.__name__.replace("_", "-")] = Fault(answer, ends, tries, tells)
        return answer

    return keep


def reply(
    message: Any = None, *, finish: Any = "stop", usage: Any = None, bills: bool = True, **others: Any
) -> Answer:
    """A chat completion with any message; `others` are further fields of the choice."""
    choice = {"index": 0, "finish_reason": finish, "message": message, **others}
    found: dict[str, Any] = {"object": "chat.completion", "model": "scripted-1", "choices": [choice]}
    found["usage"] = {"prompt_tokens": 100, "completion_tokens": 10} if usage is None else usage
    return Answer(json.dumps(found).encode(), bills=bills)


def body(value: Any, status: int = 200, *, bills: bool = False, **headers: str) -> Answer:
    """A response with any JSON."""
    return Answer(json.dumps(value).encode(), status, headers, bills=bills)


# Finished replies whose text stands somewhere else.


@_fault("read")
def content_as_parts(text: str) -> Answer:
    half = len(text) // 2
    parts = [{"type": "text", "text": text[:half]}, {"type": "output_text", "text": text[half:]}]
    return reply({"role": "assistant", "content": parts})


@_fault("read")
def content_as_one_part(text: str) -> Answer:
    return reply({"content": {"type": "text", "text": {"value": text}}})


@_fault("read")
def content_as_strings(text: str) -> Answer:
    return reply({"content": list(text)})


@_fault("read")
def thinking_parts_beside(text: str) -> Answer:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "perhaps 3"}]}
    return reply({"content": [thought, {"type": "text", "text": text}]})


@_fault("read")
def reasoning_content_beside(text: str) -> Answer:
    return reply({"content": text, "reasoning_content": "perhaps 3"})


@_fault("read")
def answer_in_reasoning_content(text: str) -> Answer:
    return reply({"content": None, "reasoning_content": f"perhaps 3\n</think>\n\n{text}"})


@_fault("read")
def text_completion(text: str) -> Answer:
    return reply(text=text)


@_fault("read")
def event_stream(text: str) -> Answer:
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}, *({"content": c} for c in text)]
    chunks = [{"object": "chat.completion.chunk", "choices": [{"delta": delta}]} for delta in deltas]
    chunks.append({"object": "chat.completion.chunk", "choices": [{"delta": {}, "finish_reason": "stop"}]})
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return Answer("".join([": ping\n\n", *lines, "data: [DONE]\n\n"]).encode(), bills=True)


@_fault("read")
def one_chunk_of_a_stream(text: str) -> Answer:
    choice = {"delta": {"content": text}, "finish_reason": "stop"}
    return body({"object": "chat.completion.chunk", "choices": [choice]}, bills=True)


@_fault("read")
def byte_order_mark(text: str) -> Answer:
    return replace(completion(text), body=b"\xef\xbb\xbf\r\n" + completion(text).body)


@_fault("read")
def created_201(text: str) -> Answer:
    return replace(completion(text), status=201)


@_fault("read")
def gzip_body(text: str) -> Answer:
    return _packed(gzip.compress(completion(text).body), "gzip")


@_fault("read")
def deflate_body(text: str) -> Answer:
    return _packed(zlib.compress(completion(text).body), "deflate")


@_fault("read")
def bare_deflate_body(text: str) -> Answer:
    packer = zlib.compressobj(wbits=-15)
    return _packed(packer.compress(completion(text).body) + packer.flush(), "deflate")


# Honest replies with poisoned fields beside them.


@_fault("read")
def usage_of_400_digits(text: str) -> Answer:
    poisoned = completion(text).body.replace(b'"prompt_tokens": 100', b'"prompt_tokens": ' + b"9" * 400)
    return Answer(poisoned.replace(b'"completion_tokens": 10', b'"completion_tokens": 1e999'), bills=True)


@_fault("read")
def usage_of_9000_digits(text: str) -> Answer:
    poisoned = completion(text).body.replace(
        b'"completion_tokens": 10', b'"completion_tokens": ' + b"9" * 9000
    )
    return Answer(poisoned, bills=True)


@_fault("read")
def usage_of_other_types(text: str) -> Answer:
    return reply({"content": text}, usage=[{"prompt_tokens": "many"}])


@_fault("read")
def usage_below_zero(text: str) -> Answer:
    return reply({"content": text}, usage={"prompt_tokens": -5, "completion_tokens": True})


@_fault("read")
def half_a_surrogate_pair_as_model(text: str) -> Answer:
    return Answer(completion(text).body.replace(b"scripted-1", b"m\\ud800\\u001b[31m"), bills=True)


@_fault("read")
def nested_model_and_finish(text: str) -> Answer:
    nested: Any = "x"
    for _ in range(200):
        nested = [nested]
    found = json.loads(reply({"content": text}, finish=nested).body)
    return body(found | {"model": nested}, bills=True)


@_fault("read")
def retry_after_beside_a_reply(text: str) -> Answer:
    return replace(completion(text), headers={"retry-after": "9" * 400})


# Finished replies without a text.


@_fault("empty", tells="gave no text")
def null_content(text: str) -> Answer:
    return reply({"role": "assistant", "content": None})


@_fault("empty", tells="gave no text")
def empty_content(text: str) -> Answer:
    return reply({"role": "assistant", "content": " \n"})


@_fault("empty", tells="gave no text")
def content_as_a_number(text: str) -> Answer:
    return reply({"content": 85})


@_fault("empty", tells="tool")
def tool_calls(text: str) -> Answer:
    call = {"type": "function", "function": {"name": "grade", "arguments": '{"score": 85}'}}
    return reply({"content": None, "tool_calls": [call]}, finish="tool_calls")


@_fault("empty", tells="refused: 'I will not")
def refusal(text: str) -> Answer:
    return reply({"content": None, "refusal": "I will not grade this."})


@_fault("empty", tells="content_filter")
def content_filter(text: str) -> Answer:
    return reply({"content": ""}, finish="content_filter")


@_fault("empty", tells="thinking")
def only_thinking(text: str) -> Answer:
    return reply({"content": None, "reasoning_content": "Let me see. 85 or 90?"})


@_fault("empty", tells="length")
def thinking_cut_off(text: str) -> Answer:
    return reply({"content": "", "reasoning": "85\nor perhaps"}, finish="length")


@_fault("empty", tells="no choice")
def no_choices(text: str) -> Answer:
    return body({"object": "chat.completion", "choices": []}, bills=True)


@_fault("empty", tells="no choice")
def null_choices(text: str) -> Answer:
    return body({"object": "chat.completion", "choices": None}, bills=True)


@_fault("empty", tells="no choice")
def choices_of_another_type(text: str) -> Answer:
    return body({"choices": {"0": text}}, bills=True)


@_fault("empty", tells="body is empty")
def empty_body(text: str) -> Answer:
    return Answer(b"", bills=True)


@_fault("empty", tells="MiB")
def gzip_bomb(text: str) -> Answer:
    return _packed(_bomb(), "gzip")


@_fault("empty", tells="MiB")
def gzip_bomb_in_a_bomb(text: str) -> Answer:
    return _packed(gzip.compress(_bomb()), "gzip, gzip")


@_fault("empty", tells="not offered")
def an_encoding_that_was_not_offered(text: str) -> Answer:
    return _packed(b"\x8b\x02\x80" + completion(text).body, "br")


@_fault("empty", tries=3, tells="damaged")
def damaged_gzip(text: str) -> Answer:
    packed = bytearray(gzip.compress(completion(text).body))
    packed[12:20] = b"\xff" * 8
    return _packed(bytes(packed), "gzip")


@_fault("empty", tries=3, tells="not JSON")
def cut_json(text: str) -> Answer:
    whole = reply({"content": text * 3})
    return replace(whole, body=whole.body[:-60])


@_fault("empty", tries=3, tells="not JSON: '{")
def json_cut_in_its_first_field(text: str) -> Answer:
    return Answer(b'{"id": "chatcmpl-1', bills=True)


@_fault("empty", tries=3, tells="not JSON")
def plain_text(text: str) -> Answer:
    return Answer(f"The grade is {text}".encode(), headers={"content-type": "text/plain"}, bills=True)


@_fault("empty", tries=3, tells="not JSON")
def json_in_utf_16(text: str) -> Answer:
    return replace(completion(text), body=completion(text).body.decode().encode("utf-16"))


@_fault("empty", tries=3, tells="without an end")
def cut_event_stream(text: str) -> Answer:
    return Answer(b'data: {"choices": [{"delta": {"content": "8"}}]}\n\n', bills=True)


# No reply of a model.


@_fault("failed", tells="chat completion")
def another_json(text: str) -> Answer:
    return body({"object": "list", "data": [88]})


@_fault("failed", tells="chat completion")
def a_number(text: str) -> Answer:
    return body(88)


@_fault("failed", tells="web page")
def a_web_page(text: str) -> Answer:
    return Answer(b"<!DOCTYPE html><html><body>Welcome!</body></html>")


@_fault("failed", tells="context is too long")
def error_with_status_200(text: str) -> Answer:
    return body({"choices": None, "error": {"message": "context is too long", "code": 400}})


@_fault("failed", tells="moderation")
def moderated_403(text: str) -> Answer:
    return body({"error": {"message": "flagged by moderation", "code": 403}}, 403)


@_fault("failed", tries=0, tells="bad gateway")
def error_502_with_status_200(text: str) -> Answer:
    return body({"error": {"message": "bad gateway", "code": 502}})


@_fault("failed", tries=0, tells="slow down")
def rate_limit_with_status_200(text: str) -> Answer:
    return body({"error": {"message": "slow down", "type": "rate_limit_exceeded"}})


@_fault("failed", tries=0, tells="slow down")
def too_many_requests(text: str) -> Answer:
    return error(429, "slow down")


@_fault("failed", tells="beyond any date")
def retry_after_beyond_any_number(text: str) -> Answer:
    return error(429, "later", retry_after="9" * 400)


@_fault("failed", tells="beyond any date")
def retry_after_beyond_any_date(text: str) -> Answer:
    return error(429, "later", retry_after="Fri, 31 Dec 99999 23:59:59 GMT")


@_fault("failed", tries=0, tells="later")
def retry_after_that_is_none(text: str) -> Answer:
    return error(429, "later", retry_after="Mon, 99 Foo -1 \xff")


@_fault("failed", tries=0, tells="oops")
def server_error(text: str) -> Answer:
    return error(500, "oops")


@_fault("failed", tries=3, tells="rules of HTTP")
def malformed_header(text: str) -> Answer:
    whole = completion(text).body
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nbad header without a colon\r\n\r\n" % len(whole)
    return Answer(b"", raw=head + whole)


@_fault("failed", tries=3, tells="rules of HTTP")
def endless_header(text: str) -> Answer:
    return Answer(b"", raw=b"HTTP/1.1 200 OK\r\nx: " + b"a" * 70_000 + b"\r\n\r\n")


@_fault("failed", tries=3, tells="rules of HTTP")
def not_http(text: str) -> Answer:
    return Answer(b"", raw=b"220 mail.example ESMTP ready\r\n")


@_fault("failed", tries=0, tells="broke")
def closed_without_a_word(text: str) -> Answer:
    return Answer(b"", raw=b"")


@_fault("failed", tries=0, tells="broke")
def cut_connection(text: str) -> Answer:
    return replace(completion(text), cut=30, bills=False)


# What ends a run.


@_fault("stopped", tells="Insufficient credits")
def payment_required_with_status_200(text: str) -> Answer:
    return body({"error": {"message": "Insufficient credits", "code": 402}})


@_fault("stopped", tells="402")
def payment_required(text: str) -> Answer:
    return error(402, "pay first")


@_fault("stopped", tells="quota")
def quota_with_status_200(text: str) -> Answer:
    return body(
        {"choices": None, "error": {"message": "You exceeded your quota", "type": "insufficient_quota"}}
    )


@_fault("stopped", tells="quota")
def quota_429(text: str) -> Answer:
    return body({"error": {"message": "your quota", "code": "insufficient_quota"}}, 429)


@_fault("stopped", tells="bad key")
def refused_key(text: str) -> Answer:
    return error(401, "bad key")


@_fault("stopped", tells="points to")
def malformed_location(text: str) -> Answer:
    return Answer(b"", 307, {"location": "http://[::1/v1?key=1"})


@_fault("stopped", tells="points to")
def redirect(text: str) -> Answer:
    return Answer(b"", 308, {"location": "https://me:pw@elsewhere.example/v1?key=1"})


def hostile(names: Sequence[str], honest: Callable[[Ask], str], *, share: float = 0.5) -> Script:
    """A script: a share of the calls meet one of the faults at their first try, all others are honest.

    Which one depends on the call alone, not on the order in which calls come.
    """

    def script(ask: Ask) -> Answer:
        text = honest(ask)
        chance = _chance(ask, "which")
        if ask.tries > 0 or _chance(ask, "whether") >= share:
            return completion(text)
        return FAULTS[names[int(chance * len(names))]].answer(text)

    return script


def _chance(ask: Ask, salt: str) -> float:
    return replace(ask, tries=0).chance(salt)


def _packed(data: bytes, encoding: str) -> Answer:
    return Answer(data, headers={"content-encoding": encoding}, bills=True)


def _bomb() -> bytes:
    """A gzip body of `BOMB_BYTES` zeros, a thousandth of it in size: one block many times, without an end."""
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return gzip.compress(b"")[:10] + block * (BOMB_BYTES // 2**20)
