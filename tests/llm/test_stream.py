"""Replies that come while they are made: what who looks on is shown, and that the reply is the same."""

import json
import re
from pathlib import Path

import pytest
from tests.llm.server import Answer, Ask, FakeServer, completion, error, streamed
from tests.models.test_endpoint import IMAGES, opened

from finegold.llm.stream import StreamWatch
from finegold.models import Sampling

SAID = ("<think>So…</think>", "A dog ", "läuft 🐕", ".")
WHOLE = "A dog läuft 🐕."


def test_what_is_shown_grows_whatever_pieces_the_bytes_come_in() -> None:
    lines = [{"choices": [{"delta": {"content": text}}]} for text in SAID]
    body = b"".join(f"data: {json.dumps(one, ensure_ascii=False)}\n\n".encode() for one in lines)
    damaged = b': ping\n\ndata: {\n\ndata: [1]\n\ndata: {"choices": []}\n\n'
    for size in (1, 7, 10_000):
        shown: list[str] = []
        watch = StreamWatch(shown.append)
        for start in range(0, len(damaged + body), size):
            watch.feed((damaged + body)[start : start + size])
        assert shown[-1] == WHOLE
        assert all(WHOLE.startswith(text) for text in shown)
        assert len(shown) == (1 if size > 1000 else 3)


@pytest.mark.parametrize("how", ["streams", "sends it whole", "refuses to stream", "counts no tokens"])
def test_an_endpoint_streams_its_answer_or_sends_it_whole_and_it_is_kept(how: str, tmp_path: Path) -> None:
    def script(ask: Ask) -> Answer:
        asked = ask.body.get("stream") is True
        if how == "refuses to stream" and asked:
            return error(400, "stream_options: extra inputs are not permitted")
        if how in ("streams", "counts no tokens") and asked:
            assert ask.body["stream_options"] == {"include_usage": True}
            return streamed(*SAID, usage=how == "streams")
        return completion("".join(SAID))

    shown: list[str] = []
    with FakeServer(script) as server, opened(server, tmp_path) as model:
        found = model.reply(IMAGES[0], [], "What?", Sampling(), shown.append)
        assert found == WHOLE
        asked = len(server.asks)
        assert asked == (2 if how == "refuses to stream" else 1)
        # Kept under the name of the call that does not stream.
        assert model.reply(IMAGES[0], [], "What?", Sampling()) == WHOLE
        assert len(server.asks) == asked
    assert bool(shown) == (how in ("streams", "counts no tokens"))


def test_the_key_is_not_shown_where_a_server_repeats_it(tmp_path: Path) -> None:
    shown: list[str] = []
    with FakeServer(lambda _: streamed("Your key is very-", "secret-key.")) as server:
        model = opened(server, tmp_path, api_key="very-secret-key")
        with model:
            found = model.reply(None, [], "What?", Sampling(), shown.append)
    assert found == "Your key is [key]."
    assert shown[-1] == found
    assert not any(re.search("very", text) for text in shown)
