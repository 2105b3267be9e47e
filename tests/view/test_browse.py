"""What the rows of an address are, and what is said of one row."""

from io import BytesIO
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image
from tests.view.conftest import ROWS, Client

from finegold.view.filters import inside, words_of
from finegold.view.reasons import ordinal


def rows(client: Client, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/api/rows?number=500&{query}")["rows"]
    return found


def test_every_row_of_the_pool_is_there_once_with_its_columns(client: Client) -> None:
    found = rows(client)
    assert [row["row"] for row in found] == list(range(ROWS))
    assert {row["status"] for row in found} == {"selected", "not selected", "excluded"}
    assert sum(row["status"] == "selected" for row in found) == 12
    missing = found[3]
    assert (missing["code"], missing["usable"]) == ("missing-image", False)
    assert (found[6]["code"], found[7]["code"]) == ("duplicate-exact", None)
    assert found[1]["answer"].startswith("A green ellipse")
    assert all(row["taste"] is not None for row in found if row["usable"])


@pytest.mark.parametrize("order", ["", "down"])
@pytest.mark.parametrize("column", ["taste", "length", "quality", "sample_id", "status"])
def test_rows_are_sorted_by_any_column_and_those_without_a_value_come_last(
    client: Client, column: str, order: str
) -> None:
    if column == "sample_id":
        assert client.send("/api/rows?sort=sample_id")[0] == 400
        return
    values = [row[column] for row in rows(client, f"sort={column}&order={order}")]
    known = [value for value in values if value is not None]
    assert known == sorted(known, reverse=order == "down")
    assert values[len(known) :] == [None] * (len(values) - len(known))


def test_filters_are_met_by_all_rows_and_by_no_other(client: Client) -> None:
    everything = rows(client)
    found = rows(client, "f.taste=1..2.5&f.status=selected&f.status=not%20selected")
    wanted = [
        row for row in everything if row["usable"] and 1 <= (row["taste"] or 0) <= 2.5 and not row["code"]
    ]
    assert [row["row"] for row in found] == [row["row"] for row in wanted]
    none = rows(client, f"f.code={quote('(none)')}")
    assert {row["row"] for row in everything} - {row["row"] for row in none} == {3, 6}
    cluster = rows(client, "f.cluster=1")
    assert {row["cluster"] for row in cluster} == {1}
    assert client.get("/api/rows?count=1&f.taste=1..2.5&f.cluster=1")["total"] == len(
        [row for row in cluster if 1 <= row["taste"] <= 2.5]
    )


def test_the_search_looks_into_questions_answers_and_ids_for_all_words_in_any_case(client: Client) -> None:
    assert [row["row"] for row in rows(client, "text=ZEBRA")] == [5]
    assert [row["row"] for row in rows(client, "text=r0011")] == [11]
    assert rows(client, "text=zebra+unicorn") == []
    phrase = rows(client, f"text={quote(chr(34) + 'picture 12?' + chr(34))}")
    assert [row["row"] for row in phrase] == [12]
    assert all("anything" not in (row["question"] or "") for row in rows(client, "text=anything"))
    assert len(rows(client, "text=anything")) > 10  # asked in a second turn
    assert rows(client, "text=%25") == []  # no pattern, a text


def test_pages_follow_one_another(client: Client) -> None:
    first = client.get("/api/rows?sort=taste&number=20&start=0")["rows"]
    second = client.get("/api/rows?sort=taste&number=20&start=20")["rows"]
    assert [*first, *second] == rows(client, "sort=taste")[:40]


def test_histograms_count_the_rows_of_the_other_filters(client: Client) -> None:
    plain, filtered = client.get("/api/facets?"), client.get("/api/facets?f.status=selected&f.taste=0..9")
    assert sum(plain["taste"]["counts"]) == ROWS - 1  # r0003 has none
    assert sum(filtered["taste"]["counts"]) == 12
    assert dict(filtered["status"]["values"])["selected"] == 12
    assert len(filtered["status"]["values"]) == 3  # its own filter does not count
    assert sum(count for _, count in filtered["cluster"]["values"]) == 12


def test_a_row_says_its_turns_its_values_and_its_place(client: Client) -> None:
    found = client.get("/api/row/8")
    assert [turn["question"] for turn in found["turns"]] == ["What is picture 8?", "Anything else?"]
    values = {one["name"]: one for one in found["indicators"]}
    assert [turn["turn"] for turn in values["detail"]["turns"]] == [1, 2]
    assert [turn["sentences"] for turn in values["brevity"]["turns"]] == [[5, 3, 3, 3], [13]]
    assert "".join(found["turns"][0]["sentences"]) == found["turns"][0]["answer"]
    everything = [row["taste"] for row in rows(client) if row["taste"] is not None]
    assert values["taste"]["of"] == len(everything)
    assert values["taste"]["below"] == sum(value < values["taste"]["value"] for value in everything)
    assert '"id": "r0008"' in client.send("/api/row/8/record")[1].decode()


def test_a_row_says_why_it_is_in_or_out(client: Client) -> None:
    everything = rows(client)
    for row in everything:
        why = client.get(f"/api/row/{row['row']}")["why"]
        if row["status"] == "excluded":
            assert why.startswith(f"Excluded as {row['code']}: ")
            assert ".." not in why
            assert row["reason"].rstrip(".") in why
            continue
        peers = [
            one for one in everything if one["cluster"] == row["cluster"] and one["status"] != "excluded"
        ]
        place = 1 + sum(one["quality"] > row["quality"] for one in peers)
        assert why.startswith("Chosen: " if row["status"] == "selected" else "Not chosen: ")
        assert f"{ordinal(place)}" in why
        assert f"of {len(peers)} in cluster {row['cluster'] + 1}, whose quota is " in why


def test_duplicates_and_neighbours_are_named(client: Client) -> None:
    twins = {one["sample_id"]: one["how"] for one in client.get("/api/row/6")["twins"]}
    assert twins["r0007"] == "this row repeats it"
    [other] = client.get("/api/row/7")["twins"]
    assert (other["how"], other["status"], other["code"]) == (
        "it repeats this row",
        "excluded",
        "duplicate-exact",
    )
    near = client.get("/api/row/8/nearest?layer=image")
    assert {one["row"] % 3 for one in near} == {8 % 3}
    assert [one["cosine"] for one in near] == sorted((one["cosine"] for one in near), reverse=True)
    assert client.get("/api/row/3/nearest?layer=image") == []


def test_pictures_are_made_by_position(client: Client) -> None:
    status, small, headers = client.send("/thumbnail/1/0")
    assert (status, headers["content-type"]) == (200, "image/webp")
    assert Image.open(BytesIO(small)).size == (96, 64)
    _, full, _ = client.send("/image/1/0")
    assert Image.open(BytesIO(full)).format == "PNG"
    assert client.send("/thumbnail/3/0")[0] == 404


def test_the_map_places_rows_and_a_polygon_on_it_is_a_filter(client: Client) -> None:
    points = client.get("/api/map?layer=image&colour=cluster&f.status=selected")
    assert len(points["row"]) == ROWS - 1  # r0003 is not embedded
    assert points["unplaced"] == 1
    assert sum(points["shown"]) == 12
    assert points["values"] == ["0", "1", "2"]
    at = {row: place for place, row in enumerate(points["row"])}
    left = [
        row
        for row in at
        if points["x"][at[row]] < points["grid"] / 2 and points["y"][at[row]] < points["grid"]
    ]
    inside = rows(client, "area=-1,-1,0.5,-1,0.5,0.9999,-1,0.9999&layer=image")
    assert {row["row"] for row in inside} == set(left)
    assert 0 < len(left) < ROWS
    numbers = client.get("/api/map?layer=image&colour=taste")
    assert numbers["kind"] == "number"
    assert set(numbers["colour"]) <= {*range(101)}
    # No embeddings of texts: those lie close together that share words.
    texts = client.get("/api/map?layer=text&colour=cluster")
    assert len(texts["row"]) == ROWS - 1
    assert client.get("/api/about")["layers"] == ["image", "text"]
    xy = {row: (x, y) for row, x, y in zip(texts["row"], texts["x"], texts["y"], strict=True)}
    away = {row: (x - xy[6][0]) ** 2 + (y - xy[6][1]) ** 2 for row, (x, y) in xy.items()}
    assert sorted(away, key=lambda row: away[row])[1] == 7  # the row that repeats it
    assert client.send("/api/map?layer=image&colour=nothing")[0] == 400


def test_words_and_phrases() -> None:
    assert words_of('red "a big dog" cat') == ("red", "a big dog", "cat")
    assert words_of('  "open') == ("open",)
    assert words_of("") == ()


@pytest.mark.parametrize(
    ("place", "said"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (112, "112th"), (1021, "1,021st")],
)
def test_ordinals(place: int, said: str) -> None:
    assert ordinal(place) == said


def test_a_polygon_holds_what_lies_inside() -> None:
    import numpy as np

    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=float)
    points = np.array([[0.5, 0.5], [1.5, 0.5], [0.2, 0.9], [np.nan, 0.5], [0.5, -0.1]])
    assert inside(points, square).tolist() == [True, False, True, False, False]
    arrow = np.array([[0, 0], [1, 0], [0.5, 0.5], [1, 1], [0, 1]], dtype=float)
    assert inside(np.array([[0.9, 0.5], [0.2, 0.5]]), arrow).tolist() == [False, True]
