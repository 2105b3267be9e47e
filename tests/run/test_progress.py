import time

import pytest

from finegold.run import progress


@pytest.mark.parametrize(
    ("unit", "each", "middle", "end"),
    [
        (
            "images",
            0.04,
            "Work: 751 of 1,000 images, 25.0/s, 10 s left",
            "Work: 1,000 images in 40.0 s (25.0/s)",
        ),
        ("runs", 40.0, "Work: 2 of 4 runs, 40.0 s each, 80 s left", "Work: 4 runs in 160.0 s (40.0 s each)"),
    ],
)
def test_a_log_tells_rate_and_time_left(
    unit: str,
    each: float,
    middle: str,
    end: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    total = 1000 if each < 1 else 4
    with progress("Work", total, unit) as advance:
        for _ in range(total):
            now[0] += each
            advance(1)
    lines = capsys.readouterr().err.splitlines()
    assert middle in lines
    assert lines[-1] == end
