"""Projected-prefix models: frozen image features, one linear projection, a causal language model.

MiniGPT-4 (Zhu et al. 2023, arXiv 2304.10592) is one: only its projection learns in stage 2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from finegold.errors import ConfigError
from finegold.models.prefix.features import FeatureSource
from finegold.models.prefix.template import PromptTokens, Template

if TYPE_CHECKING:
    import torch

IGNORED = -100
"""Label of a place without loss."""


class PrefixBatch(NamedTuple):
    """A batch of sequences, padded on one side; all arrays have the shape (n, length).

    Attributes:
        input_ids: Token ids; the id at an image place is the padding's.
        image_places: True where an image embedding goes, the same number in each row whose image is shown.
        labels: The answer's ids, `IGNORED` elsewhere; the network shifts them.
        attention_mask: 1 on everything but padding and the places of hidden images.
    """

    input_ids: "torch.Tensor"
    image_places: "torch.Tensor"
    labels: "torch.Tensor"
    attention_mask: "torch.Tensor"


@dataclass
class PrefixNetwork:
    """The parts of a projected-prefix model, and its arithmetic.

    Attributes:
        features: Source of its image features.
        projection: `torch.nn.Linear` from the features' width to the language model's; float32 master
            weights.
        language_model: Any Hugging Face causal LM that takes input embeddings instead of ids.
        tokenizer: The language model's tokenizer, with start and padding tokens.
        template: Prompt format.
        language_model_name: Source of the language model: a folder, a hub id, or `finegold:NAME`; saved in
            the config.
    """

    features: FeatureSource
    projection: Any
    language_model: Any
    tokenizer: Any
    template: Template
    language_model_name: str

    def __post_init__(self) -> None:
        self.language_model.eval()

    @property
    def device(self) -> "torch.device":
        """Device of the language model."""
        device: torch.device = self.language_model.get_input_embeddings().weight.device
        return device

    def train_only(self, *, everything: bool) -> dict[str, "torch.nn.Parameter"]:
        """Let the projection or everything learn. Dropout stays off, as in MiniGPT-4.

        Returns:
            The learning parameters by name, tied ones once.
        """
        self.language_model.requires_grad_(everything)
        self.projection.requires_grad_(True)
        named = {f"projection.{name}": p for name, p in self.projection.named_parameters()}
        if everything:
            named |= {f"language_model.{name}": p for name, p in self.language_model.named_parameters()}
        return named

    def embed(self, batch: PrefixBatch, features: "torch.Tensor") -> "torch.Tensor":
        """Input embeddings of a batch, image places filled; shape (n, length, width).

        Args:
            batch: On the model's device.
            features: Features of the images that are shown, shape (k, t, w), any precision.
        """
        table = self.language_model.get_input_embeddings()
        embedded = table(batch.input_ids)
        image = self.projection(features.to(self.projection.weight)).to(embedded.dtype)
        filled: torch.Tensor = embedded.masked_scatter(batch.image_places[..., None], image)
        return filled

    def token_losses(self, batch: PrefixBatch, features: "torch.Tensor") -> "torch.Tensor":
        """Negative log likelihood of each answer token, nats, float32, row by row.

        Their mean is Hugging Face's over all labelled tokens, so longer answers weigh more.
        """
        import torch

        decoder, head = self.language_model.get_decoder(), self.language_model.get_output_embeddings()
        hidden = decoder(
            inputs_embeds=self.embed(batch, features), attention_mask=batch.attention_mask, use_cache=False
        ).last_hidden_state
        labels = batch.labels[:, 1:]
        # The vocabulary is wide, so logits are computed only where an answer's token is to be predicted.
        labelled = labels != IGNORED
        logits = head(hidden[:, :-1][labelled])
        return torch.nn.functional.cross_entropy(logits.float(), labels[labelled], reduction="none")

    def collate(
        self,
        prompts: Sequence[PromptTokens],
        answers: Sequence[list[int]],
        *,
        left: bool = False,
        shown: Sequence[bool] | None = None,
    ) -> PrefixBatch:
        """Lay out prompts, image places and answers in a batch on the model's device.

        Args:
            prompts: Token ids of the prompt of each row.
            answers: Token ids of the answer of each row; empty lists to generate from.
            left: Whether to pad on the left, which generation needs; training pads behind the answer.
            shown: Whether each row sees its image; where it does not, the image places are padding, which
                nothing attends to. None shows all.

        Raises:
            ConfigError: If the tokenizer has no padding token.
        """
        import torch

        # Padding is known by its place and not by its id, so an answer may contain the id.
        if (padding := self.tokenizer.pad_token_id) is None:
            raise ConfigError("the tokenizer has no padding token: set pad_token")
        fixed = [len(p.before) + self.features.tokens + len(p.after) for p in prompts]
        lengths = [length + len(answer) for length, answer in zip(fixed, answers, strict=True)]
        shape = (len(prompts), max(lengths))
        ids = torch.full(shape, padding)
        places = torch.zeros(shape, dtype=torch.bool)
        labels = torch.full(shape, IGNORED)
        attention = torch.zeros(shape, dtype=torch.long)
        for row, (prompt, answer, length) in enumerate(zip(prompts, answers, lengths, strict=True)):
            start = shape[1] - length if left else 0
            image = start + len(prompt.before)
            after = image + self.features.tokens
            first = after + len(prompt.after)
            end = start + length
            ids[row, start:image] = torch.tensor(prompt.before)
            ids[row, after:first] = torch.tensor(prompt.after, dtype=torch.long)
            ids[row, first:end] = labels[row, first:end] = torch.tensor(answer, dtype=torch.long)
            seen = shown is None or shown[row]
            attention[row, start:end] = 1
            attention[row, image:after] = int(seen)
            places[row, image:after] = seen
        return PrefixBatch(*(tensor.to(self.device) for tensor in (ids, places, labels, attention)))
