import json
import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from finegold.errors import ConfigError
from finegold.report import (
    ExcludedRow,
    NearMiss,
    PoolRows,
    ReportInputs,
    RowContent,
    Section,
    render_report,
    write_report,
)
from finegold.report.html import embedded_json

Made = Callable[..., ReportInputs]
ATTACK = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\" ' & <!-- {{ 7*7 }}"


class Elements(HTMLParser):
    """Every start tag with its attributes, the text of each script, and all other text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts[-1] += data
        else:
            self.text += data


def hostile(made: Made) -> ReportInputs:
    """The attack in every place where text of the data or of the user can stand."""
    inputs = made(count=60, size=20)
    first = int(np.flatnonzero(inputs.rows.rank == 1)[0])
    old = inputs.rows.ids[first]
    ids = tuple(ATTACK if id == old else id for id in inputs.rows.ids)
    rows = PoolRows(ids, inputs.rows.rank, inputs.rows.quality, inputs.rows.labels, inputs.rows.xy)
    picture = next(content.thumbnail for content in inputs.contents.values() if content.thumbnail)
    contents = {
        **{id: content for id, content in inputs.contents.items() if id != old},
        ATTACK: RowContent(ATTACK, ATTACK, ATTACK * 20, picture),
    }
    missed = inputs.near_misses[0].id
    return replace(
        inputs,
        dataset=replace(inputs.dataset, name=ATTACK, fingerprint=ATTACK),
        selection=replace(
            inputs.selection, preset=ATTACK, summary=ATTACK, notes=(ATTACK,), weights={ATTACK: 1.0}
        ),
        rows=rows,
        contents=contents,
        indicators=tuple(replace(column, label=ATTACK, unit=ATTACK) for column in inputs.indicators),
        near_misses=(NearMiss(missed, ATTACK),),
        excluded=(ExcludedRow(ATTACK, ATTACK, ATTACK, ATTACK, picture),),
        excluded_counts={ATTACK: 1},
        provenance=replace(inputs.provenance, commands=(ATTACK,), versions={ATTACK: ATTACK}),
        clusters=tuple(replace(cluster, examples=(ATTACK,)) for cluster in inputs.clusters),
        sections=(Section("later", ATTACK, Markup("<p>judged</p>")),),
    )


def test_hostile_text_adds_no_element_and_is_shown_as_it_is(made: Made) -> None:
    page = Elements(render_report(hostile(made)))
    assert len(page.scripts) == 2
    assert not [
        attributes for _, attributes in page.tags if any(name.startswith("on") for name in attributes)
    ]
    sources = [attributes["src"] or "" for tag, attributes in page.tags if tag == "img"]
    assert sources
    assert all(source.startswith("data:image/") for source in sources)
    assert ATTACK in page.text
    assert "49" not in re.findall(r"<!-- (\S+)", page.text)


def test_data_in_the_script_element_reads_back(made: Made) -> None:
    inputs = hostile(made)
    data = json.loads(Elements(render_report(inputs)).scripts[0])
    assert data["id"][data["rank"].index(1)] == ATTACK[:79] + "…"
    assert sorted(data["row"]) == list(range(60))


@given(st.text())
def test_embedded_json_never_closes_its_element_and_keeps_its_text(text: str) -> None:
    embedded = str(embedded_json({"id": text}))
    assert not set("<>&") & set(embedded)
    assert json.loads(embedded) == {"id": text}


def test_policy_forbids_requests_and_names_the_only_script(made: Made) -> None:
    page = Elements(render_report(made(count=60, size=20)))
    policies = [attributes["content"] or "" for tag, attributes in page.tags if "http-equiv" in attributes]
    digest = b64encode(sha256(page.scripts[1].encode()).digest()).decode()
    assert len(policies) == 1
    assert "default-src 'none'" in policies[0]
    assert f"script-src 'sha256-{digest}'" in policies[0]


def test_nothing_refers_outside_the_file(made: Made) -> None:
    page = render_report(made())
    for _, attributes in Elements(page).tags:
        for name in ("src", "href", "srcset", "action", "poster", "data"):
            value = attributes.get(name) or "#"
            assert value.startswith(("#", "data:")), value
    assert not re.search(r"url\(|@import|https?://", page)


def test_every_picture_has_a_text_and_every_link_a_target(made: Made) -> None:
    tags = Elements(render_report(made())).tags
    assert all("alt" in attributes for tag, attributes in tags if tag == "img")
    anchors = {attributes["id"] for _, attributes in tags if "id" in attributes}
    assert len(anchors) == sum("id" in attributes for _, attributes in tags)
    assert {attributes["href"] or "" for tag, attributes in tags if tag == "a"} <= {
        f"#{id}" for id in anchors
    }


def test_a_lone_surrogate_is_written_as_its_escape(made: Made, tmp_path: Path) -> None:
    inputs = made(count=60, size=20)
    id = inputs.rows.ids[int(np.flatnonzero(inputs.rows.rank == 1)[0])]
    contents = {**inputs.contents, id: RowContent("pool.json record 1", "", "before \ud800 after")}
    write_report(replace(inputs, contents=contents), tmp_path / "report.html")
    assert "before \\ud800 after" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_same_inputs_same_bytes(made: Made) -> None:
    assert render_report(made()) == render_report(made())


def test_later_sections_stand_before_the_recipe(made: Made) -> None:
    section = Section("judged", "Judged against random", Markup("<table><tr><td>61% wins</td></tr></table>"))
    page = render_report(made(sections=(section,)))
    assert (
        page.index("Excluded rows</h2>") < page.index("<td>61% wins</td>") < page.index("make it again</h2>")
    )
    assert '<a href="#judged">Judged against random</a>' in page


@pytest.mark.parametrize(
    "left_out",
    [
        {"indicators": ()},
        {"clusters": (), "rows": PoolRows(("a", "b"), np.array([1, 0])), "indicators": (), "near_misses": ()},
        {"contents": {}, "near_misses": ()},
        {"excluded": (), "excluded_counts": {}},
        {
            "rows": PoolRows((), np.array([], dtype=np.int64)),
            "indicators": (),
            "clusters": (),
            "near_misses": (),
        },
    ],
    ids=["no-indicators", "no-clusters", "no-contents", "no-excluded", "no-rows"],
)
def test_parts_that_a_run_lacks_are_left_out(made: Made, left_out: dict[str, Any]) -> None:
    page = Elements(render_report(made(**left_out)))
    anchors = {attributes.get("id") for tag, attributes in page.tags if tag == "section"}
    assert {"selected", "excluded", "again"} <= anchors
    assert ("clusters" in anchors) == ("clusters" not in left_out)
    assert ("map" in anchors) == ("rows" not in left_out)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"near_misses": (NearMiss("nobody", "why"),)}, "nobody"),
        (
            {"rows": PoolRows(("a", "b"), np.array([1, 0, 0])), "indicators": ()},
            "rank has 3 values for 2 rows",
        ),
        ({"clusters": ()}, "0 clusters"),
    ],
)
def test_contradicting_inputs_are_refused(made: Made, change: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        render_report(made(**change))


def test_3439_rows_with_200_picked_stay_under_6_mb(made: Made) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (400, 400, 3), dtype=np.uint8)
    from PIL import Image

    from finegold.report.thumbnails import thumbnail

    heaviest = thumbnail(Image.fromarray(noise))
    inputs = made(count=3439, size=200)
    contents = {id: replace(content, thumbnail=heaviest) for id, content in inputs.contents.items()}
    assert len(render_report(replace(inputs, contents=contents)).encode()) < 6_000_000
