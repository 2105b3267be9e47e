"""Answers without looking: what a benchmark gives to a model that sees nothing."""

from collections.abc import Sequence
from typing import Any

from PIL import Image

from finegold.models.base import AnswersOnly, Sampling

CONSTANT = "constant:"
SPELLING_RULE = "spelling-rule"


class ConstantAnswer(AnswersOnly):
    """The same answer to every question: `constant:Yes or no`."""

    blind = True

    def __init__(self, text: str) -> None:
        self.name = CONSTANT + text
        self._text = text

    def identity(self) -> dict[str, Any]:
        """The answer."""
        return {"kind": "constant", "answer": self._text}

    def answer(
        self,
        images: Sequence[Image.Image | None],  # noqa: ARG002 (blind)
        prompts: Sequence[str],
        sampling: Sampling,  # noqa: ARG002 (the answer is given)
    ) -> list[str]:
        """Give the same answer to every prompt."""
        return [self._text] * len(prompts)


class SpellingRule(AnswersOnly):
    """Answers the identification questions by how the published file misspells those that are false."""

    name = SPELLING_RULE
    blind = True

    def identity(self) -> dict[str, Any]:
        """The name of the rule."""
        return {"kind": SPELLING_RULE}

    def answer(
        self,
        images: Sequence[Image.Image | None],  # noqa: ARG002 (blind)
        prompts: Sequence[str],
        sampling: Sampling,  # noqa: ARG002 (the answer follows from the prompt)
    ) -> list[str]:
        """Say No where a prompt has the misspelling, and Yes otherwise."""
        return ["No" if " exis in " in prompt else "Yes" for prompt in prompts]
