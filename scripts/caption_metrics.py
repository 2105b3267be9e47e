"""CIDEr-D of captions against the references of their photos (Vedantam et al. 2015, arXiv 1411.5726)."""

import math
import re
from collections import Counter
from collections.abc import Sequence

SIGMA = 6.0
Gram = tuple[str, ...]


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", text.lower())


class _Counts:
    """The 1- to 4-grams of one text, weighed by inverse document frequency."""

    def __init__(self, text: str, idf: Sequence[dict[Gram, float]], unseen: float) -> None:
        tokens = words(text)
        self.weights = []
        for n in range(4):
            counts = Counter(zip(*(tokens[i:] for i in range(n + 1)), strict=False))
            self.weights.append({gram: count * idf[n].get(gram, unseen) for gram, count in counts.items()})
        self.norms = [math.hypot(*weights.values()) for weights in self.weights]
        # The published code takes the number of bigrams for the length.
        self.length = max(0, len(tokens) - 1)


class CiderD:
    """Scores captions, scale 0 to 10; document frequencies are those of all references given."""

    def __init__(self, references: Sequence[Sequence[str]]) -> None:
        frequency: list[Counter[Gram]] = [Counter() for _ in range(4)]
        for texts in references:
            tokens = [words(text) for text in texts]
            for n in range(4):
                frequency[n].update(
                    {g for one in tokens for g in zip(*(one[i:] for i in range(n + 1)), strict=False)}
                )
        self._unseen = math.log(len(references))
        self._idf = [{g: self._unseen - math.log(count) for g, count in one.items()} for one in frequency]
        self._references = [[self._counts(text) for text in texts] for texts in references]

    def _counts(self, text: str) -> _Counts:
        return _Counts(text, self._idf, self._unseen)

    def score(self, photo: int, text: str, *, without: int | None = None) -> float:
        """CIDEr-D of a text for a photo; `without` leaves one of its references out."""
        own, total, used = self._counts(text), 0.0, 0
        for number, other in enumerate(self._references[photo]):
            if number == without:
                continue
            used += 1
            penalty = math.exp(-((own.length - other.length) ** 2) / (2 * SIGMA**2))
            for n in range(4):
                mine, theirs = own.weights[n], other.weights[n]
                product = sum(min(mine[g], theirs[g]) * theirs[g] for g in mine if g in theirs)
                norms = own.norms[n] * other.norms[n]
                total += penalty * product / norms if norms else 0.0
        return 10.0 * total / 4 / used
