"""The made study of `tests/report/study`, and when two runs of a study found the same."""

from dataclasses import asdict

from tests.report.study.conftest import *  # noqa: F403

from finegold.run import fingerprint
from finegold.study import Findings


def found_fingerprint(findings: Findings) -> str:
    """Fingerprint of everything but times and machine: a study that was killed and resumed has the same."""
    content = asdict(findings) | {"machine": {}}
    content["arms"] = [arm | {"seconds": 0.0} for arm in content["arms"]]
    return fingerprint(content)
