import hashlib

import pytest

from finegold.offline.captioner import OFFLINE_MODELS, is_held_out


def test_the_rule_names_the_same_photos_for_ever() -> None:
    names = [f"{number}_{number * 7919:x}.jpg" for number in range(3000)]
    held = [name for name in names if is_held_out(name)]
    assert 250 < len(held) < 350
    digest = hashlib.sha256("\n".join(held).encode()).hexdigest()
    assert digest[:16] == "1ce0a88080220f92"


@pytest.mark.parametrize("name", OFFLINE_MODELS)
def test_the_committed_weights_are_the_ones_of_the_model_card(name: str) -> None:
    model = OFFLINE_MODELS[name]
    weights = model.folder / "language_model" / "model.safetensors"
    assert hashlib.sha256(weights.read_bytes()).hexdigest() == model.sha256
    size = sum(path.stat().st_size for path in model.folder.rglob("*") if path.is_file())
    assert size < 12_000_000
