"""The pictures of rows: thumbnails made on the fly and kept in memory, and the images themselves."""

import threading
from collections import OrderedDict
from contextlib import suppress
from io import BytesIO

from PIL import Image

from finegold.errors import DataError
from finegold.samples.exclusions import ImageError, RowError
from finegold.samples.image_cache import image_is_there
from finegold.samples.image_fields import RawImage
from finegold.samples.images import check_image, decode, read_bytes, with_image
from finegold.samples.sample import ImageRef
from finegold.samples.thumbnails import thumbnail
from finegold.view.database import RowDatabase

SIDE = 240
THUMBNAIL_BYTES = 14_000
KEPT_BYTES = 64 << 20
"""Bytes of thumbnails that are kept."""
SHOWN = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
"""Formats that every browser shows, which are sent as they are."""


class Pictures:
    """The pictures of a run's rows, by the position of the row and the number of the image."""

    def __init__(self, pool: RowDatabase) -> None:
        self._pool = pool
        self._kept: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def thumbnail(self, row: int, number: int) -> bytes:
        """The small picture as WebP.

        Raises:
            DataError: If the row has no such image.
            ImageError: If it cannot be used.
        """
        key = (row, number)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = with_image(
            self.ref(row, number), lambda image: thumbnail(image, side=SIDE, max_bytes=THUMBNAIL_BYTES)
        )
        with self._lock:
            self._bytes += len(made) - len(self._kept.pop(key, b""))
            self._kept[key] = made
            while self._bytes > KEPT_BYTES:
                self._bytes -= len(self._kept.popitem(last=False)[1])
        return made

    def image(self, row: int, number: int) -> tuple[bytes, str]:
        """The image in full size and its media type, as `sent_image` gives them.

        Raises:
            DataError: If the row has no such image.
            ImageError: If it cannot be used.
        """
        return sent_image(self.ref(row, number))

    def ref(self, row: int, number: int) -> ImageRef:
        """The image of a row that the samples table names; bytes in the records are read from there.

        Raises:
            DataError: If the row has no such image.
            ImageError: If its record has it no more.
        """
        found = self._pool.query("SELECT images FROM rows WHERE row = ?", [row])
        names = (found[0][0] or []) if found else []
        if not 0 <= number < len(names):
            raise DataError(f"row {row} has no image {number + 1}: choose another row")
        dataset = self._pool.rows.dataset
        with suppress(RowError, OSError, ValueError):
            # Of several datasets, each locates its own; the others look at links too.
            path = dataset.locate(names[number])
            if path is not None and not dataset.parts:
                path = dataset.locate_image(RawImage(names[number])).path
            if path is not None and image_is_there(path):
                return ImageRef(names[number], path=path)
        sample = dataset[row].sample
        if sample is None or number >= len(sample.images):
            raise ImageError(f"row {row} has no image {number + 1} any more", "missing-image")
        return sample.images[number]


def sent_image(ref: ImageRef) -> tuple[bytes, str]:
    """An image in full size and its media type: the file as it is, or as PNG if few browsers show it.

    Raises:
        ImageError: If it cannot be used.
    """
    check_image(ref)
    data = read_bytes(ref)
    with Image.open(BytesIO(data)) as opened:
        media = SHOWN.get(opened.format or "")
    if media is not None:
        return data, media
    encoded = BytesIO()
    decode(ref).save(encoded, "PNG")
    return encoded.getvalue(), "image/png"
