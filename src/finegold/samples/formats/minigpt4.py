"""MiniGPT-4's stage-2 folder: `filter_cap.json` and `image/{image_id}.jpg`.

The JSON is `{"annotations": [{image_id, caption}]}`; the list may also stand bare. `image_id` names the
image, also where a row has an `id` of its own. An image that has another extension is found too. The rows
have no instruction: the user's turn is `--instruction`, or MiniGPT-4's `Describe this image in detail.`
"""

from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

from finegold.samples.dataset import FORMATS
from finegold.samples.exclusions import RowError
from finegold.samples.formats.messages import JsonDataset
from finegold.samples.image_cache import image_is_there
from finegold.samples.image_fields import RawImage
from finegold.samples.placeholders import before_question
from finegold.samples.records import Parsed, record_id
from finegold.samples.sample import ImageRef, Turn
from finegold.samples.shapes import DEFAULT_INSTRUCTION
from finegold.samples.values import check_text, expect_type

INSTRUCTIONS = (
    "Describe this image in detail.",
    "Take a look at this image and describe what you notice.",
    "Please provide a detailed description of the picture.",
    "Could you describe the contents of this image for me?",
)
"""The instructions of `prompts/alignment.txt`; one is drawn for each batch of stage 2."""
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".JPG", ".JPEG", ".PNG")


@FORMATS.register("minigpt4")
class MiniGPT4Dataset(JsonDataset):
    """`filter_cap.json` and its `image` folder; the subset has the same layout."""

    image_folders = ("image", "images")
    breadth = 0.0

    @classmethod
    def find(cls, folder: Path) -> list[Path]:
        """The file `filter_cap.json`, whatever else is in the folder."""
        file = folder / "filter_cap.json"
        return [file] if file.is_file() else []

    @classmethod
    def recognises(cls, record: Any) -> bool:
        """Whether the record has an image id and a caption."""
        return isinstance(record, dict) and "image_id" in record and "caption" in record

    def parse(self, record: Any) -> Parsed:
        """The id, image and caption of an annotation; raises RowError if one is missing."""
        expect_type(record, dict, "the record", "an object with image_id and caption")
        image = record_id({"image_id": record.get("image_id")}) or record_id(record)
        if image is None:
            raise RowError("the record has no image_id")
        caption = expect_type(record.get("caption"), str, "the field 'caption'", "text")
        instruction = self.source.instruction
        prompt = Turn("user", DEFAULT_INSTRUCTION if instruction is None else instruction)
        turns = before_question([prompt, Turn("assistant", check_text(caption, "the field 'caption'"))], 1)
        return Parsed(record_id(record), (RawImage(image + SUFFIXES[0]),), tuple(turns))

    def locate_image(self, image: RawImage) -> ImageRef:
        """The image file, whatever its extension is; with the first extension if there is none."""
        stem = image.name.removesuffix(SUFFIXES[0])
        refs = (self.root.ref(RawImage(stem + suffix)) for suffix in SUFFIXES)
        first = next(refs)
        there = (ref for ref in chain([first], refs) if ref.path is None or image_is_there(ref.path))
        return next(there, first)

    def locate(self, name: str) -> Path | None:
        """The image file, whatever its extension is now."""
        known = Path(name).suffix in SUFFIXES
        stem = Path(name).with_suffix("").as_posix() if known else name
        with suppress(RowError):
            return self.locate_image(RawImage(stem + SUFFIXES[0])).path
        return None
