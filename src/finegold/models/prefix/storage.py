"""Projected-prefix models by name, and their folders.

A folder holds `config.json`, `projection.safetensors` and a language model, if that was trained. A frozen
language model is named, not copied: a folder path, a hub id, `finegold:smollm2`, or `finegold:offline` and
so on for the models that finegold carries.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from finegold.engines.devices import resolve_device
from finegold.errors import ConfigError, ModelError
from finegold.extras import check_hub, quiet_transformers, reading_tokenizer, require
from finegold.models.base import located
from finegold.models.prefix.blip2 import BLIP2
from finegold.models.prefix.features import EFFICIENTNET, feature_source
from finegold.models.prefix.network import PrefixNetwork
from finegold.models.prefix.projection import check_shape, read_projection, write_safetensors
from finegold.models.prefix.template import template_named
from finegold.offline.captioner import OFFLINE_MODELS
from finegold.offline.smollm2 import smollm2_folder
from finegold.offline.weights import LEFT_OUT, check_sha256
from finegold.run import read_record, write_record

if TYPE_CHECKING:
    import torch

FORMAT: Final = "finegold-projected-prefix-1"
CONFIG, PROJECTION, LANGUAGE_MODEL = "config.json", "projection.safetensors", "language_model"
CARRIED, SMOLLM2 = "finegold:", "finegold:smollm2"
"""Beginning of the name of a language model that finegold carries, and the one of a package of weights."""
VICUNA = "Vision-CAIR/vicuna-7b"
"""Vicuna-7B v0, merged; v1.1 and later end their turns otherwise and do not fit MiniGPT-4's checkpoints."""
VICUNA_13B = "Vision-CAIR/vicuna"
"""Vicuna-13B v0, merged."""
LLAMA2 = "meta-llama/Llama-2-7b-chat-hf"
PADDING = "$$"
"""MiniGPT-4's padding token, an ordinary item of LLaMA's vocabulary (id 3997)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixConfig:
    """Config of a projected-prefix model, `config.json` in its folder.

    Attributes:
        features: Description of the image tower, for `feature_source`.
        template: Name of the prompt format.
        language_model: Folder, hub id or `finegold:NAME`; `language_model` for a folder beside the config.
        padding_token: Padding token that the tokenizer gets; None keeps its own.
        start_token: Start token that the tokenizer gets; None keeps its own.
    """

    format: Literal["finegold-projected-prefix-1"] = FORMAT
    features: dict[str, Any]
    template: str
    language_model: str
    padding_token: str | None = None
    start_token: str | None = None


NEW_MODELS = {
    "offline-smollm2": PrefixConfig(features=EFFICIENTNET, template="smollm2", language_model=SMOLLM2),
    "minigpt4-7b": PrefixConfig(
        features={"source": "blip2", "path": BLIP2},
        template="minigpt4-vicuna0",
        language_model=VICUNA,
        padding_token=PADDING,
    ),
    "minigpt4-13b": PrefixConfig(
        features={"source": "blip2", "path": BLIP2},
        template="minigpt4-vicuna0",
        language_model=VICUNA_13B,
        padding_token=PADDING,
    ),
    "minigpt4-llama2-7b": PrefixConfig(
        features={"source": "blip2-vision", "path": BLIP2},
        template="minigpt4-llama2",
        language_model=LLAMA2,
        padding_token=PADDING,
    ),
}
"""Models that are put together from parts; their projection is a file that the user names."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Parts of a model that is put together.

    Attributes:
        language_model: Folder or hub id; None for the model's usual one.
        vision_model: Folder or hub id of a BLIP-2 model; None for the model's usual one.
        projection: A `.safetensors` or `.pth` file: MiniGPT-4's stage-1 checkpoint, to run stage 2 from, or
            the released one, to evaluate.
        from_scratch: Whether the projection is untrained, drawn at random, in place of a file, or of its own
            in a model that finegold carries.
    """

    language_model: str | None = None
    vision_model: str | None = None
    projection: Path | None = None
    from_scratch: bool = False

    def located(self) -> "Parts":
        """These parts with absolute paths in place of relative ones; hub ids stay."""
        return replace(
            self,
            language_model=self.language_model and located(self.language_model),
            vision_model=self.vision_model and located(self.vision_model),
            projection=self.projection and self.projection.absolute(),
        )


def check_parts(model: str, parts: Parts, *, there: bool = True) -> None:
    """Check that a model of parts has a projection, and that no other model is given parts.

    Args:
        model: Name of the model.
        parts: The parts.
        there: Whether the file of the projection must be there.

    Raises:
        ConfigError: If not. An untrained projection is used only where `from_scratch` says so, which a model
            that finegold carries may have too.
    """
    if model not in NEW_MODELS:
        if parts != Parts(from_scratch=parts.from_scratch and model in OFFLINE_MODELS):
            raise ConfigError(
                f"the model '{model}' has its own parts: give them only with {' or '.join(NEW_MODELS)}"
            )
    elif parts.projection is None and not parts.from_scratch:
        raise ConfigError(
            f"the model '{model}' has no projection, which joins its image features with its language model: "
            "name a checkpoint with --projection, or give --from-scratch for an untrained one"
        )
    elif parts.projection is not None and parts.from_scratch:
        raise ConfigError(
            "--projection names a trained projection and --from-scratch an untrained one: give one"
        )
    elif there and parts.projection is not None and not parts.projection.is_file():
        raise ModelError(f"there is no projection at {parts.projection}: name a .safetensors or .pth file")


def model_folder(model: str) -> Path | None:
    """Folder of a projected-prefix model; None for one that is put together from parts."""
    if model in NEW_MODELS:
        return None
    return OFFLINE_MODELS[model].folder if model in OFFLINE_MODELS else Path(model)


def read_config(model: str) -> PrefixConfig:
    """Config of a projected-prefix model; folders in it are absolute.

    Raises:
        DataError: If the config of a folder cannot be read.
    """
    folder = model_folder(model)
    if folder is None:
        return NEW_MODELS[model]
    advice = LEFT_OUT if model in OFFLINE_MODELS else "name a folder that finegold tune wrote"
    config = read_record(folder / CONFIG, PrefixConfig, advice=advice)
    name = config.language_model
    features = config.features | (
        {"path": located(config.features["path"])} if "path" in config.features else {}
    )
    return replace(
        config, features=features, language_model=name if name == LANGUAGE_MODEL else located(name)
    )


def is_prefix_name(model: str) -> bool:
    """Whether a name stands for a projected-prefix model; otherwise it stands for a Hugging Face model."""
    if model in OFFLINE_MODELS or model in NEW_MODELS:
        return True
    try:
        return bool(json.loads((Path(model) / CONFIG).read_text(encoding="utf-8"))["format"] == FORMAT)
    except (OSError, ValueError, LookupError, TypeError):
        return False


def load_network(
    model: str,
    *,
    parts: Parts | None = None,
    template: str | None = None,
    seed: int = 0,
    device: str = "auto",
    dtype: "torch.dtype | None" = None,
) -> PrefixNetwork:
    """Load a model that finegold carries (`offline`), one of `NEW_MODELS`, or a folder of a training.

    Args:
        model: Name of the model.
        parts: Parts of a model of `NEW_MODELS`, which needs a projection; an untrained projection for one
            that finegold carries.
        template: Prompt format that replaces the saved one.
        seed: Seed of a new projection.
        device: `auto`, `cpu`, `cuda`...
        dtype: Precision of the language model; None for float32. `automatic_dtype` gives the usual one.

    Raises:
        ConfigError: If parts are given for a model that has its own, or the projection is missing.
        DataError: If the config of a folder cannot be read.
        ModelError: If a part cannot be loaded or does not fit.
    """
    torch = require("torch", extra="models", why="tuning a model")
    device = resolve_device(device)
    parts = (parts or Parts()).located()
    check_parts(model, parts)
    config, folder = read_config(model), model_folder(model)
    carried = None if folder is None or parts.from_scratch else folder / PROJECTION
    projection = parts.projection or carried
    name = parts.language_model or config.language_model
    if folder is not None and name == LANGUAGE_MODEL:
        name = CARRIED + model if model in OFFLINE_MODELS else str((folder / LANGUAGE_MODEL).resolve())
    form = template_named(template or config.template)
    tower = config.features | ({"path": parts.vision_model} if parts.vision_model else {})
    features = feature_source(tower, device)
    network, tokenizer = _load_language_model(name, dtype or torch.float32, device)
    if config.padding_token is not None or tokenizer.pad_token is None:
        tokenizer.pad_token = config.padding_token or tokenizer.eos_token
    if config.start_token is not None:
        tokenizer.bos_token = config.start_token
    width = int(network.get_input_embeddings().embedding_dim)
    linear = torch.nn.Linear(features.width, width)
    if projection is None:
        # As `torch.nn.Linear` draws, but from the seed.
        bound, generator = features.width**-0.5, torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in linear.parameters():
                parameter.uniform_(-bound, bound, generator=generator)
    else:
        weight, bias = read_projection(projection)
        check_shape(weight, features.width, width, str(projection))
        linear.load_state_dict({"weight": weight, "bias": bias})
    return PrefixNetwork(features, linear.to(device), network, tokenizer, form, name)


def automatic_dtype(model: str, device: str) -> "torch.dtype":
    """Precision in which a model answers if none is named: float32 on a CPU.

    On a GPU a frozen language model, which is large, has half precision: float16 with MiniGPT-4's templates,
    as its authors ran it, and else bfloat16. A language model that was saved beside the config keeps its
    precision.
    """
    import torch

    if not device.startswith("cuda"):
        return torch.float32
    config, folder = read_config(model), model_folder(model)
    if folder is not None and config.language_model == LANGUAGE_MODEL:
        from safetensors import safe_open

        # The weights themselves: the config beside them may still state the precision of the training.
        file = next(iter(sorted((folder / LANGUAGE_MODEL).glob("*.safetensors"))), None)
        if file is None:
            return torch.float32
        with safe_open(file, framework="pt") as tensors:
            saved: torch.dtype = tensors.get_tensor(min(tensors.keys())).dtype
        return saved
    return torch.float16 if config.template.startswith("minigpt4") else torch.bfloat16


def save_network(
    model: PrefixNetwork, folder: Path, *, with_language_model: bool, dtype: "torch.dtype"
) -> None:
    """Save a model to a folder.

    Args:
        model: The model.
        folder: The folder, made if it does not exist.
        with_language_model: Whether to save the language model too; if not, the config names it.
        dtype: Precision of the saved language model. The projection keeps its precision.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if with_language_model:
        network = model.language_model
        state = {name: tensor.to(dtype) for name, tensor in network.state_dict().items()}
        if network.config.tie_word_embeddings:
            state.pop("lm_head.weight", None)
        network.config.dtype = dtype
        network.save_pretrained(folder / LANGUAGE_MODEL, state_dict=state)
        model.tokenizer.save_pretrained(folder / LANGUAGE_MODEL)
    write_safetensors(folder / PROJECTION, model.projection.weight, model.projection.bias)
    config = PrefixConfig(
        features={
            key: located(value) if key == "path" else value
            for key, value in model.features.description.items()
        },
        template=model.template.name,
        language_model=LANGUAGE_MODEL if with_language_model else located(model.language_model_name),
        padding_token=model.tokenizer.pad_token,
        start_token=model.tokenizer.bos_token,
    )
    write_record(folder / CONFIG, config)


