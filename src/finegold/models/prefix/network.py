"""Projected-prefix models: frozen image features, one linear projection, a causal language model.

MiniGPT-4 (Zhu et al. 2023, arXiv 2304.10592) is one: only its projection learns in stage 2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from finegold.errors import ConfigError
from finegold.models.prefix.batch import IGNORED, PrefixBatch, collate
from finegold.models.prefix.features import FeatureSource
from finegold.models.prefix.projection import check_shape
from finegold.models.prefix.template import PromptTokens, Template, encode_prompt

if TYPE_CHECKING:
    import torch

Trains = Literal["projection", "everything"]


@dataclass
class PrefixNetwork:
    """A projected-prefix model.

    Attributes:
        features: Where its image features come from.
        projection: `torch.nn.Linear` from the features' width to the language model's; float32 master
            weights.
        language_model: Any Hugging Face causal LM whose input embeddings may be given instead of ids.
        tokenizer: Of the language model, with start and padding tokens.
        template: How image, instruction and answer are put together.
        language_model_name: Where it came from: a folder, a hub id, or `finegold:NAME`; saved in the config.
    """

    features: FeatureSource
    projection: Any
    language_model: Any
    tokenizer: Any
    template: Template
    language_model_name: str

    def __post_init__(self) -> None:
        check_shape(self.projection.weight, self.features.width, self.width, "the model")
        self.language_model.eval()

    @property
    def width(self) -> int:
        """Width of the language model's embeddings."""
        return int(self.language_model.get_input_embeddings().embedding_dim)

    @property
    def device(self) -> "torch.device":
        """Where the language model is."""
        device: torch.device = self.language_model.get_input_embeddings().weight.device
        return device

    def train_only(self, trains: Trains) -> dict[str, "torch.nn.Parameter"]:
        """Say what learns; the other parameters are frozen. Dropout stays off, as MiniGPT-4 has it.

        Returns:
            The learning parameters by name, tied ones once.
        """
        for parameter in self.language_model.parameters():
            parameter.requires_grad_(trains == "everything")
        for parameter in self.projection.parameters():
            parameter.requires_grad_(True)
        named = {f"projection.{name}": p for name, p in self.projection.named_parameters()}
        if trains == "everything":
            named |= {f"language_model.{name}": p for name, p in self.language_model.named_parameters()}
        return named

    def embed(self, batch: PrefixBatch, features: "torch.Tensor") -> "torch.Tensor":
        """Input embeddings of a batch, image places filled; shape (n, length, width).

        Args:
            batch: On the model's device.
            features: Shape (n, t, w), any precision.
        """
        table = self.language_model.get_input_embeddings()
        embedded = table(batch.input_ids)
        image = self.projection(features.to(self.projection.weight)).to(embedded.dtype)
        filled: torch.Tensor = embedded.masked_scatter(batch.image_places[..., None], image)
        return filled

    def loss_sum(self, batch: PrefixBatch, features: "torch.Tensor") -> "torch.Tensor":
        """Sum of the answer tokens' negative log likelihoods, nats, float32.

        Divided by `batch.answer_tokens` it is Hugging Face's mean over all labelled tokens, so longer
        answers weigh more.
        """
        return self._token_losses(batch, features)[0].sum()

    def row_losses(self, batch: PrefixBatch, features: "torch.Tensor") -> "torch.Tensor":
        """The same sum for each row of the batch, shape (n,)."""
        import torch

        losses, rows = self._token_losses(batch, features)
        return torch.zeros(len(batch.labels), device=losses.device).index_add(0, rows, losses)

    def _token_losses(
        self, batch: PrefixBatch, features: "torch.Tensor"
    ) -> "tuple[torch.Tensor, torch.Tensor]":
        """Of each answer token its negative log likelihood and its row."""
        import torch

        decoder, head = self.language_model.get_decoder(), self.language_model.get_output_embeddings()
        hidden = decoder(
            inputs_embeds=self.embed(batch, features), attention_mask=batch.attention_mask, use_cache=False
        ).last_hidden_state
        labels = batch.labels[:, 1:]
        # The vocabulary is wide, so logits are computed only where an answer's token is to be predicted.
        labelled = labels != IGNORED
        logits = head(hidden[:, :-1][labelled])
        losses = torch.nn.functional.cross_entropy(logits.float(), labels[labelled], reduction="none")
        return losses, labelled.nonzero()[:, 0]

    def collate(
        self, prompts: Sequence[PromptTokens], answers: Sequence[list[int]], *, left: bool = False
    ) -> PrefixBatch:
        """A batch on the model's device."""
        padding = self.tokenizer.pad_token_id
        if padding is None:
            raise ConfigError("the tokenizer has no padding token: set pad_token")
        batch = collate(prompts, answers, image_tokens=self.features.tokens, padding=padding, left=left)
        device = self.device
        return PrefixBatch(
            batch.input_ids.to(device),
            batch.image_places.to(device),
            batch.labels.to(device),
            batch.attention_mask.to(device),
        )

    def chat_batch(self, questions: Sequence[str]) -> PrefixBatch:
        """A left-padded batch that asks a question of each image."""
        prompts = [encode_prompt(self.tokenizer, self.template, q, chat=True) for q in questions]
        return self.collate(prompts, [[] for _ in prompts], left=True)
