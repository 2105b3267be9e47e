"""A model of parts runs with the checkpoint that was named, through every verb, and never with none."""

import hashlib
import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from tests.evaluation.made import flickr30k
from tests.models.conftest import llama_tokenizer
from tests.models.minigpt4 import MadeParts, make_parts
from tests.models.prefix.test_blip2 import folder as blip2_folder
from tests.models.sentencepiece_file import write_tokenizer_model
from transformers import LlamaConfig, LlamaForCausalLM
from typer.testing import CliRunner

from finegold.cli import app
from finegold.errors import ConfigError, FinegoldError, MissingExtraError, ModelError
from finegold.evaluation import TASKS, EvaluationOptions, answer_task
from finegold.evaluation.answering import find_profile
from finegold.evaluation.answers import read_settings
from finegold.models import load_model
from finegold.models.prefix import NEW_MODELS, Parts, PrefixNetwork, load_network, save_network
from finegold.models.prefix.blip2 import Blip2VisionFeatures, blip2_pixels
from finegold.models.prefix.model import PrefixModel
from finegold.models.prefix.projection import read_projection, write_pth
from finegold.models.prefix.storage import automatic_dtype
from finegold.models.prefix.template import (
    PromptTokens,
    encode_answer,
    encode_prompt,
    end_ids,
    template_named,
)
from finegold.study import load_study
from finegold.tuning import default_recipe, load_recipe, tune

__all__ = ["blip2_folder"]


@pytest.fixture
def made(tmp_path: Path, blip2_folder: Path) -> MadeParts:
    return make_parts(tmp_path, blip2_folder)


@pytest.fixture
def verbs(tmp_path: Path, pool: Path) -> dict[str, list[str]]:
    """The arguments of each verb that runs a model, without those about its parts."""
    flickr30k(tmp_path / "benchmarks", 2)
    question = {"question_id": 1, "image": "0.png", "text": "a dog?"}
    (tmp_path / "questions.jsonl").write_text(json.dumps(question) + "\n")
    (tmp_path / "study.toml").write_text(
        'about = "one arm"\nbaseline = "a"\n[[arms]]\nname = "a"\npreset = "random"\nsize = 2\n'
    )
    words = {
        "evaluate": f"minigpt4-7b --tasks flickr30k --task-data {tmp_path}/benchmarks "
        f"--out {tmp_path}/evaluated --max-new-tokens 4 --draws 100",
        "generate": f"minigpt4-7b --questions {tmp_path}/questions.jsonl --images {pool.parent}/images "
        f"--out {tmp_path}/generated.jsonl --max-new-tokens 4",
        "chat": f"minigpt4-7b --image {pool.parent}/images/0.png --max-new-tokens 4",
        "tune": f"{pool} --model minigpt4-7b --out {tmp_path}/tuned --steps 1 --batch-size 2 "
        f"--features {tmp_path}/c",
        "study": f"{tmp_path}/study.toml --model minigpt4-7b --data {pool} --images {pool.parent}/images "
        f"--tasks flickr30k --task-data {tmp_path}/benchmarks --out {tmp_path}/studied --steps 1 --seeds 1 "
        "--workers 1",
        "score": f"{tmp_path}/scored.run --data {pool} --images {pool.parent}/images --encoder offline "
        "--scorer difficulty --param model=minigpt4-7b",
    }
    return {verb: [verb, *text.split(), "--device", "cpu"] for verb, text in words.items()}


