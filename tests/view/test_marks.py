"""Veto, keep, undo and choosing again: what is written, what comes of it, and what is not touched."""

import json
import resource
from pathlib import Path
from typing import Any

import pytest
from tests.view.conftest import Client, make_run, settings

from finegold.errors import ConfigError, RunError
from finegold.run import check_folder
from finegold.view import open_view
from finegold.view.again import settings_of
from finegold.view.marks import MARKS, Marks
from finegold.workflow import Run


def post(client: Client, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    status, found, _ = client.send(path, body)
    return status, json.loads(found)


def files(run: Path) -> dict[str, bytes]:
    return {str(path.relative_to(run)): path.read_bytes() for path in run.rglob("*") if path.is_file()}


def test_a_veto_a_keep_and_an_undo_append_lines_and_touch_nothing_else(
    client: Client, run_folder: Path
) -> None:
    before = files(run_folder)
    assert post(client, "/api/marks", {"mark": "veto", "rows": [1, 2], "note": "blurred"})[1]["veto"] == 2
    assert post(client, "/api/marks", {"mark": "keep", "rows": [2]})[1] | {"history": 0} == {
        **{"changed": 1, "veto": 1, "keep": 1, "history": 0}
    }
    assert client.get("/api/row/2")["mark"]["mark"] == "keep"
    assert {row["row"] for row in client.get("/api/rows?f.mark=veto")["rows"]} == {1}
    assert post(client, "/api/undo", {})[1]["undone"]["mark"] == "keep"
    assert client.get("/api/row/2")["mark"] == {
        **client.get("/api/row/2")["mark"],
        "mark": "veto",
        "note": "blurred",
    }
    after = files(run_folder)
    lines = after.pop(MARKS).decode().splitlines()
    assert {name: after[name] for name in before if not name.startswith(".")} == {
        name: data for name, data in before.items() if not name.startswith(".")
    }
    assert [sorted(json.loads(line)) for line in lines] == [
        ["ids", "mark", "note", "sha256", "time"],
        ["ids", "mark", "note", "sha256", "time"],
        ["sha256", "time", "undo"],
    ]
    assert not check_folder(run_folder).damages
    for _ in range(2):
        post(client, "/api/undo", {})
    assert client.get("/api/about")["marks"]["veto"] == 0


def test_all_rows_of_a_filter_are_marked_at_once_but_not_those_that_are_out(client: Client) -> None:
    status, found = post(client, "/api/marks?f.cluster=0", {"mark": "veto", "filtered": True})
    usable = [row for row in client.get("/api/rows?number=500&f.cluster=0")["rows"] if row["usable"]]
    assert (status, found["veto"]) == (200, len(usable))
    assert found["history"][0]["rows"] == len(usable)
    assert post(client, "/api/undo", {})[1]["veto"] == 0
    status, found = post(client, "/api/marks", {"mark": "veto", "rows": [3]})
    assert status == 400
    assert "nothing to veto" in found["error"]


@pytest.mark.parametrize(
    "body",
    [
        {"mark": "burn", "rows": [1]},
        {"mark": "veto"},
        {"mark": "veto", "rows": ["/etc"]},
        {"mark": 3, "rows": [1]},
        {"mark": "veto", "rows": [True]},
        {"mark": "veto", "rows": [1], "note": "x" * 3000},
    ],
)
def test_a_mark_that_cannot_be_meant_is_refused(
    client: Client, run_folder: Path, body: dict[str, Any]
) -> None:
    before = files(run_folder)
    assert post(client, "/api/marks", body)[0] == 400
    assert files(run_folder) == before


def test_choosing_again_leaves_vetoed_rows_out_takes_kept_ones_in_and_shows_what_changed(
    client: Client, run_folder: Path
) -> None:
    first = client.get("/api/about")["selection"]
    chosen = [row["row"] for row in client.get("/api/rows?f.status=selected")["rows"]]
    others = client.get("/api/rows?number=500&f.status=not%20selected")["rows"]
    kept = others[0]["row"]
    post(client, "/api/marks", {"mark": "veto", "rows": chosen[:2], "note": "wrong"})
    post(client, "/api/marks", {"mark": "keep", "rows": [kept]})
    status, found = post(client, "/api/choose", {})
    assert status == 200, found
    new = found["selection"]
    assert new != first
    again = {row["row"]: row for row in client.get(f"/api/rows?selection={new}&number=500")["rows"]}
    picked = {row for row, one in again.items() if one["status"] == "selected"}
    assert len(picked) == 12
    assert kept in picked
    assert not picked & set(chosen[:2])
    assert {again[row]["code"] for row in chosen[:2]} == {"vetoed"}
    assert found["only_other"] == len(set(chosen) - picked)
    assert found["only_one"] == len(picked - set(chosen))
    came = client.get(f"/api/rows?selection={new}&other={first}&f.change=only%20here")["rows"]
    assert {row["row"] for row in came} == picked - set(chosen)
    went = client.get(f"/api/rows?selection={new}&other={first}&f.change=only%20there")["rows"]
    assert {row["row"] for row in went} == set(chosen) - picked
    assert client.get(f"/api/row/{kept}?selection={new}")["why"].startswith("Chosen first")
    manifest = json.loads((run_folder / "selections" / new / "selection.json").read_text())
    assert manifest["configuration"]["include"]["ids"] == [again[kept]["sample_id"]]
    assert sorted(manifest["configuration"]["exclude"]["ids"]) == [
        again[row]["sample_id"] for row in chosen[:2]
    ]
    assert first in client.get("/api/about")["selections"]
    shift = client.get(f"/api/difference?selection={new}&other={first}")
    assert (shift["both"], shift["coverage"]["cluster"][0]) == (
        found["both"],
        len(shift["mixture"]["cluster"]),
    )
    assert sum(line[2] for line in shift["mixture"]["cluster"]) == 12
    # The same again, from the manifest alone.
    assert post(client, f"/api/choose?selection={new}", {})[1]["selection"] == new


def test_a_selection_without_marks_is_chosen_again_as_it_is(tmp_path: Path) -> None:
    run = Run.open(make_run(tmp_path, 30), encoder="made")
    for others in ({}, {"where": "taste > 1"}, {"exclude": ["r0001"]}, {"seed": 3}):
        made = run.select(settings(**others))
        again = run.select(settings_of(run.folder, made.manifest, [], []))
        assert again.manifest.fingerprint == made.manifest.fingerprint


def test_a_read_only_view_writes_nothing(tmp_path: Path) -> None:
    run = make_run(tmp_path, 20)
    before = files(run)
    marks = Marks(run / MARKS, read_only=True)
    with pytest.raises(ConfigError, match="read-only"):
        marks.set("veto", ["r0001"])
    with open_view(run, read_only=True):
        pass
    assert files(run) == before


def test_damaged_marks_are_found_and_repaired(tmp_path: Path) -> None:
    run = make_run(tmp_path, 20)
    marks = Marks(run / MARKS, read_only=False)
    marks.set("veto", ["r0001"])
    marks.set("keep", ["r0002"], "good")
    path = run / MARKS
    path.write_bytes(path.read_bytes().replace(b"r0002", b"r0009") + b'{"cut off')
    with pytest.raises(RunError, match="--repair"):
        Marks(path, read_only=False)
    [damage] = check_folder(run).damages
    damage.repair()
    assert Marks(path, read_only=False).ids("veto") == ["r0001"]
    assert Marks(path, read_only=False).ids("keep") == []


def test_marks_are_there_again_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / MARKS
    first = Marks(path, read_only=False)
    first.set("veto", ["a", "b"])
    first.set("keep", ["a"], "after all")
    first.set(None, ["b"])
    again = Marks(path, read_only=False)
    assert (again.ids("veto"), again.ids("keep")) == ([], ["a"])
    again.undo()
    assert Marks(path, read_only=False).ids("veto") == ["b"]
    assert Marks(path, read_only=True).rows["a"].note == "after all"


def test_a_full_disk_is_said_in_a_sentence_and_the_view_goes_on(client: Client) -> None:
    post(client, "/api/marks", {"mark": "veto", "rows": [20]})
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))
    try:
        status, found = post(client, "/api/choose", {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert status >= 400
    assert "File too large" in found["error"]
    assert "unexpected" not in found["error"]
    assert post(client, "/api/choose", {})[0] == 200
    post(client, "/api/undo", {})
