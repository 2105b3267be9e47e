"""What is sent: a chat request of trusted text, marked untrusted text and pictures, and its cache key."""

import base64
import hashlib
import hmac
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from PIL import Image

from finegold.run import canonical_json
from finegold.samples.control_tokens import VERSION, defused, holds_control_tokens

LONGEST_SIDE = 1024
"""Pixels of the longest side of an image that is sent, at most."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Stands, inside trusted text, for the request's marker."""


@dataclass(frozen=True, slots=True)
class Untrusted:
    """Text that somebody else wrote: data between lines with the request's marker, never an instruction.

    Attributes:
        label: What it is, in capitals: `ANSWER`.
        text: The text, unchanged.
    """

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """An image to show.

    Attributes:
        jpeg: The encoded image that is sent.
        sha256: Hash of the decoded pixels and the size, so that another JPEG encoder does not change the key.
        size: Width and height in pixels.
    """

    jpeg: bytes = field(repr=False)
    sha256: str
    size: tuple[int, int]

    @classmethod
    def of(cls, image: Image.Image, *, longest_side: int = LONGEST_SIDE) -> "Picture":
        """An RGB image, shrunk so that its longest side fits, as JPEG of quality 90."""
        digest = hashlib.sha256(f"{image.size}/{longest_side}/".encode() + image.tobytes()).hexdigest()
        shown = image.copy()
        shown.thumbnail((longest_side, longest_side), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        shown.save(buffer, "JPEG", quality=90)
        return cls(buffer.getvalue(), digest, shown.size)


Part = str | Mark | Untrusted | Picture


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a request; its parts are joined without separators."""

    role: Literal["system", "user", "assistant"]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One call. What its cache key covers is what the reply depends on.

    Attributes:
        model: Name of the model at the endpoint.
        messages: The rendered template.
        template: Name and version of the template, such as `rating-text/1`.
        temperature: None leaves it to the endpoint.
        max_tokens: Most tokens of the reply.
        schema: JSON schema that the reply must follow, where the endpoint has structured output.
        attempt: Number of unreadable replies before this call, which is another call for each number.
        plain: The same request without a schema, for an endpoint that refuses schemas.
        logprobs: `prompt`: the log-probability of each token of the prompt is requested, as vLLM gives it;
            the prompt ends behind the last message, which may be an answer. `first`: those of the 20
            likeliest first tokens of the reply.
        tags: Written to the audit beside the exchange; not part of the key.
    """

    model: str
    messages: tuple[Message, ...]
    template: str
    temperature: float | None = 0.0
    max_tokens: int = 256
    schema: Mapping[str, Any] | None = None
    attempt: int = 0
    plain: "ChatRequest | None" = field(default=None, compare=False)
    logprobs: Literal["prompt", "first"] | None = None
    tags: Mapping[str, str | int] = field(default_factory=dict, compare=False)

    def key(self) -> str:
        """Hex sha256 of model, parameters, template version and content with image hashes.

        The marker is not part of it, since it is derived from this key.
        """
        content: dict[str, Any] = {
            "model": self.model,
            "template": self.template,
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "schema": self.schema,
            "attempt": self.attempt,
            "messages": [[m.role, [_identity(part) for part in m.parts]] for m in self.messages],
        }
        if self.logprobs is not None:
            content["logprobs"] = self.logprobs
        return hashlib.sha256(canonical_json(content).encode("utf-8", "surrogatepass")).hexdigest()

    def keyed(self) -> "dict[str, ChatRequest]":
        """This request and its `plain` form, if there is one, by their keys."""
        return {form.key(): form for form in (self, self.plain) if form is not None}

    def payload(self, marker: str) -> dict[str, Any]:
        """Body of the HTTP request in the Chat Completions format."""
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": m.role, "content": _content(m, marker)} for m in self.messages],
            "max_tokens": self.max_tokens,
        }
        if self.temperature is not None:
            body["temperature"] = self.temperature
        if self.schema is not None:
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "reply", "strict": True, "schema": dict(self.schema)},
            }
        if self.logprobs == "prompt":
            body["prompt_logprobs"] = 0
            body["add_generation_prompt"] = self.messages[-1].role != "assistant"
        elif self.logprobs == "first":
            body |= {"logprobs": True, "top_logprobs": 20}
        return body

    def transcript(self, marker: str) -> list[dict[str, str]]:
        """The messages as text for the audit, each picture as its hash."""
        return [{"role": m.role, "text": "".join(_text(p, marker) for p in m.parts)} for m in self.messages]


def marker_of(secret: bytes, key: str) -> str:
    """A request's marker: 16 hex digits, unforeseeable without the secret, the same on every resume."""
    return hmac.new(secret, key.encode(), hashlib.sha256).hexdigest()[:16]


def _text(part: Part, marker: str) -> str:
    if isinstance(part, Untrusted):
        shown = defused(part.text)
        # A lone surrogate cannot be sent as UTF-8.
        shown = shown.encode("utf-8", "replace").decode("utf-8")
        return f"<<<{part.label} {marker}\n{shown}\n{marker} END {part.label}>>>"
    if isinstance(part, Mark):
        return marker
    return f"[image sha256:{part.sha256}]" if isinstance(part, Picture) else part


def _identity(part: Part) -> Any:
    if isinstance(part, Untrusted):
        identity = {"untrusted": part.label, "text": part.text}
        return identity | ({"control_tokens": VERSION} if holds_control_tokens(part.text) else {})
    if isinstance(part, Mark):
        return {"mark": True}
    return {"image": part.sha256} if isinstance(part, Picture) else part


def _content(message: Message, marker: str) -> str | list[dict[str, Any]]:
    if not any(isinstance(part, Picture) for part in message.parts):
        return "".join(_text(part, marker) for part in message.parts)
    content: list[dict[str, Any]] = []
    for part in message.parts:
        if isinstance(part, Picture):
            url = "data:image/jpeg;base64," + base64.b64encode(part.jpeg).decode()
            content.append({"type": "image_url", "image_url": {"url": url}})
        elif content and content[-1]["type"] == "text":
            content[-1]["text"] += _text(part, marker)
        else:
            content.append({"type": "text", "text": _text(part, marker)})
    return content
