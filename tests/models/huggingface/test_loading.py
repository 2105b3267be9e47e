"""Processors as they come: templates with and without the start token, and no torchvision."""

import json
from pathlib import Path

import pytest
from PIL import Image
from tests.models.huggingface import made

from finegold.errors import ModelError
from finegold.models.huggingface import HuggingFaceModel
from finegold.models.loading import load_processor

pytest.importorskip("transformers")

PICTURE = Image.new("RGB", (30, 30), "green")


@pytest.mark.parametrize("template", [made.TEMPLATE, "{{ bos_token }}" + made.TEMPLATE])
def test_a_prompt_begins_with_one_start_token_if_the_model_expects_it(template: str, tmp_path: Path) -> None:
    made.llava(tmp_path / "model", template)
    model = HuggingFaceModel(str(tmp_path / "model"), device="cpu")
    inputs = model.encode([PICTURE, None], ["What is this, and what is beside it?", "Why?"])
    for ids, mask in zip(inputs["input_ids"].tolist(), inputs["attention_mask"].tolist(), strict=True):
        tokens = [i for i, shown in zip(ids, mask, strict=True) if shown]
        assert tokens[0] == 1
        assert 1 not in tokens[1:]


def test_a_model_without_a_start_token_gets_none(tmp_path: Path) -> None:
    made.idefics3(tmp_path / "model")
    inputs = HuggingFaceModel(str(tmp_path / "model"), device="cpu").encode([None], ["Why?"])
    assert 1 not in inputs["input_ids"]


def test_a_written_processor_is_read_back_with_one_start_token(tmp_path: Path) -> None:
    made.llava(tmp_path / "model")
    for step in ("once", "twice"):
        load_processor(str(tmp_path / "model")).save_pretrained(tmp_path / "model")
        assert load_processor(str(tmp_path / "model")).chat_template.count("bos_token") == 1, step


@pytest.mark.parametrize("kind", ["Qwen2VLImageProcessor", "Qwen2VLImageProcessorFast"])
def test_qwen2_vl_loads_as_the_hub_has_it_also_without_torchvision(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    made.qwen2_vl(folder)
    written = json.loads((folder / "processor_config.json").read_text())
    (folder / "processor_config.json").unlink()
    images = {
        **written["image_processor"],
        "image_processor_type": kind,
        "processor_class": "Qwen2VLProcessor",
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(images))
    processor = load_processor(str(folder))
    prompt = "<|vision_start|><|image_pad|><|vision_end|>"
    found = processor(images=[PICTURE], text=[prompt], return_tensors="pt")
    assert found["pixel_values"].shape[0] == 4 * (found["input_ids"] == processor.image_token_id).sum()


def test_only_a_chat_needs_a_chat_template(tmp_path: Path) -> None:
    made.word_llava(tmp_path, chat=False)
    assert load_processor(str(tmp_path)).tokenizer.pad_token == "<pad>"
    with pytest.raises(ModelError, match="has no chat template: name an instruction-tuned model"):
        load_processor(str(tmp_path), chat=True)


def test_a_misspelt_model_is_refused_before_the_hub_is_asked() -> None:
    for name in ("ofline", "minigpt4-13"):
        with pytest.raises(ModelError, match=rf"no model '{name}' \(did you mean '"):
            HuggingFaceModel(name, device="cpu").identity()


def test_a_model_shows_itself_in_a_notebook_without_its_weights() -> None:
    assert "HuggingFaceModel" in HuggingFaceModel("lab/of-the-hub", device="cpu")._repr_html_()
