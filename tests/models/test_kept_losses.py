"""Indicators of one model share its losses, which lie in the run folder, and keep their values."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.conftest import MakeDataset
from tests.models.huggingface import made

from finegold.engines import Compute
from finegold.models import Dialogue, KeptLosses, load_model
from finegold.models.huggingface import HuggingFaceModel
from finegold.run import check_folder
from finegold.scorers import Scorer
from finegold.scorers.gain import ImageGain
from finegold.scorers.necessity import Difficulty, Necessity
from finegold.scorers.relevance import Relevance
from finegold.workflow import Run

ROWS = 5


def kept(run: Path) -> int:
    """Losses of conversations in a run folder."""
    return sum(pq.read_metadata(path).num_rows for path in run.glob("losses/*/*.parquet"))


def values(run: Path, data: Path, scorer: Scorer) -> list[float | None]:
    table = Run.open(run, data, compute=Compute(device="cpu", workers=1)).score(scorer)
    rows = table.read().to_pylist()
    assert {row["status"] for row in rows} == {"ok"}
    return [row["value"] for row in rows]


def test_a_pass_is_made_once_for_all_indicators_that_need_it(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    made.llava(tmp_path / "llava")
    data, name, shared = make_dataset(ROWS), str(tmp_path / "llava"), tmp_path / "shared"
    asked: list[tuple[Scorer, int]] = [
        # How many losses each adds: with the image and without it, nothing, nothing, without the question.
        (Necessity(name), 2 * ROWS),
        (Difficulty(name), 0),
        (ImageGain(name, fold="row", against="none"), 0),
        (Relevance(name), ROWS),
        (Relevance(name, form="ratio"), 0),
        (Difficulty(name, max_tokens=3), ROWS),
    ]
    for number, (scorer, added) in enumerate(asked):
        before = kept(shared)
        found = values(shared, data, scorer)
        assert kept(shared) - before == added
        assert found == values(tmp_path / f"alone{number}", data, scorer)
    before = kept(shared)
    weakest = values(shared, data, ImageGain(name, fold="turn", others=2))
    assert kept(shared) > before
    before = kept(shared)
    assert values(shared, data, ImageGain(name, fold="row", others=2)) == weakest
    assert kept(shared) == before


def test_another_model_has_losses_of_its_own(make_dataset: MakeDataset, tmp_path: Path) -> None:
    made.llava(tmp_path / "one")
    made.qwen2_vl(tmp_path / "other")
    data, run = make_dataset(ROWS), tmp_path / "run"
    first, second = (values(run, data, Difficulty(str(tmp_path / name))) for name in ("one", "other"))
    assert first != second
    assert kept(run) == 2 * ROWS
    assert len(list((run / "losses").iterdir())) == 2


def test_damaged_losses_are_computed_again(make_dataset: MakeDataset, tmp_path: Path) -> None:
    made.llava(tmp_path / "llava")
    data, name, run = make_dataset(ROWS), str(tmp_path / "llava"), tmp_path / "run"
    whole = values(run, data, Necessity(name))
    (path,) = run.glob("losses/*/*.parquet")
    content = path.read_bytes()
    for damaged in (content[:-40], content[:60] + bytes([content[60] ^ 1]) + content[61:], b""):
        path.write_bytes(damaged)
        assert [one.path for one in check_folder(run).damages] == [path]
        again = values(run, data, ImageGain(name, fold="row", against="none"))
        assert again == whole
        assert path.read_bytes() == content
        (table,) = run.glob("scores/gain-*")
        for part in table.iterdir():
            part.unlink()
        table.rmdir()
        (turns,) = run.glob("turns/gain-*")
        for part in turns.iterdir():
            part.unlink()
        turns.rmdir()


def test_only_what_is_not_there_is_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made.llava(tmp_path / "llava")
    model = load_model(str(tmp_path / "llava"), device="cpu")
    computed: list[int] = []
    real = HuggingFaceModel.dialogue_losses

    def counted(self, images, dialogues, **how):  # type: ignore[no-untyped-def]
        computed.append(len(dialogues))
        return real(self, images, dialogues, **how)

    monkeypatch.setattr(HuggingFaceModel, "dialogue_losses", counted)
    pictures = [Image.linear_gradient("L").resize((56, 56)).rotate(90 * n).convert("RGB") for n in range(2)]
    dialogues: list[Dialogue] = [[("What?", "A dog.")], [(None, "A cat."), ("And this?", "A red one.")]]
    with KeptLosses(model, tmp_path / "losses") as first:
        found = first.dialogue_losses(pictures, dialogues)
        masked = first.dialogue_losses(pictures, dialogues, mask_images=True)
        # The same pixels in another object, the same row twice, and a picture that is turned.
        again = first.dialogue_losses([pictures[0].copy()] * 2, [dialogues[0]] * 2)
        turned = first.dialogue_losses([pictures[1]], [dialogues[0]])
        first.flush()
    assert computed == [2, 2, 1]
    assert [one.tolist() for one in again[0]] == [one.tolist() for one in found[0]]
    assert [one.tolist() for one in again[1]] == [one.tolist() for one in found[0]]
    assert turned[0][0].tolist() != found[0][0].tolist()
    with KeptLosses(model, tmp_path / "losses") as second:
        read = second.dialogue_losses(pictures, dialogues, mask_images=True)
    assert computed == [2, 2, 1]
    assert [[one.tolist() for one in row] for row in read] == [
        [one.tolist() for one in row] for row in masked
    ]
    assert all(one.dtype == "float32" for row in read for one in row)
