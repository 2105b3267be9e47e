"""VLMEvalKit's tab-separated text: a header, and `question`, `answer` and `image` (base64 or a path) a row.

Options stand in the columns `A` to `F`, and `index` is the id. Cells that hold line ends or tabs are quoted.
"""

import ast
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from finegold.samples.dataset import FORMATS, DataFiles, Dataset
from finegold.samples.exclusions import RowError
from finegold.samples.json_text import decode_text_lines
from finegold.samples.records import Parsed

_MAX_CELL = 256 << 20
"""Characters of one cell: as many as the bytes of the largest image."""


@FORMATS.register("vlmevalkit")
class VLMEvalKitDataset(Dataset):
    """Rows of one file, read one at a time."""

    content = "tab-separated text"
    suffixes = (".tsv",)

    @classmethod
    def fit(cls, source: DataFiles) -> float:
        """Whether the name ends in `.tsv` and the first line names the columns of a known shape."""
        if source.files[0].suffix.lower() != ".tsv" or b"\0" in source.head:
            return 0.0
        header = next(_rows(source.files[0]), ("", []))[1]
        return 0.99 if source.has_shape(dict.fromkeys(header, "")) else 0.0

    def records(self, start: int = 0) -> Iterator[tuple[str, Any]]:
        """Every row from `start` on. Places are `NAME row N`, from 1, without the header."""
        rows = _rows(self.source.files[0])
        header = next(rows)[1]
        for number, (_, cells) in enumerate(rows):
            if number < start:
                continue
            wrong = RowError(f"the row has {len(cells)} cells, expected {len(header)}: one for each column")
            record = dict(zip(header, cells, strict=False)) if len(cells) == len(header) else wrong
            yield f"{self.source.files[0].name} row {number + 1}", record

    def parse(self, record: Any) -> Parsed:
        """The id, images and turns of a row; raises RowError."""
        fields = {key: cell for key, cell in record.items() if cell != ""}
        image = fields.get("image", "")
        if image.isdecimal() and len(image) < 64:
            raise RowError(
                f"the image is that of the row with the index {image}, and it is not read", "missing-image"
            )
        if image.startswith("[") and image.endswith("]"):
            fields["image"] = _listed(image)
        parsed = super().parse(fields)
        return Parsed(self.own_id(record), parsed.images, parsed.turns)

    def own_id(self, record: Any) -> str | None:
        """The id of a record of any format, or the cell `index`."""
        return super().own_id(record) or record.get("index") or None

    def write_records(self, out: Path, keep: set[int]) -> tuple[Path, int]:
        """Write the header and the kept rows character for character, in UTF-8."""
        (target,) = self.output_names(out)
        rows, written = _rows(self.source.files[0]), 0
        with target.open("w", encoding="utf-8", newline="") as file:
            file.write(next(rows)[0])
            for number, (text, _) in enumerate(rows):
                if number in keep:
                    file.write(text if text.endswith("\n") else f"{text}\n")
                    written += 1
        return target, written


def _listed(cell: str) -> list[str]:
    """The images of a cell that is a list: `['/9j/...', '/9j/...']`."""
    try:
        found = ast.literal_eval(cell)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        found = None
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise RowError("the cell 'image' is no list of images, expected base64 texts or paths in it")
    return found


def _rows(file: Path) -> Iterator[tuple[str, list[str]]]:
    """The text of each row, its line end included, and its cells."""
    csv.field_size_limit(max(csv.field_size_limit(), _MAX_CELL))
    read: list[str] = []

    def lines() -> Iterator[str]:
        for line in decode_text_lines(file):
            read.append(line)
            yield line

    rows = csv.reader(lines(), delimiter="\t")
    while True:
        read.clear()
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error:
            cells = []
        if cells or "".join(read).strip():
            yield "".join(read), cells
