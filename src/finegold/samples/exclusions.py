"""Why a row is out: the one register of codes.

Every step that cannot use a row says so with an `Exclusion`, and every code is in `CODES`, from which
docs/exclusions.md is made.
"""

from dataclasses import dataclass

from finegold.errors import DataError

STEPS = {
    "reading": "The rows are read and checked (`finegold.samples`); `finegold inspect` does this alone.",
    "embedding": "The images are embedded for clusters and scores (`finegold.encoders`).",
    "scoring": "The scorers look at the rows (`finegold.scorers`).",
    "selection": "The indicators are combined into one quality (`finegold.selection`).",
    "deduplication": "`--dedup` marks rows that repeat a better one (`finegold.dedup`).",
    "answering": "A model answers the items of a benchmark (`finegold.models`, `finegold.evaluation`).",
}
"""The steps that exclude rows, in the order in which a run makes them."""


@dataclass(frozen=True, slots=True)
class ExclusionCode:
    """What a code means.

    Attributes:
        step: The step that excludes the row, a key of `STEPS`.
        meaning: One sentence on what was found.
        remedy: One sentence on what to do.
    """

    step: str
    meaning: str
    remedy: str


_TABLE = {
    "reading": {
        "malformed-row": (
            "The record has none of the known shapes, or a field has a value of the wrong type.",
            "Repair the record; the reason names the field.",
        ),
        "unsupported-media": ("The record has video or audio.", "Remove the row, or its video and audio."),
        "unreadable-shard": ("A tar file is damaged or ends early.", "Copy the tar file again."),
        "placeholder-mismatch": (
            "The number of `<image>` placeholders is not the number of images.",
            "Give the row one placeholder per image.",
        ),
        "empty-answer": ("The row has no answer to learn from.", "Add the answer, or remove the row."),
        "missing-image": (
            "The row needs an image, and the image is not there.",
            "Name the image folder with `--images`, or add the image.",
        ),
        "empty-image": ("The image has zero bytes.", "Copy the image again."),
        "truncated-image": ("The image ends before its last pixel.", "Copy the image again."),
        "unreadable-image": (
            "The file is no image, is damaged, or may not be read.",
            "Replace the image, or change the permissions of the file.",
        ),
        "large-image": ("The image has more than 64 megapixels or 256 MiB.", "Make the image smaller."),
        "wrong-extension": ("The extension is not that of the content: a PNG called `.jpg`.", "Rename it."),
        "animated-image": ("The image has several frames or pages.", "Keep one frame."),
        "outside-root": (
            "The image path leaves the image folder, or there is no image folder.",
            "Name the folder that holds the images with `--images`.",
        ),
        "url-not-allowed": (
            "The image is a URL and `--allow-urls` was not given, or its address is not public.",
            "Give `--allow-urls`, or download the images first.",
        ),
        "url-failed": ("The image could not be fetched from its URL.", "Download the images first."),
        "repeated-id": ("An earlier row has the same id.", "Number the rows with `--ids row`."),
        "duplicate-row": ("An earlier row has the same content.", "Nothing: the earlier row is used."),
    },
    "embedding": {
        "embedding-failed": ("The encoder gave no embedding of the image.", "Check the image."),
    },
    "scoring": {
        "SCORER-failed": (
            "A scorer that the preset needs gave the row no value; the code begins with the scorer's name.",
            "Run `finegold score` with `--retry-failed`, or choose without that scorer.",
        ),
    },
    "selection": {
        "no-quality": (
            "None of the preset's indicators applies to the row, or the row has no learned quality.",
            "Choose with other indicators (`--weights`).",
        ),
    },
    "deduplication": {
        "duplicate-exact": (
            "A better row has the same images and the same text.",
            "Nothing: the better row is used. Without `--dedup` both take part.",
        ),
        "duplicate-perceptual": (
            "A better row has nearly the same picture.",
            "Nothing: the better row is used. A smaller `--dedup perceptual=N` marks fewer rows.",
        ),
        "duplicate-semantic": (
            "A better row has an image of nearly the same meaning.",
            "Nothing: the better row is used. A larger `--dedup semantic=N` marks fewer rows.",
        ),
    },
    "answering": {
        "call-failed": ("The endpoint did not answer.", "Run `finegold evaluate` with `--retry-failed`."),
        "no-answer": ("The endpoint answered without text.", "Change the model's settings, or ask again."),
    },
}
CODES = {code: ExclusionCode(step, *texts) for step, codes in _TABLE.items() for code, texts in codes.items()}
"""Every code that a step gives to a row; `SCORER-failed` stands for `clip-failed` and so on."""


def find_code(code: str) -> ExclusionCode:
    """Find what a code means.

    Raises:
        DataError: If the code is not in `CODES`.
    """
    found = CODES.get(code) or (CODES["SCORER-failed"] if code.endswith("-failed") else None)
    if found is None:
        raise DataError(
            f"the exclusion code '{code}' is unknown, expected one of {', '.join(CODES)}: use one of these"
        )
    return found


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Why a row is out.

    Attributes:
        code: Short and stable, for programs and counts; a key of `CODES`, or `<scorer>-failed`.
        reason: One sentence for a person, naming what was found.
        duplicate_of: Id of the row that stays in its place; None unless it is a duplicate.

    Raises:
        DataError: If the code is unknown.
    """

    code: str
    reason: str
    duplicate_of: str | None = None

    def __post_init__(self) -> None:
        find_code(self.code)

    @property
    def step(self) -> str:
        """The step that excluded the row, a key of `STEPS`."""
        return find_code(self.code).step


class RowError(DataError):
    """A record or an image cannot be used; `exclusion` says why its row is out."""

    def __init__(self, reason: str, code: str = "malformed-row") -> None:
        super().__init__(reason)
        self.exclusion = Exclusion(code, reason)


class ImageError(RowError):
    """An image cannot be used."""
