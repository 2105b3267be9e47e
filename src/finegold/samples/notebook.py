"""Pictures on the cards that objects show in a notebook."""

from collections.abc import Sequence

from markupsafe import Markup, escape

from finegold.errors import FinegoldError
from finegold.run.cards import LONGEST
from finegold.samples.images import ImageRef, decode
from finegold.samples.thumbnails import data_uri, thumbnail

SIDE = 96
"""Longest side of a picture on a card, in pixels."""


def picture(images: Sequence[ImageRef]) -> Markup:
    """The first of a sample's images, small; why there is none in its place."""
    if not images:
        return Markup("no image")
    try:
        small = thumbnail(decode(images[0]), side=SIDE)
    except FinegoldError as error:
        return escape(str(error)[:LONGEST])
    return Markup('<img src="{}" alt="">').format(data_uri(small))
