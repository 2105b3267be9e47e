"""MiniGPT-4's parts, tiny and random, as folders and files: what a user of the real ones has."""

from dataclasses import dataclass
from pathlib import Path

import torch
from tests.models.conftest import llama_tokenizer, tiny_llama

from finegold.models.prefix import Parts
from finegold.models.prefix.projection import write_pth


@dataclass(frozen=True)
class MadeParts:
    """Folders of a language model and a BLIP-2 model, and two checkpoints that differ."""

    vicuna: Path
    blip2: Path
    released: Path
    other: Path

    @property
    def parts(self) -> Parts:
        return Parts(str(self.vicuna), str(self.blip2), self.released)

    @property
    def folders(self) -> tuple[str, ...]:
        """The options of the command line that name the two folders."""
        return ("--language-model", str(self.vicuna), "--vision-model", str(self.blip2))


def make_parts(folder: Path, blip2: Path, width: int = 16) -> MadeParts:
    vicuna = folder / "vicuna"
    tiny_llama(width=width).save_pretrained(vicuna)
    llama_tokenizer().save_pretrained(vicuna)
    for seed, name in enumerate(("released", "other")):
        torch.manual_seed(seed)
        linear = torch.nn.Linear(12, width)
        write_pth(folder / f"{name}.pth", linear.weight, linear.bias)
    return MadeParts(vicuna, blip2, folder / "released.pth", folder / "other.pth")
