"""Where the images stand in the turns: placeholders of finegold and of other tools.

`<image>` stands for the next image of the record, and `<img>PATH</img>` (Qwen-VL) for the image that it
names. The placeholders of other tools (`<image_1>`, `<|image_1|>`, `<|image_pad|>`, `[IMG]` and so on) stand
for the images if there are as many of them as images and all are in questions.
Other marks of media are never taken for words: they exclude the row.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from finegold.samples.exclusions import RowError
from finegold.samples.image_fields import FieldImages, RawImage, read_images
from finegold.samples.sample import IMAGE_PLACEHOLDER, Role, Turn

_AROUND = r"<fake_token_around_image>"
_OPEN = rf"(?:<im_start>|<[Ii]mg>|<\|vision_start\|>|<image_start>|<\|begin_of_image\|>|{_AROUND})"
_CLOSE = rf"(?:<im_end>|</[Ii]mg>|<\|vision_end\|>|<image_end>|<\|end_of_image\|>|{_AROUND})"
_NAMELESS = "|".join(
    (
        r"(?:<\|image_pad\|>)+",
        r"(?:<IMG_CONTEXT>)+",
        r"(?:<im_patch>)+",
        r"\(<image>\./</image>\)",
        r"<image>\./</image>",
        # From the start of a run only, since each later start would read the rest of the run again.
        r"(?<!\[IMG\])(?<!\[IMG_BREAK\])\[IMG\](?:\[IMG\]|\[IMG_BREAK\])*\[IMG_END\]",
        r"\[IMG\](?![^\[]*\[/IMG\])",
        r"\[<IMG_PLH>\]",
        r"<\|(?:image|img|media)\|>",
        r"<(?:ImageHere|image_here|ImageContent|start_of_image|image_soft_token|image_placeholder)>",
        r"<(?:image-placeholder|__dj__image|ph_image|image_token|IMG_PLH|IMAGE|Image|global-img)>",
    )
)
_NUMBERED = r"<\|(?:image|img)_?(?P<bar>\d{1,3})\|>|<(?:image|img|IMAGE)[ _-]?(?P<angle>\d{1,3})>"
_TOKENS = re.compile(
    rf"<img>\s*(?P<path>[^<>\s][^<>\n]{{0,4095}})</img>"
    rf"|(?:{_OPEN}\s*)?(?P<foreign>{_NAMELESS}|{_NUMBERED})(?:\s*{_CLOSE})?"
    rf"|{_OPEN}\s*<image>\s*{_CLOSE}|<image>"
)
_ENDS_OF_CHUNK = ("<|__dj__eoc|>", "<|endofchunk|>")
_UNREAD_MARK = re.compile(
    rf"<\|vision_(?:start|end)\|>|<im_(?:start|end)>|<\|(?:begin|end)_of_image\|>|{_AROUND}"
    r"|<\|__dj__\w+\|>|<__dj__\w+>|<\|endofchunk\|>|<\|(?:video|audio)(?:_pad|_\d+)?\|>"
    r"|\[IMG(?:_BREAK|_END)?\]"
    r"|data:(?:image|video|audio)/[\w.+-]+;base64,[A-Za-z0-9+/]{40}"
)
"""Marks of media that are none of the placeholders: never words."""
_OTHER_MEDIA = re.compile(
    r"\A\s*<(?:video|audio)>|^[ \t]*<(?:video|audio)>[ \t]*$|<(video|audio)>[^<\n]+</\1>", re.MULTILINE
)
"""`<video>` as a placeholder: at the start of a question or alone on a line, not inside of a sentence."""
_LINKED_IMAGE = re.compile(
    r"!\[[^\]\n]{0,1000}\]\([^)\n]{1,2000}\)|<img\s[^>]{0,1000}?\bsrc\s*=|\[img\][^\[\n]+\[/img\]",
    re.IGNORECASE,
)
"""Images of Markdown, HTML and BBCode; lengths are bounded, so that the time grows with the text alone."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for an image of the record's fields: the next one, or the one at `index`."""

    index: int | None = None


@dataclass(frozen=True, slots=True)
class _Foreign:
    """A placeholder of another tool, with its number if it has one."""

    token: str
    number: int | None


Part = str | RawImage | Slot


@dataclass(slots=True)
class DraftTurn:
    """A turn as a record writes it.

    Attributes:
        role: Who speaks.
        parts: Text, images that the turn names, and places for images of the record's fields, in order.
    """

    role: Role
    parts: list[Part] = field(default_factory=list)


