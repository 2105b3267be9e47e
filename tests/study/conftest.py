"""The made study of `tests/report/study`, what two runs of a study found, and what they did for it."""

import json
from dataclasses import asdict
from pathlib import Path

from tests.report.study.conftest import *  # noqa: F403

from finegold.run import fingerprint
from finegold.study import Findings


def found_fingerprint(findings: Findings) -> str:
    """Fingerprint of everything but times and machine: a study that was killed and resumed has the same."""
    content = asdict(findings) | {"machine": {}}
    content["arms"] = [arm | {"seconds": 0.0} for arm in content["arms"]]
    return fingerprint(content)


def count_runs_done(out: Path) -> int:
    """Trainings and evaluations that were done so far in a study's folder."""
    events = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
    return sum(event["event"] == "run" for event in events)
