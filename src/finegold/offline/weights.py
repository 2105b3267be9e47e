"""Checked weight files: a model whose bytes are not the expected ones is refused before it is opened."""

from importlib.util import find_spec
from pathlib import Path

from finegold.errors import MissingExtraError, ModelError
from finegold.run import file_sha256

LEFT_OUT = (
    "if this build leaves the trained weights out, install finegold from a wheel that holds them, or name "
    "another model"
)
"""What to do where the weights that finegold trained are missing."""


def check_sha256(path: Path, expected: str, what: str) -> None:
    """Refuse a weight file other than the one that this code was written and measured with.

    Raises:
        ModelError: If the file is missing or its hash differs; the message names both hashes.
    """
    if not path.is_file():
        raise ModelError(f"the weights of {what} were expected at {path}, where there is no file: {LEFT_OUT}")
    found = file_sha256(path)
    if found != expected:
        raise ModelError(
            f"the weights of {what} at {path} have sha256 {found} instead of {expected}: reinstall them"
        )


def package_folder(
    module: str, distribution: str, what: str, command: str = "pip install 'finegold[offline]'"
) -> Path:
    """Folder of an installed package of weights; its code is not imported.

    Raises:
        MissingExtraError: If the package is not installed; the message names the command that installs it.
    """
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise MissingExtraError(
            f"{what} needs the package '{distribution}', which is not installed: {command}"
        )
    return Path(spec.origin).parent
