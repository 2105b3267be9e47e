"""The settings of deduplication, as a person writes them: `exact,perceptual=8,semantic=0.97`."""

from dataclasses import dataclass

from finegold.dedup.hash_index import BITS
from finegold.dedup.perceptual import RADIUS
from finegold.dedup.semantic import THRESHOLD
from finegold.errors import ConfigError

DEFAULTS = {"exact": 0.0, "perceptual": float(RADIUS), "semantic": THRESHOLD}
"""The passes in their order, and the number of each if none is written; the exact one has no number."""
_HINT = "write them as 'exact,perceptual=10,semantic=0.95', 'all' or 'none'"


@dataclass(frozen=True, slots=True)
class Dedup:
    """The deduplication passes before a selection.

    Attributes:
        exact: Whether rows of the same images and texts are duplicates.
        radius: Differing bits of the perceptual pass, 0 to 120; None for no such pass.
        threshold: Cosine of the semantic pass, above 0 and at most 1; None for no such pass.
    """

    exact: bool = False
    radius: int | None = None
    threshold: float | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the passes, in the order in which they are made."""
        made = (self.exact, self.radius is not None, self.threshold is not None)
        return tuple(kind for kind, wanted in zip(DEFAULTS, made, strict=True) if wanted)

    def __str__(self) -> str:
        """The text that `parse_dedup` reads."""
        numbers = {"exact": "", "perceptual": f"={self.radius}", "semantic": f"={self.threshold}"}
        return ",".join(kind + numbers[kind] for kind in self.kinds)

    @property
    def reads_images(self) -> bool:
        """Whether a pass needs the image hashes."""
        return self.exact or self.radius is not None


def parse_dedup(text: str) -> Dedup | None:
    """Read the settings from text; None for `none`.

    Raises:
        ConfigError: If a kind is unknown or named twice, or its number is out of range.
    """
    if text.strip() == "none":
        return None
    values: dict[str, float] = {}
    for piece in DEFAULTS if text.strip() == "all" else text.split(","):
        kind, equals, number = (part.strip() for part in piece.partition("="))
        unreadable = ConfigError(f"duplicates '{text}' cannot be read at '{piece.strip()}'; {_HINT}")
        if kind not in DEFAULTS or kind in values or (kind == "exact" and equals):
            raise unreadable
        try:
            values[kind] = float(number) if equals else DEFAULTS[kind]
        except ValueError:
            raise unreadable from None
    radius, threshold = values.get("perceptual"), values.get("semantic")
    if radius is not None and not (0 <= radius <= BITS and radius.is_integer()):
        raise ConfigError(f"perceptual={radius:g} is no number of bits from 0 to {BITS}; {_HINT}")
    if threshold is not None and not 0 < threshold <= 1:
        raise ConfigError(f"semantic={threshold:g} is no cosine above 0 and at most 1; {_HINT}")
    return Dedup("exact" in values, None if radius is None else int(radius), threshold)
