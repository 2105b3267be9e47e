"""The offline captioner: folder of its weights, instructions of stage 1, and photos that it never saw."""

import hashlib
from pathlib import Path

from finegold.samples.formats.minigpt4 import INSTRUCTIONS

MODEL_FOLDER = Path(__file__).parent / "trained" / "captioner"
SHA256 = "be4239d695a87f7531a149358259d755de4667bbc38fbb8cb79c6ef4e04c8080"
"""Hash of `language_model/model.safetensors`; docs/offline-vlm.md is the model card."""
ONE_SENTENCE = "Describe this image in one sentence."
"""The instruction that the captioner answers with one caption."""
DETAIL_INSTRUCTIONS = INSTRUCTIONS
"""The instructions that the captioner answers with two to five captions in a row."""


def is_held_out(file_name: str) -> bool:
    """Whether the offline model was kept from the Flickr8k photo of this name, `1000268201_693b08cb0e.jpg`.

    The rule: the first eight hexadecimal digits of the name's sha256 are divisible by ten. It holds for about
    one photo in ten, and a photo added or removed changes nothing for the others.
    """
    return int(hashlib.sha256(file_name.encode()).hexdigest()[:8], 16) % 10 == 0