@pytest.mark.parametrize("verb", ["evaluate", "generate", "chat", "tune", "study", "score"])
def test_no_verb_runs_an_untrained_projection_unless_told(
    verb: str, verbs: dict[str, list[str]], made: MadeParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINEGOLD_CACHE", str(made.vicuna.parent / "cache"))
    with pytest.raises(FinegoldError, match=r"has no projection, .* --projection, or give --from-scratch"):
        CliRunner().invoke(app, [*verbs[verb], *made.folders], catch_exceptions=False)
    for start in (["--projection", str(made.released)], ["--from-scratch"]):
        if verb == "study" and start == ["--from-scratch"]:
            continue
        out = Path(verbs[verb][verbs[verb].index("--out") + 1]) if "--out" in verbs[verb] else None
        arguments = [*verbs[verb], *made.folders, *start]
        if out is not None:
            arguments[arguments.index("--out") + 1] = str(out.with_name(f"{start[0]}{out.name}"))
        result = CliRunner().invoke(app, arguments, catch_exceptions=False, input="a dog?\n\n")
        assert result.exit_code == 0, result.output


def test_parts_that_a_score_does_not_read_are_refused(made: MadeParts, pool: Path, tmp_path: Path) -> None:
    run = [str(tmp_path / "scored.run"), "--data", str(pool), "--images", str(pool.parent / "images")]
    words = ["score", *run, "--scorer", "length", "--projection", str(made.released)]
    with pytest.raises(ConfigError, match="would have no effect, because the scorer 'length' loads none"):
        CliRunner().invoke(app, words, catch_exceptions=False)


def test_the_answers_name_the_checkpoint_by_its_hash(
    verbs: dict[str, list[str]], made: MadeParts, tmp_path: Path
) -> None:
    sha256 = hashlib.sha256(made.released.read_bytes()).hexdigest()
    start = [*made.folders, "--projection", str(made.released)]
    for verb in ("evaluate", "generate"):
        CliRunner().invoke(app, [*verbs[verb], *start], catch_exceptions=False)
    settings = json.loads((tmp_path / "evaluated" / "answers" / "flickr30k.json").read_text())
    assert settings["model"]["projection"] == {"file": "released.pth", "sha256": sha256}
    assert json.loads((tmp_path / "evaluated" / "results.json").read_text())["model"] == settings["model"]
    line = json.loads((tmp_path / "generated.jsonl").read_text())
    assert line["metadata"]["projection"]["sha256"] == sha256
    other = [*made.folders, "--projection", str(made.other)]
    with pytest.raises(FinegoldError, match="holds answers to flickr30k with model"):
        CliRunner().invoke(app, [*verbs["evaluate"], *other], catch_exceptions=False)


def test_it_answers_with_that_checkpoint(made: MadeParts, tmp_path: Path) -> None:
    save_network(
        load_network("minigpt4-7b", parts=made.parts, device="cpu"),
        tmp_path / "saved",
        with_language_model=False,
        dtype=torch.float32,
    )
    losses = []
    for name, parts in (
        ("minigpt4-7b", made.parts),
        (str(tmp_path / "saved"), None),
        ("minigpt4-7b", Parts(str(made.vicuna), str(made.blip2), made.other)),
    ):
        with load_model(name, device="cpu", parts=parts) as model:
            losses.append(float(model.losses([Image.new("RGB", (9, 9), "red")], ["a?"], ["a dog"])[0].sum()))
    assert losses[0] == losses[1] != losses[2]


def test_two_starts_and_parts_of_other_models_are_refused(made: MadeParts) -> None:
    both = Parts(projection=made.released, from_scratch=True)
    with pytest.raises(ConfigError, match="give one"):
        load_model("minigpt4-7b", parts=both)
    with pytest.raises(ModelError, match="there is no projection at"):
        load_model("minigpt4-7b", parts=Parts(projection=made.vicuna / "none.pth"))
    for name in ("offline", "constant:Yes", "a/hub-model"):
        with pytest.raises(ConfigError, match="has its own parts"):
            load_model(name, parts=Parts(projection=made.released))
    with pytest.raises(ConfigError, match="has its own parts"):
        load_model("constant:Yes", parts=Parts(from_scratch=True))
    trained = {"offline": {"captions": "c.tsv", "images": "x"}, "parts": {"from_scratch": True}}
    with pytest.raises(ConfigError, match=r"captions train the offline models .* give one"):
        load_study("presets", trained | {"data": {"path": "x"}, "evaluation": {"data": "x"}})
    changes = {"model": "offline", "parts": {"projection": "x.pth"}, "evaluation": {"data": "x"}}
    with pytest.raises(ConfigError, match="has its own parts"):
        load_study("presets", changes | {"data": {"path": "x"}})


def test_a_tuned_folder_loads_from_every_working_directory(
    made: MadeParts, pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parts were named by relative paths, and config.json keeps absolute ones."""
    monkeypatch.chdir(tmp_path)
    parts = Parts("vicuna", os.path.relpath(made.blip2), Path("released.pth"))
    tune(
        pool,
        model="minigpt4-7b",
        out="tuned",
        parts=parts,
        steps=1,
        batch_size=2,
        device="cpu",
        features=tmp_path,
    )
    config = json.loads((tmp_path / "tuned" / "config.json").read_text())
    assert config["language_model"] == str(made.vicuna)
    assert config["features"]["path"] == str(made.blip2)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    model = PrefixModel(str(tmp_path / "tuned"), device="cpu")
    model.load()
    assert model.identity()["language_model"]["files"]["model.safetensors"]


def test_the_recipe_follows_the_model(made: MadeParts, pool: Path, tmp_path: Path) -> None:
    common = {"steps": 1, "batch_size": 2, "device": "cpu", "features": tmp_path / "c"}
    tune(pool, model="minigpt4-7b", out=tmp_path / "one", parts=made.parts, **common)  # type: ignore[arg-type]
    tune(pool, model=str(tmp_path / "one"), out=tmp_path / "two", **common)  # type: ignore[arg-type]
    recipe = json.loads((tmp_path / "two" / "tuning.json").read_text())["recipe"]
    found = [
        recipe[key] for key in ("name", "rate", "rate_floor", "warmup_rate", "warmup_steps", "precision")
    ]
    assert found == ["minigpt4-stage2", 3e-5, 1e-5, 1e-6, 200, "float16"]
    assert recipe["instructions"][0] == "Describe this image in detail."
    assert default_recipe("offline") == "offline-stage2"


@pytest.mark.parametrize("augment", [True, False])
def test_blip2_features_are_trained_on_cropped_or_kept(
    augment: bool, made: MadeParts, pool: Path, tmp_path: Path
) -> None:
    result = tune(
        pool,
        model="minigpt4-7b",
        out=tmp_path / "out",
        parts=made.parts,
        steps=2,
        batch_size=2,
        augment=augment,
        device="cpu",
        features=tmp_path / "c",
    )
    assert result.steps == 2
    features = list((tmp_path / "c").rglob("*.npy")) if (tmp_path / "c").exists() else []
    assert len(features) == (0 if augment else 10)


@pytest.mark.parametrize(
    ("name", "width", "recipe"),
    [
        ("minigpt4-7b", 4096, "minigpt4-stage2"),
        ("minigpt4-13b", 5120, "minigpt4-stage2"),
        ("minigpt4-llama2-7b", 4096, "minigpt4-llama2-stage2"),
    ],
)
def test_each_published_size_has_its_width_and_recipe(
    name: str, width: int, recipe: str, tmp_path: Path, blip2_folder: Path
) -> None:
    """A decoder of one layer has the real width: a checkpoint of another size does not fit, and is named."""
    vicuna = tmp_path / "vicuna"
    shape = {"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    LlamaForCausalLM(LlamaConfig(vocab_size=4000, hidden_size=width, **shape)).save_pretrained(vicuna)
    llama_tokenizer().save_pretrained(vicuna)
    inputs = 64 if "llama2" in name else 12
    paths = {}
    for other in (4096, 5120):
        paths[other] = tmp_path / f"{other}.pth"
        write_pth(paths[other], torch.zeros(other, inputs), torch.zeros(other))
    network = load_network(name, parts=Parts(str(vicuna), str(blip2_folder), paths[width]), device="cpu")
    assert tuple(network.projection.weight.shape) == (width, inputs)
    assert default_recipe(name) == recipe
    assert load_recipe(recipe).template == network.template.name
    wrong = Parts(str(vicuna), str(blip2_folder), paths[4096 if width == 5120 else 5120])
    with pytest.raises(ModelError, match=f"take the {'7B' if width == 4096 else '13B'} checkpoint"):
        load_network(name, parts=wrong, device="cpu")


def test_llama_2_sees_joined_patches_and_the_published_prompt(made: MadeParts, blip2_folder: Path) -> None:
    """From `encode_img` and the stage-2 configuration of MiniGPT-4's code (commit d94738a)."""
    image = Image.linear_gradient("L").resize((28, 28)).convert("RGB")
    features = Blip2VisionFeatures(str(blip2_folder))
    found = features.encode([image])
    assert found.shape == (1, 1, 64) == (1, features.tokens, features.width)
    vision, _, _ = features._parts
    with torch.no_grad():
        patches = vision(pixel_values=blip2_pixels(image, 28)[None]).last_hidden_state[:, 1:]
    assert torch.equal(found, patches.view(1, 1, 64))
    tokenizer, template = llama_tokenizer(), template_named("minigpt4-llama2")
    before, after = encode_prompt(tokenizer, template, "Describe this image in detail.")
    pieces = ("[INST] <Img>", "</Img> Describe this image in detail. [/INST] ")
    expected = [tokenizer.encode(piece, add_special_tokens=False) for piece in pieces]
    assert (before, after) == ([1, *expected[0]], expected[1])
    assert encode_answer(tokenizer, template, "a dog")[-1] == 2


def test_a_named_language_model_has_half_precision_on_a_gpu(made: MadeParts, tmp_path: Path) -> None:
    network = load_network("minigpt4-7b", parts=made.parts, device="cpu", dtype=torch.float16)
    assert network.language_model.dtype == torch.float16
    save_network(network, tmp_path / "named", with_language_model=False, dtype=torch.float32)
    save_network(network, tmp_path / "whole", with_language_model=True, dtype=torch.bfloat16)
    save_network(network, tmp_path / "whole32", with_language_model=True, dtype=torch.float32)
    found = {
        name: automatic_dtype(name if name in NEW_MODELS else str(tmp_path / name), "cuda:0")
        for name in ("minigpt4-7b", "offline-smollm2", "named", "whole", "whole32")
    }
    assert found == {
        "minigpt4-7b": torch.float16,
        "offline-smollm2": torch.bfloat16,
        "named": torch.float16,
        "whole": torch.bfloat16,
        "whole32": torch.float32,
    }
    assert automatic_dtype("minigpt4-7b", "cpu") == torch.float32


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_it_answers_in_half_precision(dtype: str, made: MadeParts) -> None:
    with load_model("minigpt4-7b", device="cpu", dtype=dtype, parts=made.parts) as model:
        assert model.identity()["dtype"] == dtype
        (nats,) = model.losses([Image.new("RGB", (9, 9), "red")], ["a?"], ["a dog"])
        assert nats.min() > 0


def _only_sentencepiece(made: MadeParts) -> None:
    """Leave the tokenizer files that FastChat's delta tool writes."""
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (made.vicuna / file).unlink()
    write_tokenizer_model(made.vicuna / "tokenizer.model")
    names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    settings = {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "add_eos_token": False}
    (made.vicuna / "tokenizer_config.json").write_text(json.dumps(settings | names))
    (made.vicuna / "special_tokens_map.json").write_text(json.dumps(names))


def test_a_folder_with_tokenizer_model_alone_gives_llamas_ids(made: MadeParts) -> None:
    _only_sentencepiece(made)
    if find_spec("sentencepiece") is None or find_spec("google") is None:
        with pytest.raises(MissingExtraError, match=r"the tokenizer of .* pip install 'finegold\[models\]'"):
            load_network("minigpt4-7b", parts=made.parts, device="cpu")
        return
    network = load_network("minigpt4-7b", parts=made.parts, device="cpu")
    before, after = encode_prompt(network.tokenizer, network.template, "Describe this image in detail.")
    assert before == [1, 835, 29950, 7889, 29901, 529, 25518, 29958]
    assert after[-2:] == [29901, 29871]
    assert end_ids(network.tokenizer, network.template) == [[835], [2277, 29937]]
    assert (network.tokenizer.pad_token_id, network.tokenizer.bos_token_id) == (3997, 1)


def test_a_tokenizer_that_needs_a_package_names_it_and_its_extra(
    made: MadeParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    _only_sentencepiece(made)
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(MissingExtraError, match=r"'sentencepiece', .* pip install 'finegold\[models\]'"):
        load_network("minigpt4-7b", parts=made.parts, device="cpu")


def test_the_profile_of_lvlm_ehub_puts_its_questions_to_minigpt4(
    made: MadeParts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flickr30k(tmp_path / "benchmarks", 2)
    seen: list[list[int]] = []
    collate = PrefixNetwork.collate

    def watch(self: PrefixNetwork, prompts: list[PromptTokens], *rest: Any, **more: Any) -> Any:
        seen.extend(prompt.after for prompt in prompts)
        return collate(self, prompts, *rest, **more)

    monkeypatch.setattr(PrefixNetwork, "collate", watch)
    for profile in ("greedy", "ehub-2023"):
        with load_model("minigpt4-7b", device="cpu", parts=made.parts) as model:
            options = EvaluationOptions(
                profile=find_profile(profile), limit=1, batch_size=1, max_new_tokens=3
            )
            answer_task(TASKS.get("flickr30k"), tmp_path / "benchmarks", tmp_path / profile, model, options)
    newer, older = seen
    assert newer == [*older, 29871]
    kept = [read_settings(tmp_path / profile)["flickr30k"]["model"] for profile in ("greedy", "ehub-2023")]
    assert kept[1] == kept[0] | {"template": "minigpt4-vicuna0-2023-04"}


def test_the_decoding_has_features_of_its_own(made: MadeParts, pool: Path, tmp_path: Path) -> None:
    weights = []
    record = json.loads(pool.read_text())
    for place, row in enumerate(record):
        colour = (250, 10, 20 * place, 0)
        Image.new("RGBA", (8, 8), colour).save(pool.parent / "images" / row["image"])
    for number, decoding in enumerate(("finegold", "original")):
        tune(
            pool,
            model="minigpt4-7b",
            out=tmp_path / decoding,
            parts=made.parts,
            steps=2,
            batch_size=4,
            decoding=decoding,  # type: ignore[arg-type]
            device="cpu",
            features=tmp_path / "c",
        )
        assert len(list((tmp_path / "c").iterdir())) == number + 1
        assert json.loads((tmp_path / decoding / "tuning.json").read_text())["recipe"]["decoding"] == decoding
        weights.append(read_projection(tmp_path / decoding / "projection.pth")[0])
    assert not torch.equal(*weights)


def test_an_untrained_projection_of_a_carried_model_is_another_model() -> None:
    with load_model("offline") as own, load_model("offline", parts=Parts(from_scratch=True)) as bare:
        assert own.identity() != bare.identity()
