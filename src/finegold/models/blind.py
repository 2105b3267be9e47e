"""Answers without looking: what a benchmark gives to a model that sees nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

CONSTANT = "constant:"
LEAK = "spelling-rule"


@dataclass(frozen=True)
class Constant:
    """The same answer to every question: `constant:Yes or no`."""

    answer: str
    blind: bool = True

    @property
    def name(self) -> str:
        """As the user wrote it."""
        return CONSTANT + self.answer

    def identity(self) -> dict[str, Any]:
        """See `Generator`."""
        return {"kind": "constant", "answer": self.answer}

    def close(self) -> None:
        """See `Generator`."""

    def generate(
        self,
        images: Sequence[Image.Image],  # noqa: ARG002 (blind)
        prompts: Sequence[str],
        max_new_tokens: int,  # noqa: ARG002 (short)
    ) -> list[str]:
        """See `Generator`."""
        return [self.answer] * len(prompts)


@dataclass(frozen=True)
class SpellingRule:
    """Answers the identification questions by how the published file misspells those that are false."""

    name: str = LEAK
    blind: bool = True

    def identity(self) -> dict[str, Any]:
        """See `Generator`."""
        return {"kind": LEAK}

    def close(self) -> None:
        """See `Generator`."""

    def generate(
        self,
        images: Sequence[Image.Image],  # noqa: ARG002 (blind)
        prompts: Sequence[str],
        max_new_tokens: int,  # noqa: ARG002 (short)
    ) -> list[str]:
        """See `Generator`."""
        return ["No" if " exis in " in prompt else "Yes" for prompt in prompts]
