"""The made study of `tests/report/study`."""

from tests.report.study.conftest import *  # noqa: F403
