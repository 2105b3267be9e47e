import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from finegold.errors import DataError
from finegold.judging import ComparedAnswers, Judgement, OrderVerdict
from finegold.report.judge import judgement_page, judgement_section, judgement_table


def judgement(name: str = "ours") -> Judgement:
    def comparison(number: int, category: str, ab: float | None, ba: float | None) -> ComparedAnswers:
        def verdict(order: str, a: float | None) -> OrderVerdict:
            reason = "" if a is not None else "the reply is empty"
            return OrderVerdict(order, a, None if a is None else 5.0, reason, 1)  # type: ignore[arg-type]

        return ComparedAnswers(str(number), category, 10, 20, (verdict("ab", ab), verdict("ba", ba)))

    rows = [comparison(i, "conv", 9, 8) for i in range(29)]
    rows += [comparison(i, "detail", 9, 1) for i in range(29, 44)]
    rows += [comparison(i, "complex", 1, 5) for i in range(44, 60)]
    rows += [comparison(60, "complex", None, 9)]
    return Judgement(
        name, "theirs", "judge-1", ("judge-1-0613",), ("2026-01-01", "2026-01-02"), "judge/1", 0, tuple(rows)
    )


def bar(html: str, row: int) -> dict[str, float]:
    svg = ET.fromstring(html[html.index("<svg") : html.index("</svg>") + 6])
    return {rect.get("class", ""): float(rect.get("width", "")) for rect in list(svg)[row].iter("rect")}


def test_the_bars_are_as_long_as_the_counts() -> None:
    html = judgement_section(judgement())
    widths = bar(html, 0)
    total = sum(widths.values())
    assert {kind: round(width / total * 61) for kind, width in widths.items()} == {
        "win": 29,
        "tie": 15,
        "lose": 16,
        "invalid": 1,
    }
    assert bar(html, 1).keys() == {"win"}
    assert bar(html, 3).keys() == {"lose", "invalid"}
    assert "29 wins, 15 ties, 16 losses" in html
    assert "judge-1" in html
    assert "2026-01-01 to 2026-01-02" in html


def test_names_cannot_add_markup() -> None:
    class Tags(HTMLParser):
        seen: list[str] = []  # noqa: RUF012

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.seen.append(tag)

    parser = Tags()
    parser.feed(judgement_section(judgement("<script>alert(1)</script>\"'><img src=x onerror=y>")))
    assert not {"script", "img"} & set(parser.seen)


def test_the_terminal_table_says_the_same_and_takes_names_literally() -> None:
    console = Console(width=140, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(judgement_table(judgement("[red]ours[/red]")))
    text = console.export_text()
    assert "[red]ours[/red]" in text
    row = next(line for line in text.splitlines() if " all " in line)
    assert [cell.strip() for cell in row.split("│")[2:6]] == ["29", "15", "16", "1"]


def test_a_judgement_survives_json() -> None:
    before = judgement()
    written = json.loads(json.dumps(before.as_json()))
    assert Judgement.from_json(written) == before
    del written["questions"][3]["orders"][1]
    with pytest.raises(DataError, match="judge the answers again"):
        Judgement.from_json(written)


def test_two_sections_of_a_page_have_ids_of_their_own() -> None:
    page = judgement_section(judgement(), "judge-1") + judgement_section(judgement(), "judge-2")
    assert re.findall(r' id="([^"]*)"', page) == ["judge-1", "judge-2"]


def test_a_file_of_the_first_version_is_read_with_the_same_numbers() -> None:
    path = Path(__file__).parents[1] / "judging" / "made_before" / "judge.json"
    before = json.loads(path.read_text("utf-8"))
    now = json.loads(json.dumps(Judgement.from_json(before).as_json()))
    for tally in (now["overall"], now["bias"], *now["categories"].values()):
        assert [found.pop("method") for found in tally.values() if isinstance(found, dict)]
    for tally in (now["overall"], *now["categories"].values()):
        # What later versions compute from the same verdicts.
        added = [tally.pop(name) for name in ("not_worse", "relative", "relative_b_first", "unrated")]
        assert None not in added
    assert now == before
    assert now["categories"]["detail"]["win_rate"]["value"] is None
    assert "no cases" in judgement_section(Judgement.from_json(before))


def test_the_page_forbids_requests_and_scripts() -> None:
    page = judgement_page(judgement("<script>alert(1)</script>"))
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'" in page
    assert "<script" not in page
    assert page.count("<style>") == 1


def test_relative_scores_are_those_of_llava_bench() -> None:
    """Per category 100 * mean(candidate) / mean(reference), as in LLaVA's summary, without failures."""
    found = judgement().by_category()
    conv, detail, complex_ = found["conv"], found["detail"], found["complex"]
    assert conv.relative_b_first is not None
    assert conv.relative is not None
    assert conv.relative_b_first.value == pytest.approx(100 * 8 / 5)
    assert conv.relative.value == pytest.approx(100 * (9 + 8) / (5 + 5))
    assert detail.relative_b_first is not None
    assert detail.relative_b_first.value == pytest.approx(100 * 1 / 5)
    # One rating of `complex` failed in the order ab: it is counted, and is no number on either side.
    assert complex_.unrated == 1
    assert complex_.relative is not None
    assert complex_.relative.value == pytest.approx(100 * (16 * (1 + 5) + 9) / (16 * 10 + 5))
    whole = judgement().overall()
    assert whole.not_worse is not None
    assert whole.not_worse.value == pytest.approx((29 + 15) / 60)
    assert whole.not_worse.ends is not None
    assert "complex reasoning" in judgement_section(judgement())
    assert "equal or better" in judgement_section(judgement())


def test_ratings_that_all_failed_have_no_score() -> None:
    failed = OrderVerdict("ab", None, None, "no reply", 0)
    swapped = OrderVerdict("ba", None, None, "no reply", 0)
    result = replace(judgement(), comparisons=(ComparedAnswers("1", "conv", 1, 1, (failed, swapped)),))
    assert (result.overall().relative, result.overall().unrated) == (None, 2)
    assert result.as_json()["overall"]["relative"]["value"] is None
    assert "no ratings" in judgement_section(result)
