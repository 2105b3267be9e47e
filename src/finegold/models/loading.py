"""Loading of the processors and networks of Hugging Face vision-language models."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finegold.errors import ModelError
from finegold.extras import check_hub, hub_commit, quiet_transformers, reading_tokenizer, require
from finegold.models.prefix.storage import NEW_MODELS
from finegold.offline.captioner import OFFLINE_MODELS

if TYPE_CHECKING:
    import torch

ADAPTERS = "adapter_config.json"
"""File of a folder that holds low-rank adapters and not a whole network."""
KNOWN = (*OFFLINE_MODELS, *NEW_MODELS, "spelling-rule")
"""Names that a misspelt one may stand for."""


def load_processor(name: str, *, chat: bool = False) -> Any:
    """Load the model's processor; its chat template renders the start token if the model expects one.

    Without torchvision, PIL processes images, and a processor of images and videos is one of images alone.

    Args:
        name: Folder or hub id.
        chat: Whether the processor must have a chat template.

    Raises:
        ModelError: If the processor does not exist, or lacks the chat template.
    """
    transformers = require("transformers", extra="models", why="a vision-language model")
    check_hub(name, KNOWN)
    try:
        with reading_tokenizer(name):
            processor = _processor_class(transformers, name).from_pretrained(name, **_local(name))
    except (OSError, ValueError, ImportError) as error:
        raise ModelError(
            f"the processor of '{name}' cannot be loaded ({_first(error)}): name offline, a folder that "
            "finegold tune wrote, or a Hugging Face vision-language model"
        ) from None
    if not hasattr(processor, "tokenizer") or not hasattr(processor, "image_processor"):
        raise ModelError(f"'{name}' has no processor for images and text: name a vision-language model")
    if processor.tokenizer.pad_token is None:
        processor.tokenizer.pad_token = processor.tokenizer.eos_token or processor.tokenizer.unk_token
    if getattr(processor, "chat_template", None):
        _render_start(processor)
    elif chat:
        raise ModelError(f"the processor of '{name}' has no chat template: name an instruction-tuned model")
    return processor


def images_only(processor_class: Any) -> Any:
    """A processor class without its part for videos, which only torchvision can load."""

    class ImagesOnly(processor_class):  # type: ignore[misc]  # known only at run time
        @classmethod
        def get_attributes(cls) -> list[str]:
            return [part for part in super().get_attributes() if part != "video_processor"]

    # The name is written to the processor's folder and read back from there.
    ImagesOnly.__name__ = processor_class.__name__
    return ImagesOnly


def _processor_class(transformers: Any, name: str) -> Any:
    """Class of the model's processor; without torchvision one that has no part for videos."""
    if find_spec("torchvision") is None:
        known: dict[str, str] = transformers.models.auto.processing_auto.PROCESSOR_MAPPING_NAMES
        try:
            kind = known.get(transformers.AutoConfig.from_pretrained(name, **_local(name)).model_type)
        except (OSError, ValueError):
            # A folder with adapters alone has no config; the processor's file names its class.
            kind = transformers.ProcessorMixin.get_processor_dict(name, **_local(name))[0].get(
                "processor_class"
            )
        found = getattr(transformers, kind or "", None)
        if found is not None and "video_processor" in found.get_attributes():
            return images_only(found)
    return transformers.AutoProcessor


def _render_start(processor: Any) -> None:
    """Put the start token into a chat template without it, such as LLaVA's.

    TRL and finegold tokenise rendered text without further tokens, because the tokenizer would add a second
    start token to the other templates.
    """
    tokenizer = processor.tokenizer
    start = tokenizer.bos_token_id
    if start is None or tokenizer("a").input_ids[:1] != [start]:
        return
    probe = [{"role": "user", "content": [{"type": "text", "text": "a"}]}]
    if not processor.apply_chat_template(probe).startswith(tokenizer.bos_token):
        processor.chat_template = "{{ bos_token }}" + processor.chat_template


def load_vlm(name: str, device: str, dtype: "torch.dtype") -> Any:
    """Load the network, in `dtype` on `device`; with adapters, the network that they were made for too.

    Raises:
        ModelError: If the network cannot be loaded, or lacks weights.
    """
    transformers = require("transformers", extra="models", why="a vision-language model")
    adapters = (Path(name) / ADAPTERS).is_file()
    if adapters:
        require("peft", extra="tune", why="a model with low-rank adapters")
    try:
        with quiet_transformers():
            model, report = transformers.AutoModelForImageTextToText.from_pretrained(
                name, dtype=dtype, output_loading_info=True, **_local(name)
            )
    except (OSError, ValueError, ImportError) as error:
        raise not_loaded(name, error) from None
    lacking = sorted(report["missing_keys"])
    if lacking and not adapters:
        raise ModelError(
            f"the model '{name}' lacks {len(lacking)} weights, such as {lacking[0]}: copy it again"
        )
    return model.to(device)


def not_loaded(name: str, error: Exception) -> ModelError:
    """The error of a network whose files cannot be loaded."""
    return ModelError(f"the model '{name}' cannot be loaded ({_first(error)}): name a folder or hub id")


def _local(name: str) -> dict[str, bool]:
    return {"local_files_only": True} if Path(name).is_dir() else {}


def _first(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def commit_of(name: str) -> str | None:
    """Commit of a hub model, or of the hub model that a folder's adapters were made for; None for a folder.

    Raises:
        ModelError: If the config cannot be read.
    """
    if Path(name).is_dir():
        try:
            adapters = json.loads((Path(name) / ADAPTERS).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        name = str(adapters.get("base_model_name_or_path", name))
    require("transformers", extra="models", why=f"the model '{name}'")
    check_hub(name, KNOWN)
    try:
        return hub_commit(name)
    except (OSError, ValueError) as error:
        raise not_loaded(name, error) from None
