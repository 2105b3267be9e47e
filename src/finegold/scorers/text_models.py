"""Text models of Hugging Face that scorers read answers with: loading, batching, and losses of a causal one.

In the losses the answer's tokens are the same with and without an instruction before them: instruction and
answer are tokenised apart and joined as tokens. Text is tokenised as text, so that an answer that spells a
control token of the model does not become one. The layout is plain (start token, instruction, line feed,
answer) and takes no chat template, so base and chat models are read alike and no model's built-in system
prompt takes part.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from finegold.engines.devices import resolve_device
from finegold.errors import ConfigError, ModelError
from finegold.extras import check_hub, extra_of, hub_commit, reading_tokenizer, require
from finegold.offline import smollm2
from finegold.run import file_hashes

Dtype = Literal["float32", "bfloat16"]
_TOKENS_PER_PASS = {"cpu": 1024, "cuda": 4096}
"""Padded tokens of one forward pass: its logits over 150,000 words stay within 0.7 and 2.5 GB."""
_KINDS = {
    "language model": ("AutoModelForCausalLM", f"a hub id or folder of a causal model, or '{smollm2.NAME}'"),
    "reward model": (
        "AutoModelForSequenceClassification",
        "a hub id or folder of a sequence-classification model",
    ),
}
"""Class of transformers, and what to give instead of a model that cannot be loaded."""


def length_buckets(lengths: Sequence[int], tokens_per_pass: int) -> list[list[int]]:
    """Group rows of like length so that a group, padded to its longest row, holds at most so many tokens.

    A row that is longer alone is a group alone. Equal lengths stay in order.
    """
    groups: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lambda row: lengths[row]):
        if groups and (len(groups[-1]) + 1) * lengths[row] <= tokens_per_pass:
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups


def in_buckets(
    lengths: Sequence[int], tokens_per_pass: int, forward: Callable[[list[int]], Sequence[float]]
) -> list[float]:
    """One number a row, in order; `forward` computes those of the rows of one group of `length_buckets`."""
    groups = length_buckets(lengths, tokens_per_pass)
    values = {row: value for rows in groups for row, value in zip(rows, forward(rows), strict=True)}
    return [values[row] for row in range(len(lengths))]


@contextmanager
def _loading(kind: str, model: str) -> Iterator[None]:
    """Turn what transformers raises inside the block into a ModelError of one sentence."""
    try:
        yield
    except (OSError, ValueError) as error:
        lines = str(error).strip().splitlines()
        reason = lines[0].rstrip(".:") if lines else type(error).__name__
        raise ModelError(
            f"the {kind} '{model}' cannot be loaded ({reason}): give {_KINDS[kind][1]}"
        ) from error


def load_pretrained(
    kind: str, model: str, revision: str | None, *, dtype: Dtype = "float32", device: str = "auto"
) -> tuple[Any, Any, list[str]]:
    """Load a tokenizer and a model, in evaluation mode on the device.

    Args:
        kind: `language model` or `reward model`.
        model: Hub id or folder; `smollm2` for the language model that needs no hub.
        revision: Branch, tag or commit of a hub id.
        dtype: Precision of weights and arithmetic.
        device: `auto`, `cpu`, `cuda`, `cuda:1`.

    Returns:
        Tokenizer, model, and the names of weights that the files lack, which are random.

    Raises:
        MissingExtraError: If torch, transformers or the offline weights are not installed.
        ModelError: If the model cannot be loaded.
        ConfigError: If a revision of `smollm2` is given, or torch lacks the device.
    """
    torch = require("torch", extra=extra_of(model), why=f"the {kind} '{model}'")
    transformers = require("transformers", extra=extra_of(model), why=f"the {kind} '{model}'")
    if model == smollm2.NAME and revision is not None:
        raise ConfigError(f"'{smollm2.NAME}' has one revision and not '{revision}': give no revision")
    place = str(smollm2.smollm2_folder()) if model == smollm2.NAME else model
    device = resolve_device(device)
    check_hub(place, (smollm2.NAME,))
    with _loading(kind, model), reading_tokenizer(model):
        tokenizer = transformers.AutoTokenizer.from_pretrained(place, revision=revision)
        network, report = getattr(transformers, _KINDS[kind][0]).from_pretrained(
            place, revision=revision, dtype=getattr(torch, dtype), output_loading_info=True
        )
    return tokenizer, network.eval().to(device), sorted(report["missing_keys"])


def pretrained_identity(kind: str, model: str, revision: str | None) -> dict[str, Any]:
    """Identity of a model, for fingerprints: hashes of its files, or the commit behind a hub id.

    Raises:
        MissingExtraError: If transformers is not installed.
        ModelError: If a hub id cannot be resolved.
    """
    if model == smollm2.NAME:
        return {"model": model, "sha256": smollm2.SHA256}
    folder = Path(model)
    if folder.is_dir():
        return {"files": file_hashes(folder, (".safetensors", ".bin", ".json", ".txt", ".model"))}
    require("transformers", extra=extra_of(model), why=f"the {kind} '{model}'")
    check_hub(model, (smollm2.NAME,))
    with _loading(kind, model):
        return {"model": model, "revision": hub_commit(model, revision)}


@dataclass(frozen=True, slots=True)
class AnswerLoss:
    """Mean negative log-likelihood of an answer's tokens.

    Attributes:
        nats: Per token, rounded to 5 decimals: how rows were batched changes the sixth. NaN without tokens.
        tokens: Answer tokens that it was measured on; 0 for text that the tokenizer drops.
        remark: What was cut, if anything was.
    """

    nats: float
    tokens: int
    remark: str | None = None


class CausalLm:
    """A tokenizer and a causal language model that tell the loss of an answer."""

    def __init__(self, tokenizer: Any, model: Any) -> None:
        """Wrap a `transformers` tokenizer and model, the model in evaluation mode.

        Raises:
            ModelError: If the tokenizer has no token to start from.
        """
        start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
        if start is None:
            raise ModelError(
                "the tokenizer has neither a start nor an end token, so a first word has no context"
            )
        self._tokenizer = tokenizer
        self._model = model
        self._device = model.device
        self._start: int = start
        self._positions: int | None = getattr(model.config, "max_position_embeddings", None)

    def answer_losses(self, pairs: Sequence[tuple[str | None, str]], max_tokens: int) -> list[AnswerLoss]:
        """Losses of the answers, each after its instruction or after nothing.

        Args:
            pairs: (instruction or None, answer); the answer is not empty.
            max_tokens: An answer keeps its first, an instruction its last so many tokens; fewer where the
                model has no room for both.

        Returns:
            One loss a pair, in order. A pair's loss does not depend on the others.
        """
        line_feed = self._encode("\n")
        if self._positions is not None:
            max_tokens = min(max_tokens, (self._positions - 1 - len(line_feed)) // 2)
        contexts, answers, remarks = [], [], []
        for instruction, answer in pairs:
            context = self._encode(instruction) if instruction else []
            target = self._encode(answer)
            cuts = []
            if len(context) > max_tokens:
                cuts.append(f"instruction cut to its last {max_tokens} of {len(context)} tokens")
            if len(target) > max_tokens:
                cuts.append(f"answer cut to its first {max_tokens} of {len(target)} tokens")
            contexts.append([self._start, *context[-max_tokens:], *(line_feed if instruction else [])])
            answers.append(target[:max_tokens])
            remarks.append("; ".join(cuts) or None)
        lengths = [len(context) + len(answer) for context, answer in zip(contexts, answers, strict=True)]
        tokens_per_pass = _TOKENS_PER_PASS.get(self._device.type, 1024)
        nats = in_buckets(lengths, tokens_per_pass, lambda rows: self._forward(rows, contexts, answers))
        return [
            AnswerLoss(round(loss, 5), len(answer), remark)
            for loss, answer, remark in zip(nats, answers, remarks, strict=True)
        ]

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False, split_special_tokens=True).input_ids
        return ids

    def _forward(
        self, rows: Sequence[int], contexts: Sequence[list[int]], answers: Sequence[list[int]]
    ) -> list[float]:
        import torch

        width = max(len(contexts[row]) + len(answers[row]) for row in rows)
        tokens = torch.full((len(rows), width), self._start)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        for place, row in enumerate(rows):
            sequence = contexts[row] + answers[row]
            tokens[place, : len(sequence)] = torch.tensor(sequence)
            mask[place, : len(sequence)] = 1
        losses = []
        with torch.inference_mode():
            logits = self._model(
                input_ids=tokens.to(self._device), attention_mask=mask.to(self._device), use_cache=False
            ).logits
            for place, row in enumerate(rows):
                first = len(contexts[row]) - 1
                predicted = logits[place, first : first + len(answers[row])].float()
                target = torch.tensor(answers[row], device=self._device)
                losses.append(float(torch.nn.functional.cross_entropy(predicted, target)))
        return losses


@cache
def load_causal_lm(model: str, revision: str | None, dtype: Dtype, device: str) -> CausalLm:
    """Load a causal language model, once a process; see `load_pretrained` for arguments and errors."""
    tokenizer, network, _ = load_pretrained("language model", model, revision, dtype=dtype, device=device)
    return CausalLm(tokenizer, network)
