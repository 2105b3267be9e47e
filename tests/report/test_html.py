import json
import re
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup
from PIL import Image

from finegold.errors import ConfigError
from finegold.report.html import embedded_json, write_html
from finegold.report.selection.page import render_report
from finegold.report.selection.sections import RowContent, Section
from finegold.samples.thumbnails import thumbnail
from finegold.selection.manifest import DatasetInfo, Manifest

Made = Callable[..., dict[str, Any]]
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


def best(report: dict[str, Any]) -> str:
    """Id of the row of rank 1."""
    ids: list[str] = report["table"].filter(pc.equal(report["table"]["rank"], 1))["sample_id"].to_pylist()
    return ids[0]


def hostile(made: Made, picture: bytes) -> dict[str, Any]:
    """The attack in every place where text of the data or of the user can stand."""
    dataset = DatasetInfo(fingerprint=ATTACK, format="llava", name=ATTACK, instruction=None, ids="record")
    section = Section("later", ATTACK, Markup("<p>judged</p>"))
    old = best(made(count=60, size=20))
    contents = {id: RowContent(ATTACK, ATTACK, ATTACK * 20, picture) for id in (ATTACK, "bad")}
    report = made(
        count=60,
        size=20,
        rename={old: ATTACK},
        contents=contents,
        excluded=[(ATTACK + "2", ATTACK, ATTACK)],
        preset={"name": ATTACK, "version": ATTACK, "summary": ATTACK, "weights": {ATTACK: 1.0}},
        dataset=dataset,
        notes=[ATTACK],
        libraries={ATTACK: ATTACK},
    )
    # An indicator of a scorer that is not installed is shown under its name.
    report["table"] = report["table"].rename_columns({"clip": ATTACK})
    content = report["manifest"].model_dump(by_alias=True)
    content["configuration"]["scorers"][0]["name"] = ATTACK
    report["manifest"] = Manifest.model_validate(content)
    return {**report, "commands": (ATTACK,), "sections": (section,)}


def test_hostile_text_adds_no_element_and_is_shown_as_it_is(made: Made) -> None:
    page = Elements(render_report(**hostile(made, thumbnail(Image.new("RGB", (30, 20))))))
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
    report = hostile(made, thumbnail(Image.new("RGB", (30, 20))))
    data = json.loads(Elements(render_report(**report)).scripts[0])
    assert data["id"][data["rank"].index(1)] == ATTACK[:79] + "…"
    assert sorted(data["row"]) == list(range(60))


@given(st.text())
def test_embedded_json_never_closes_its_element_and_keeps_its_text(text: str) -> None:
    embedded = str(embedded_json({"id": text}))
    assert not set("<>&") & set(embedded)
    assert json.loads(embedded) == {"id": text}


def test_policy_forbids_requests_and_names_the_only_script(made: Made) -> None:
    page = Elements(render_report(**made(count=60, size=20)))
    policies = [attributes["content"] or "" for tag, attributes in page.tags if "http-equiv" in attributes]
    digest = b64encode(sha256(page.scripts[1].encode()).digest()).decode()
    assert len(policies) == 1
    assert "default-src 'none'" in policies[0]
    assert f"script-src 'sha256-{digest}'" in policies[0]


def test_nothing_refers_outside_the_file(made: Made) -> None:
    page = render_report(**made())
    for _, attributes in Elements(page).tags:
        for name in ("src", "href", "srcset", "action", "poster", "data"):
            value = attributes.get(name) or "#"
            assert value.startswith(("#", "data:")), value
    assert not re.search(r"url\(|@import|https?://", page)


def test_every_picture_has_a_text_and_every_link_a_target(made: Made) -> None:
    tags = Elements(render_report(**made())).tags
    assert all("alt" in attributes for tag, attributes in tags if tag == "img")
    anchors = {attributes["id"] for _, attributes in tags if "id" in attributes}
    assert len(anchors) == sum("id" in attributes for _, attributes in tags)
    links = [attributes["href"] or "" for tag, attributes in tags if tag == "a" and "href" in attributes]
    assert {unquote(link) for link in links} <= {f"#{unquote(id or '')}" for id in anchors}


def test_a_lone_surrogate_is_written_as_its_escape(made: Made, tmp_path: Path) -> None:
    contents = {best(made(count=60, size=20)): RowContent("pool.json record 1", "", "before \ud800 after")}
    write_html(render_report(**made(count=60, size=20, contents=contents)), tmp_path / "report.html")
    assert "before \\ud800 after" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_same_inputs_same_bytes(made: Made) -> None:
    assert render_report(**made()) == render_report(**made())


def test_later_sections_stand_before_the_recipe(made: Made) -> None:
    section = Section("judged", "Judged against random", Markup("<table><tr><td>61% wins</td></tr></table>"))
    page = render_report(**made(), sections=[section])
    assert (
        page.index("Excluded rows</h2>") < page.index("<td>61% wins</td>") < page.index("make it again</h2>")
    )
    assert '<a href="#judged">Judged against random</a>' in page


@pytest.mark.parametrize(
    "lacking",
    [
        {"indicators": False},
        {"indicators": False, "clusters": False},
        {"excluded": ()},
        {"count": 0, "size": 0, "clusters": False},
    ],
    ids=["no-indicators", "no-clusters", "no-excluded", "no-rows"],
)
def test_parts_that_a_run_lacks_are_not_on_the_page(made: Made, lacking: dict[str, Any]) -> None:
    page = Elements(render_report(**made(**lacking)))
    anchors = {attributes.get("id") for tag, attributes in page.tags if tag == "section"}
    assert {"selected", "excluded", "again"} <= anchors
    assert ("clusters" in anchors) == ("map" in anchors) == ("clusters" not in lacking)
    assert ("scores" in anchors) == ("indicators" not in lacking)


def test_files_of_two_selections_are_refused(made: Made) -> None:
    with pytest.raises(ConfigError, match=r"a cluster 3, and selection\.json describes 0 clusters: give the"):
        render_report(**made(clusters=True) | {"manifest": made(clusters=False)["manifest"]})


def test_3439_rows_with_200_picked_stay_under_6_mb(made: Made) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (400, 400, 3), dtype=np.uint8)
    heaviest = RowContent(
        "pool.json", "Describe it.", "A made answer. " * 20, thumbnail(Image.fromarray(noise))
    )
    report = made(count=3439, size=200)
    page = render_report(**report | {"read": lambda rows: dict.fromkeys(rows, heaviest)})
    assert len(page.encode()) < 6_000_000
