"""The rows of a run in a space: embedded by their images, by their texts, or by both."""

from dataclasses import dataclass
from typing import Any

from finegold.encoders import Space
from finegold.encoders.spaces import join_spaces
from finegold.errors import ConfigError
from finegold.run import PartTable, RunFolder
from finegold.workflow.rows import Rows


@dataclass(frozen=True, slots=True)
class RowVectors:
    """The embedded rows.

    Attributes:
        table: The vectors in the space.
        images: Finished table of the images' embeddings; None in a space of texts.
        texts: Finished table of the texts' embeddings; None in the space of images.
    """

    table: PartTable
    images: PartTable | None = None
    texts: PartTable | None = None

    @classmethod
    def of(cls, run: RunFolder, images: PartTable | None, texts: PartTable | None) -> "RowVectors":
        """The vectors of one table, or of two side by side."""
        if images is not None and texts is not None:
            return cls(join_spaces(run, images, texts), images, texts)
        table = images or texts
        if table is None:
            raise ConfigError("rows are compared by nothing: give a space of images or of texts")
        return cls(table, images, texts)

    @property
    def models(self) -> dict[str, Any]:
        """Identities of the encoders."""
        pairs = (("image", self.images), ("text", self.texts))
        return {name: table.parameters["model"] for name, table in pairs if table is not None}


def part_of(space: Space) -> Space:
    """The texts that a space compares: `instruction`, or `text`."""
    return "instruction" if space == "instruction" else "text"


def embed_rows(rows: Rows, space: Space, encoder: str | None, text_encoder: str) -> RowVectors:
    """Embed rows in a space, or find them embedded.

    Args:
        rows: The rows.
        space: The space.
        encoder: Image-text encoder; not read for a space of texts.
        text_encoder: Text encoder; not read for the space of images.
    """
    images = rows.embed(encoder) if space in ("image", "both") and encoder is not None else None
    texts = None if space == "image" else rows.embed_texts(text_encoder, part_of(space))
    return RowVectors.of(rows.folder, images, texts)
