from finegold.report.study.findings import verdict
from finegold.statistics import Estimate


def test_verdicts_are_words() -> None:
    assert verdict(Estimate(0.002, -0.004, 0.009), "higher", 100) == (
        "no difference seen: -0.4 to +0.9",
        False,
    )
    assert verdict(Estimate(0.012, 0.003, 0.021), "higher", 100) == ("better by 1.2 (0.3 to 2.1)", True)
    assert verdict(Estimate(0.012, 0.003, 0.021), "lower", 1) == ("worse by 0.012 (0.003 to 0.021)", True)
    assert verdict(Estimate(-0.02, -0.03, -0.01), "lower", 1) == ("better by 0.020 (0.010 to 0.030)", True)
