"""A selection is sent to the hub with a card; the dry run writes what would be sent."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import MakeDataset
from tests.samples.remote_server import RemoteServer, serving

import finegold
from finegold.errors import ConfigError, DataError


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


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RemoteServer]:
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # the store of large files is the server's own
    monkeypatch.setenv("FINEGOLD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_TOKEN", "hf_loopback")
    with serving(RemoteServer()) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def test_a_selection_is_sent_to_the_hub_and_read_from_there(
    hub: RemoteServer, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    selection = finegold.pick(make_dataset(12), 5, preset="length-only", run=tmp_path / "run")
    assert selection.push_to_hub("lab/five", license="cc-by-4.0") == "hf://datasets/lab/five"
    selection.push_to_hub("lab/five", dry_run=tmp_path / "send", license="cc-by-4.0")
    sent = {
        path.relative_to(tmp_path / "send").as_posix(): path.read_bytes()
        for path in (tmp_path / "send").rglob("*")
        if path.is_file()
    }
    assert hub.repositories["lab/five"] == sent  # what the dry run writes is what is sent
    assert hub.private == {"lab/five": True}
    assert len(hub.sent("PUT")) == 6  # five images and the table are large files
    again = finegold.open_dataset("lab/five")
    assert sorted(row.id for row in again) == sorted(selection.ids)
    assert finegold.inspect(again).usable == 5
    selection.push_to_hub("lab/five", private=False)  # once more, to the repository that is there
    assert hub.private == {"lab/five": False}


def test_what_the_hub_refuses_is_a_sentence(
    hub: RemoteServer, make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    selection = finegold.pick(make_dataset(6), 2, preset="length-only", run=tmp_path / "run")
    hub.refused.add("lab/theirs")
    with pytest.raises(DataError, match=r"access to 'hf://datasets/lab/theirs' was refused: check"):
        selection.push_to_hub("lab/theirs")
    hub.broken = True
    with pytest.raises(DataError, match=r"'hf://datasets/lab/two'"):
        selection.push_to_hub("lab/two")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DataError, match="the hub does not answer, so 'lab/two' was not sent"):
        selection.push_to_hub("lab/two")
    hub.broken = False
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    assert selection.push_to_hub("lab/two") == "hf://datasets/lab/two"  # the network is back


def test_a_saved_dataset_and_a_mix_have_cards_that_are_true(
    make_dataset: MakeDataset, hub: RemoteServer, tmp_path: Path
) -> None:
    datasets = pytest.importorskip("datasets")
    saved = tmp_path / "saved"
    finegold.open_dataset(make_dataset(6)).to_hf().save_to_disk(str(saved), num_shards=2)
    picked = finegold.pick(saved, 2, tmp_path / "out", preset="length-only")
    finegold.pick(saved, 3, tmp_path / "out", preset="length-only")  # its own folder is written again
    picked.push_to_hub("lab/saved")
    card = hub.repositories["lab/saved"]["README.md"].decode()
    assert '    - "data-00000-of-00001.arrow"' in card
    assert "state.json" not in card
    assert finegold.inspect("lab/saved").usable == 2
    make_dataset(6, name="other", seed=9)
    mix = tmp_path / "mix.toml"
    mix.write_text(
        '[[sources]]\nname = "a"\npath = "data"\n\n[[sources]]\nname = "b"\npath = "other/data.json"\n'
    )
    mixed = finegold.pick(mix, 8, preset="length-only", run=tmp_path / "mix.run")
    mixed.push_to_hub("lab/mixed", dry_run=tmp_path / "mixed")
    rows = [
        row
        for name in ("a", "b")
        for row in datasets.load_dataset(
            str(tmp_path / "mixed"), name, split="train", cache_dir=str(tmp_path / "cache")
        )
    ]
    assert len(rows) == 8
    assert finegold.inspect(tmp_path / "mixed").usable == 8
