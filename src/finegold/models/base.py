"""What answers: anything that gives texts for images and prompts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from PIL import Image

from finegold.errors import ConfigError
from finegold.samples import Exclusion


class Generator(Protocol):
    """A model behind one function."""

    @property
    def name(self) -> str:
        """As the user wrote it; for tables and messages."""

    @property
    def blind(self) -> bool:
        """Whether it answers without looking, so that images are neither needed nor read."""

    def identity(self) -> dict[str, Any]:
        """What its answers depend on, JSON-able: answers of two identities are never mixed."""

    def generate(
        self, images: Sequence[Image.Image], prompts: Sequence[str], max_new_tokens: int
    ) -> Sequence[str | Exclusion]:
        """An answer a prompt, in order, without the prompt; an Exclusion where there is none.

        Args:
            images: RGB, one a prompt; empty for a blind generator.
            prompts: Questions without image placeholders or chat format.
            max_new_tokens: Longest answer.
        """

    def close(self) -> None:
        """Let go of weights or connections; not used afterwards."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How tokens are chosen and images prepared.

    Attributes:
        name: For `--profile`.
        temperature: 0 takes the likeliest token each time.
        top_p: When drawing, from the likeliest tokens that together have this probability.
        random_crop: Whether each image goes through MiniGPT-4's training crop first.
    """

    name: str
    temperature: float
    top_p: float
    random_crop: bool

    @property
    def deterministic(self) -> bool:
        """Whether nothing is drawn."""
        return self.temperature == 0 and not self.random_crop


PROFILES = {
    "greedy": Profile("greedy", 0.0, 1.0, random_crop=False),
    "ehub-2023": Profile("ehub-2023", 1.0, 0.9, random_crop=True),
}
"""`ehub-2023` is how LVLM-eHub ran MiniGPT-4: sampled, and the image through the training processor. Its
draws are seeded here; there they were not."""


def find_profile(name: str) -> Profile:
    """A profile by name.

    Raises:
        ConfigError: If there is none of that name.
    """
    if name not in PROFILES:
        raise ConfigError(f"there is no profile '{name}': there are {', '.join(PROFILES)}")
    return PROFILES[name]
