"""The form of a request that an endpoint takes: features that it refuses are left out, and that is said."""

import re
from dataclasses import dataclass, replace
from typing import Any

from finegold.llm.reply import RequestError
from finegold.llm.request import ChatRequest

_REFUSED = (200, 400, 404, 415, 422, 501)
_TEMPERATURE = re.compile(
    r"temperature\W.{0,80}(?:support|only|default|must|allowed|deprecat|permitted|invalid|value)"
    r"|(?:support|unknown|unrecogni[sz]ed|invalid|deprecat|unexpected|extra|not permitted)"
    r".{0,80}\btemperature\b",
    re.DOTALL,
)

_STREAM = re.compile(r"\bstream(?:ing|_options)?\b")
"""Not "upstream", of which many errors speak."""


@dataclass(frozen=True, slots=True)
class RequestForm:
    """What an endpoint is known to take.

    Attributes:
        schemas: Whether it takes a JSON schema.
        temperature: Whether it takes a temperature.
        length_field: Name of the field for the most tokens of a reply.
        streams: Whether it takes that a reply is sent while it is made.
    """

    schemas: bool = True
    temperature: bool = True
    length_field: str = "max_tokens"
    streams: bool = True

    def payload(self, request: ChatRequest, marker: str, *, stream: bool = False) -> dict[str, Any]:
        """Body of the HTTP request; with `stream` the reply is to come while it is made."""
        body = request.payload(marker)
        if stream and self.streams:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        if not self.temperature:
            body.pop("temperature", None)
        if self.length_field != "max_tokens":
            body[self.length_field] = body.pop("max_tokens")
        return body

    def adapted(self, request: ChatRequest, error: RequestError) -> tuple["RequestForm", str]:
        """The form without the feature that an error refuses, and a note for the user; else this one."""
        if error.status not in _REFUSED or (error.kind != "refused" and error.status != 501):
            return self, ""
        said = error.reason.lower()
        if self.streams and _STREAM.search(said):
            return replace(self, streams=False), ""
        if "max_completion_tokens" in said and self.length_field == "max_tokens":
            return replace(self, length_field="max_completion_tokens"), ""
        if self.temperature and request.temperature is not None and _TEMPERATURE.search(said):
            note = (
                f"replies are drawn at the model's own temperature: {request.temperature:g} was refused "
                f"({error.reason})"
            )
            return replace(self, temperature=False), note
        words = ("response_format", "schema", "structured", "extra")
        if self.schemas and request.plain is not None and any(word in said for word in words):
            return replace(
                self, schemas=False
            ), f"plain replies are read: structured output was refused ({error.reason})"
        return self, ""