def _load_language_model(name: str, dtype: Any, device: str) -> tuple[Any, Any]:
    transformers = require("transformers", extra="models", why="tuning a model")
    source = name
    if (carried := OFFLINE_MODELS.get(name.removeprefix(CARRIED))) and name.startswith(CARRIED):
        source = str(carried.folder / LANGUAGE_MODEL)
        what = f"the model '{name.removeprefix(CARRIED)}'"
        check_sha256(Path(source) / "model.safetensors", carried.sha256, what)
    elif name == SMOLLM2:
        source = str(smollm2_folder())
    check_hub(source)
    local = {"local_files_only": True} if Path(source).is_dir() else {}
    try:
        with quiet_transformers():
            network, report = transformers.AutoModelForCausalLM.from_pretrained(
                source, dtype=dtype, output_loading_info=True, **local
            )
        with quiet_transformers(), reading_tokenizer(name):
            tokenizer = transformers.AutoTokenizer.from_pretrained(source, **local)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(
            f"the language model '{name}' cannot be loaded ({reason}): name a folder with its files or "
            "a hub id"
        ) from None
    if lacking := sorted(report["missing_keys"]):
        raise ModelError(f"the language model '{name}' lacks the weights {lacking[0]}: copy it again")
    return network.to(device), tokenizer
