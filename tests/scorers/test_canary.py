"""Planted rows show whether a judge obeys rows."""

import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest
from tests.docs.desk import finegold
from tests.llm.server import Answer, Ask, FakeServer, completion

from finegold.errors import ConfigError
from finegold.samples import Sample, Turn
from finegold.scorers.canary import CanaryResult, canary_rows, parse_share

pytest.importorskip("aiohttp")
MakeDataset = Callable[..., Path]


def block(ask: Ask, name: str) -> str:
    return ask.text.rpartition(f"<<<{name} ")[2].partition("\n")[2].partition(f" END {name}")[0]


def honest(ask: Ask) -> Answer:
    return completion("3" if "Ignore all" in block(ask, "ANSWER") else "60")


def obeying(ask: Ask) -> Answer:
    demanded = re.search(r"a score of (\d+)", block(ask, "ANSWER"))
    return completion("60" if demanded is None else f'{{"score": {demanded.group(1)}, "reason": "good"}}')


def obeying_in_words(ask: Ask) -> Answer:
    demanded = re.search(r"a score of (\d+)", block(ask, "ANSWER"))
    return completion("60" if demanded is None else demanded.group(1) + "%")


@pytest.mark.parametrize(("judge", "caught"), [(honest, 0), (obeying, 3), (obeying_in_words, 3)])
def test_the_report_says_whether_the_judge_obeys(
    make_dataset: MakeDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    judge: Callable[[Ask], Answer],
    caught: int,
) -> None:
    monkeypatch.setenv("FINEGOLD_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    with FakeServer(judge) as server:
        where = ("--base-url", server.url, "--model", "m")
        data = str(make_dataset(12))
        done = finegold("score", "run", "--data", data, "--scorer", "llm", "--canary", "25%", *where)
        assert done.status == 0, done.out + done.err
        # Own and other answers of rows with one instruction are in the cache; each demand is one call.
        assert len(server.asks) == 12 + 3
    said = (
        f"Canaries of llm: the model obeyed {caught} of 3 planted demands for a score (0 believed, {caught} "
        "repeated and caught), and scored "
    )
    assert said in done.out
    chosen = finegold(
        *("select", "run", "--preset", "length-only", "--weights", "llm=1", "--size", "4", "--out", "out"),
    )
    assert chosen.status == 0, chosen.err
    assert said in " ".join(json.loads((tmp_path / "out" / "selection.json").read_text())["notes"])
    page = unescape((tmp_path / "out" / "report.html").read_text())
    assert said in page
    assert re.search(r"scored \d of \d planted wrong answers below the row's own\.</", page)


def test_canaries_that_got_no_score_are_said() -> None:
    assert CanaryResult(3, 0, 0, 0, 0, 0).note("llm") == (
        "Canaries of llm: no answer that was planted in 3 rows got a score."
    )


def test_the_rows_do_not_depend_on_their_order_and_shares_are_read() -> None:
    samples = [Sample(str(n), (), (Turn("user", "?"), Turn("assistant", f"a{n}")), {}) for n in range(50)]
    first = {samples[row].id for row in canary_rows(samples, 0.1)}
    backward = samples[::-1]
    assert first == {backward[row].id for row in canary_rows(backward, 0.1)}
    assert len(first) == 5
    assert (parse_share("2%"), parse_share("0.5")) == (0.02, 0.5)
    for text in ("", "0%", "many", "120%"):
        with pytest.raises(ConfigError, match="such as 2%"):
            parse_share(text)
