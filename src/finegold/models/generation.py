"""How networks of transformers generate: the seed, the special tokens, and a look at each token."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

UNFINISHED = "\ufffd"
"""What the bytes of a character are decoded to whose last ones are still missing."""


@contextmanager
def seeded_inference(seed: int) -> Iterator[None]:
    """In the block torch draws from this seed and computes no gradients; its state is restored after it."""
    import torch

    with torch.inference_mode(), torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def shown_steps(on_ids: Callable[[list[int]], None]) -> Any:
    """A stopping criterion of `generate` that stops nothing: it gives away the first row after each token."""

    def show(input_ids: "torch.Tensor", _scores: Any, **_kwargs: Any) -> "torch.Tensor":
        import torch

        on_ids(input_ids[0].tolist())
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)

    return show


def keep_special_tokens(network: Any, tokenizer: Any) -> None:
    """Reduce a checkpoint's generation settings to its special tokens.

    A repetition penalty or a temperature in them would make two models answer under different rules.
    """
    from transformers import GenerationConfig

    before = network.generation_config
    eos = before.eos_token_id
    network.generation_config = GenerationConfig(
        eos_token_id=tokenizer.eos_token_id if eos is None else eos,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=before.bos_token_id,
        decoder_start_token_id=getattr(before, "decoder_start_token_id", None),
    )
