"""The short form of `make torture`."""

import subprocess
import sys

import pytest
from tests.llm.server import Ask
from tests.torture.campaign import CAMPAIGNS, run
from tests.torture.disturb import NAMES
from tests.torture.table import Row, table
from tests.torture.verbs import honest

from finegold.llm.rating import rating_request

pytest.importorskip("aiohttp")


def test_nothing_is_lost_believed_paid_twice_or_unexpected() -> None:
    rows = run(0, short=True)
    assert len(rows) == len(CAMPAIGNS) - 1 + len(NAMES)
    assert all(row.clean for row in rows), table(rows)


def test_a_finding_is_shown_and_no_clean_row() -> None:
    row = Row("kills", 3, lost=["pick: another out/selection.json"])
    assert not row.clean
    assert "| kills | 3 | 1 | 0 | 0 | 0 | 0 MB |" in table([row])
    assert "kills: lost: pick: another out/selection.json" in table([row])
    assert not Row("kills").clean, "a campaign that tried nothing"
    assert not Row("kills", 1, peak_bytes=3 * 10**9).clean


@pytest.mark.parametrize("marker", [f"{digit}{'0' * 15}" for digit in "012"])
def test_whatever_the_marker_the_honest_endpoint_rates_a_single_answer(marker: str) -> None:
    request = rating_request("What?", "A cat.", None, model="m", temperature=0, max_tokens=9, structured=True)
    answer = honest(Ask(request.payload(marker), {}, 0, 0, 0.0))
    assert '\\"score\\"' in answer.body.decode()


def test_the_memory_of_whoever_started_a_campaign_is_not_its_own() -> None:
    child = "from tests.torture.table import Row; print(Row('x', 1).measure().peak_bytes)"
    parent = f"import subprocess, sys; held = b'x' * 10**9; subprocess.run([sys.executable, '-c', {child!r}])"
    done = subprocess.run([sys.executable, "-c", parent], capture_output=True, text=True, check=True)
    assert 10**6 < int(done.stdout) < 5 * 10**8