def place_images(
    drafts: list[DraftTurn], found: FieldImages, *, implied: bool
) -> tuple[list[Turn], list[RawImage]]:
    """The turns with one `<image>` an image, and the images in that order.

    Args:
        drafts: The turns of a record.
        found: The images in its fields.
        implied: Whether images without any placeholder stand before the first question.

    Raises:
        RowError: If a placeholder of another tool, or another mark of media, cannot be read.
    """
    turns = [(draft.role, list(_split(draft, found))) for draft in drafts]
    foreign = [(role, part) for role, parts in turns for part in parts if isinstance(part, _Foreign)]
    slots = [part for _, parts in turns for part in parts if isinstance(part, Slot | RawImage)]
    order = _foreign_order(foreign, len(slots), len(found.images)) if foreign else []
    inline = any(isinstance(part, RawImage) for part in slots)
    indexed = any(isinstance(part, Slot) and part.index is not None for part in slots)
    unused = [] if not found.sure and inline else list(found.images)
    images: list[RawImage] = []
    taken: set[int] = set()
    ready: list[Turn] = []
    for role, parts in turns:
        text = ""
        for part in parts:
            if isinstance(part, str):
                text += part
                continue
            text += IMAGE_PLACEHOLDER
            if isinstance(part, RawImage):
                images.append(part)
            elif isinstance(part, Slot) and part.index is not None:
                if not 0 <= part.index < len(found.images):
                    raise RowError(
                        f"an item has the image index {part.index} and the row has {len(found.images)} "
                        "images, expected an index from 0 below that"
                    )
                images.append(found.images[part.index])
                taken.add(part.index)
            elif order:
                images.append(found.images[order.pop(0)])
                unused = []
            elif unused:
                images.append(unused.pop(0))
        ready.append(Turn(role, text))
    if indexed:
        if any(isinstance(part, Slot) and part.index is None for part in slots):
            raise RowError("some image items have an index and others have none, expected one for each")
        unused = [image for place, image in enumerate(found.images) if place not in taken]
    elif found.keys is not None:
        left = [image for image in found.images if image not in images]
        unused = left if not implied or slots else unused
    if implied and unused and not images and not foreign:
        ready = before_question(ready, len(unused))
    _refuse_unread_marks(ready, bool(images or unused))
    return ready, images + unused


def read_caption(text: str) -> tuple[list[Part], str]:
    """The placeholders at the ends of a caption, and the caption without them.

    Raises:
        RowError: If a placeholder stands between words: several captions in one text.
    """
    parts = list(_tokens(text, "assistant"))
    if len(parts) == 1 and isinstance(parts[0], str):
        return [], parts[0]
    words = [place for place, part in enumerate(parts) if isinstance(part, str) and part.strip()]
    inside = parts[words[0] : words[-1] + 1] if words else []
    if any(not isinstance(part, str) for part in inside):
        raise RowError(
            "the caption has an image placeholder between its words, expected one caption a row",
            "placeholder-mismatch",
        )
    marks: list[Part] = [
        Slot() if isinstance(part, _Foreign) else part for part in parts if not isinstance(part, str)
    ]
    return marks, "".join(map(str, inside)).strip()


def _split(draft: DraftTurn, found: FieldImages) -> Iterator[Part | _Foreign]:
    for part in draft.parts:
        if not isinstance(part, str):
            yield part
        elif found.keys:
            keys = re.compile("(" + "|".join(map(re.escape, found.keys)) + ")")
            for piece in keys.split(part):
                if piece in found.keys:
                    yield found.keys[piece]
                else:
                    yield from _tokens(piece, draft.role)
        else:
            yield from _tokens(part, draft.role)


def _tokens(text: str, role: Role) -> Iterator[Part | _Foreign]:
    if "<" not in text and "[" not in text:
        yield text
        return
    if role == "assistant":
        text = _without_end_of_chunk(text)
    end = 0
    for match in _TOKENS.finditer(text):
        if match.start() > end:
            yield text[end : match.start()]
        end = match.end()
        if match["path"] is not None:
            yield from read_images(match["path"].strip(), "img")
        elif match["foreign"] is not None:
            number = match["bar"] or match["angle"]
            yield _Foreign(match["foreign"], None if number is None else int(number))
        else:
            yield Slot()
    if end < len(text) or not text:
        yield text[end:]


def _without_end_of_chunk(text: str) -> str:
    body = text.rstrip()
    mark = next((mark for mark in _ENDS_OF_CHUNK if body.endswith(mark)), None)
    return text if mark is None else body.removesuffix(mark).rstrip()


def _foreign_order(foreign: list[tuple[Role, _Foreign]], slots: int, images: int) -> list[int]:
    """The images that numbered placeholders of another tool stand for; those without number take the next.

    Raises RowError if it is not clear.
    """
    token = foreign[0][1].token
    if not images and not slots:
        raise RowError(
            f"the text has the image placeholder '{token}' and the row has no image", "missing-image"
        )
    known = [part.number for _, part in foreign if part.number is not None]
    start = min(known, default=0)
    clear = start <= 1 and sorted(known) == list(range(start, start + images)) if known else True
    if not clear or len(foreign) + slots != images or any(role == "assistant" for role, _ in foreign):
        raise RowError(
            f"the text has '{token}', an image placeholder of another tool, and it is not clear which image "
            f"it stands for: expected one {IMAGE_PLACEHOLDER} an image, in a question",
            "placeholder-mismatch",
        )
    return [number - start for number in known]


def before_question(turns: list[Turn], count: int) -> list[Turn]:
    """The turns with `count` placeholders before the first question, unless some turn has one already."""
    if any(IMAGE_PLACEHOLDER in turn.text for turn in turns):
        return turns
    for position, turn in enumerate(turns):
        if turn.role == "user":
            placed = Turn("user", f"{IMAGE_PLACEHOLDER}\n" * count + turn.text)
            return [*turns[:position], placed, *turns[position + 1 :]]
    return turns


def _refuse_unread_marks(turns: list[Turn], has_images: bool) -> None:
    for turn in turns:
        found = _UNREAD_MARK.search(turn.text)
        if found is None and turn.role != "assistant":
            if other := _OTHER_MEDIA.search(turn.text):
                raise RowError(
                    f"a question has '{other[0].strip()}', and only images are read", "unsupported-media"
                )
            found = None if has_images else _LINKED_IMAGE.search(turn.text)
        if found is not None:
            raise RowError(
                f"the text has '{found[0][:60]}', which names an image or other media and is not read: "
                f"expected the image in a field of the row and one {IMAGE_PLACEHOLDER} for it",
                "unread-image",
            )
