"""The offline vision-language models: their weights, instructions of stage 1, and photos they never saw."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from finegold.samples.formats.minigpt4 import INSTRUCTIONS


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A vision-language model that finegold carries.

    Attributes:
        folder: Folder of its weights.
        sha256: Hash of `language_model/model.safetensors` in it.
    """

    folder: Path
    sha256: str


TRAINED = Path(__file__).parent / "trained"
OFFLINE_MODELS = {
    "offline": TrainedModel(
        TRAINED / "captioner", "be4239d695a87f7531a149358259d755de4667bbc38fbb8cb79c6ef4e04c8080"
    ),
    "offline-vqa": TrainedModel(
        TRAINED / "answerer", "212d01bdac55d0aa769397ef160f055ed0dff397567f213d9bb9365b1e08dbf5"
    ),
}
"""The models by name; docs/offline-vlm.md is their model card."""
ONE_SENTENCE = "Describe this image in one sentence."
"""The instruction that the captioner answers with one caption."""
DETAIL_INSTRUCTIONS = INSTRUCTIONS
"""The instructions that the captioner answers with two to five captions in a row."""


def is_held_out(file_name: str) -> bool:
    """Whether the offline models were kept from the Flickr8k photo of this name, `1000268201_693b08cb0e.jpg`.

    The rule: the first eight hexadecimal digits of the name's sha256 are divisible by ten. It holds for about
    one photo in ten, and a photo added or removed changes nothing for the others.
    """
    return int(hashlib.sha256(file_name.encode()).hexdigest()[:8], 16) % 10 == 0
