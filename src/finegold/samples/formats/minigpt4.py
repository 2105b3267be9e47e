"""MiniGPT-4's stage-2 folder: `filter_cap.json` and `image/{image_id}.jpg`.

The JSON is `{"annotations": [{image_id, caption}]}`; the list may also stand bare. An image that has another
extension is found too. The rows have no instruction: the user's turn is the one given, or MiniGPT-4's own
`Describe this image in detail.`
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from finegold.samples.exclusions import RowError
from finegold.samples.formats.jsonfile import JsonDataset
from finegold.samples.formats.records import (
    DEFAULT_INSTRUCTION,
    Parsed,
    RawImage,
    check_text,
    kind,
    place_images,
    record_id,
)
from finegold.samples.sample import ImageRef, Turn

INSTRUCTIONS = (
    "Describe this image in detail.",
    "Take a look at this image and describe what you notice.",
    "Please provide a detailed description of the picture.",
    "Could you describe the contents of this image for me?",
)
"""Of `prompts/alignment.txt`; one is drawn for each batch of stage 2."""
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".JPG", ".JPEG", ".PNG")


@dataclass
class MiniGPT4Dataset(JsonDataset):
    """`filter_cap.json` and its `image` folder; the subset has the same layout."""

    format: ClassVar[str] = "minigpt4"
    images_folder: ClassVar[str] = "image"

    def parse(self, record: Any) -> tuple[Parsed, tuple[ImageRef, ...]]:
        """Read one annotation and locate its image; raises RowError."""
        if not isinstance(record, dict):
            raise RowError(f"the record is {kind(record)}, expected an object with image_id and caption")
        name, caption = record_id(record), record.get("caption")
        if name is None:
            raise RowError("the record has no image_id")
        if not isinstance(caption, str):
            raise RowError(f"the field 'caption' is {kind(caption)}, expected text")
        instruction = self.options.instruction
        asked = Turn("user", DEFAULT_INSTRUCTION if instruction is None else instruction)
        turns = place_images([asked, Turn("assistant", check_text(caption, "the field 'caption'"))], 1)
        return Parsed(name, (RawImage(name),), tuple(turns)), (self._find(name),)

    def locate(self, name: str) -> Path | None:
        """The image file, whatever its extension is now."""
        try:
            return self._find(
                Path(name).with_suffix("").as_posix() if Path(name).suffix in SUFFIXES else name
            ).path
        except RowError:
            return None

    def _find(self, name: str) -> ImageRef:
        first = self.root.ref(RawImage(name + SUFFIXES[0]))
        if first.path is None or first.path.exists():
            return first
        for suffix in SUFFIXES[1:]:
            other = self.root.ref(RawImage(name + suffix))
            if other.path is not None and other.path.exists():
                return other
        return first
