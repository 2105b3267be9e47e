"""Loading a vision-language model and its processor, or saying in one sentence why not."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from finegold.encoders.quiet import quiet_transformers
from finegold.errors import ModelError
from finegold.extras import require

if TYPE_CHECKING:
    import torch


def load_processor(name: str) -> Any:
    """The model's processor.

    Raises:
        ModelError: If there is none, or it has no chat template to put questions into.
    """
    transformers = require("transformers", extra="models", why="a vision-language model")
    try:
        processor = transformers.AutoProcessor.from_pretrained(name, **_local(name))
    except (OSError, ValueError, ImportError) as error:
        raise ModelError(
            f"the processor of '{name}' cannot be loaded ({_first(error)}): name offline, a folder that "
            "finegold "
            "tune wrote, or a Hugging Face vision-language model"
        ) from None
    if not hasattr(processor, "tokenizer") or not hasattr(processor, "image_processor"):
        raise ModelError(f"'{name}' has no processor for images and text: name a vision-language model")
    if not processor.chat_template:
        raise ModelError(f"the processor of '{name}' has no chat template: name an instruction-tuned model")
    if processor.tokenizer.pad_token is None:
        processor.tokenizer.pad_token = processor.tokenizer.eos_token
    return processor


def load_model(name: str, device: str, dtype: "torch.dtype") -> Any:
    """The model, in `dtype` on `device`; a folder with adapters brings the model that they were made for.

    Raises:
        ModelError: If it cannot be loaded, or lacks weights.
    """
    transformers = require("transformers", extra="models", why="a vision-language model")
    adapters = (Path(name) / "adapter_config.json").is_file()
    if adapters:
        require("peft", extra="tune", why="a model with low-rank adapters")
    try:
        with quiet_transformers():
            model, report = transformers.AutoModelForImageTextToText.from_pretrained(
                name, dtype=dtype, output_loading_info=True, **_local(name)
            )
    except (OSError, ValueError, ImportError) as error:
        raise ModelError(
            f"the model '{name}' cannot be loaded ({_first(error)}): name a folder or hub id"
        ) from None
    lacking = sorted(report["missing_keys"])
    if lacking and not adapters:
        raise ModelError(
            f"the model '{name}' lacks {len(lacking)} weights, such as {lacking[0]}: copy it again"
        )
    return model.to(device)


def _local(name: str) -> dict[str, bool]:
    return {"local_files_only": True} if Path(name).is_dir() else {}


def _first(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
