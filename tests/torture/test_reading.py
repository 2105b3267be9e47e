from tests.torture.reading import FORMATS, campaign


def test_damaged_files_of_every_format_are_read_or_refused() -> None:
    outcome = campaign(20 * len(FORMATS), seed=7)
    assert outcome.failures == []
    assert sum(outcome.counts.values()) == outcome.files
    assert outcome.counts["read"] > outcome.counts["refused"] > 0
