"""The bridge beside a stand-in of lmms-eval's documented interface: the real one cannot be installed here."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image
from tests.evaluation.models import Colour

from finegold.errors import ConfigError, DataError, MissingExtraError, ModelError
from finegold.evaluation import lmms_eval as bridge
from finegold.evaluation.notes import read_lmms_results


@dataclass
class Manifest:
    model_id: str
    simple_class_path: str


class Base:
    def __init__(self) -> None:
        self.task_dict: dict[str, Any] = {}


@dataclass
class Request:
    args: tuple[Any, ...]


@pytest.fixture
def lmms(monkeypatch: pytest.MonkeyPatch) -> None:
    modules: dict[str, dict[str, Any]] = {
        "lmms_eval": {},
        "lmms_eval.models": {},
        "lmms_eval.api": {},
        "lmms_eval.models.registry_v2": {"ModelManifest": Manifest},
        "lmms_eval.api.model": {"lmms": Base},
    }
    for name, content in modules.items():
        module = ModuleType(name)
        module.__dict__.update(content)
        monkeypatch.setitem(sys.modules, name, module)


def requests(count: int, **settings: Any) -> list[Request]:
    return [
        Request((f"<image>\nquestion {k}", settings, lambda doc: doc["images"], k, "t", "test"))
        for k in range(count)
    ]


def documents(count: int, images: int = 1) -> Any:
    picture = Image.new("L", (4, 4), 9)
    return {"t": {"test": [{"images": [picture] * images} for _ in range(count)]}}


@pytest.mark.usefixtures("lmms")
def test_the_manifest_names_a_class_that_lmms_eval_can_make_and_ask() -> None:
    manifest = bridge.manifest()
    module, _, name = manifest.simple_class_path.rpartition(".")
    model: Any = getattr(sys.modules[module], name)(
        pretrained="constant:Yes. No.", batch_size="2", device="cpu"
    )
    model.task_dict = documents(3)
    model._answering = Colour()

    answers = model.generate_until(requests(3, max_new_tokens=8, until=["batch"]))

    assert issubclass(type(model), Base)
    assert model.is_simple
    assert answers == ["(9, 9, 9) of (4, 4) in a"] * 3
    assert model._answering.calls == [["question 0", "question 1"], ["question 2"]]


@pytest.mark.usefixtures("lmms")
def test_wrong_model_arguments_are_explained() -> None:
    with pytest.raises(ConfigError, match="has beams, expected pretrained"):
        bridge.FinegoldModel(beams=3)


def test_a_gap_is_an_error_and_not_a_wrong_answer() -> None:
    silent = Colour(fails=frozenset({"question 1"}))
    with pytest.raises(ModelError, match="t document 1 has no answer: no reply"):
        bridge.answer_requests(silent, requests(2), documents(2), 2)
    with pytest.raises(ModelError, match="t document 0 has 2 images"):
        bridge.answer_requests(Colour(), requests(1), documents(1, images=2), 2)


def test_without_lmms_eval_the_command_that_installs_it_is_named() -> None:
    with pytest.raises(MissingExtraError, match=r"pip install 'finegold\[lmms-eval\]'"):
        bridge.manifest()


def test_its_results_are_read_back_for_the_tasks_that_both_know(tmp_path: Path) -> None:
    path = tmp_path / "20261122_results.json"
    scores = {"alias": "flickr30k_test", "flickr_CIDEr,none": 0.5, "flickr_CIDEr_stderr,none": "N/A"}
    exact = {"exact_match,none": 0.25, "exact_match_stderr,none": 0.01}
    exact["exact_match_stderr_clt,none"] = 0.02
    path.write_text(
        json.dumps({"results": {"flickr30k_test": scores, "ok_vqa_val2014": exact, "mme": exact}})
    )

    found = read_lmms_results(path)

    assert [(one["task"], one["metric"], one["value"], one["standard_error"]) for one in found] == [
        ("flickr30k", "flickr_CIDEr", 0.5, None),
        ("okvqa", "exact_match", 0.25, 0.01),
    ]
    path.write_text("[]")
    with pytest.raises(DataError, match="holds no lmms-eval results"):
        read_lmms_results(path)
