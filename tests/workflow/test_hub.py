"""A selection is sent to the hub with a card; the dry run writes what would be sent."""

from pathlib import Path

import pytest
from tests.conftest import MakeDataset

import finegold
from finegold.errors import ConfigError


def test_a_dry_run_writes_a_dataset_with_a_card(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    bench = make_dataset(2, name="bench", seed=5)
    bench.write_text(bench.read_text().replace("What is this?", "Who?"))
    selection = finegold.pick(
        make_dataset(12), 5, preset="length-only", seed=3, run=tmp_path / "run", without=str(bench)
    )
    assert selection.manifest.configuration.without[0].where == str(bench)
    folder = tmp_path / "send"
    assert selection.push_to_hub("lab/five", dry_run=folder) == str(folder)
    card = (folder / "README.md").read_text()
    for text in ("# five", "5 of the 12 rows", "`length-only`", "| seed | 3 |", "unknown", "--size 5"):
        assert text in card
    texts = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert not [text for text in texts if str(tmp_path).encode() in text]
    loaded = datasets.load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "cache"))
    assert sorted(loaded["id"]) == sorted(selection.ids)
    assert finegold.inspect(folder).usable == 5
    with pytest.raises(ConfigError, match="not empty"):
        selection.push_to_hub("lab/five", dry_run=folder)
    with pytest.raises(ConfigError, match="expected OWNER/NAME"):
        selection.push_to_hub("five", dry_run=tmp_path / "other")


def test_a_card_states_the_licence_that_was_given(make_dataset: MakeDataset, tmp_path: Path) -> None:
    selection = finegold.pick(make_dataset(6), 2, preset="length-only", run=tmp_path / "run")
    selection.push_to_hub("lab/two", dry_run=tmp_path / "send", license="cc-by-4.0")
    assert 'license: "cc-by-4.0"' in (tmp_path / "send/README.md").read_text()
