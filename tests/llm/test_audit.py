import json
from pathlib import Path

from finegold.llm import ChatReply, ChatRequest, Message, Untrusted
from finegold.llm.audit import Audit


def test_a_line_torn_by_a_kill_does_not_swallow_the_next_one(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    file.write_text('{"outcome": "reply"}\n{"outcome": "rep')
    request = ChatRequest("m", (Message("user", (Untrusted("A", "x\u2028\ny"),)),), "t/1", tags={"row": 7})
    audit = Audit(file)
    audit.write(request, "k", "code", ChatReply("88\n", "stop", "m", 1, 1, "now"), 0.5)
    audit.close()
    lines = file.read_text().split("\n")
    assert (lines[0], lines[2]) == ('{"outcome": "reply"}', "")
    last = json.loads(lines[1])
    assert (last["row"], last["reply"], last["outcome"]) == (7, "88\n", "reply")
