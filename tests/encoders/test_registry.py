from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pytest

from finegold.encoders import load_encoder, registry
from finegold.encoders.huggingface import HuggingFaceEncoder
from finegold.errors import ConfigError, ModelError


def test_a_path_is_a_hugging_face_model(tiny_clip: Path) -> None:
    encoder = load_encoder(str(tiny_clip), device="cpu")
    assert isinstance(encoder, HuggingFaceEncoder)
    assert load_encoder(str(tiny_clip), device="cpu") is encoder


def test_a_third_party_answers_to_its_name_and_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("colours", f"{__name__}:make_colours", registry.ENTRY_POINTS)
    monkeypatch.setattr(EntryPoint, "load", lambda self: make_colours)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    assert load_encoder("colours:blue", device="cpu").name == "colours:blue on cpu"


def make_colours(name: str, *, device: str, dtype: str) -> SimpleNamespace:
    return SimpleNamespace(name=f"{name} on {device}", dtype=dtype)


def test_options_that_the_offline_encoder_lacks_are_refused() -> None:
    with pytest.raises(ConfigError, match="float32, not float16"):
        load_encoder("offline", dtype="float16")
    with pytest.raises(ConfigError, match="names no file"):
        load_encoder("offline:")
    with pytest.raises(ModelError, match=r"no heads at nowhere\.safetensors"):
        load_encoder("offline:nowhere.safetensors")
