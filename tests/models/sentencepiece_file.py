"""A `tokenizer.model` in sentencepiece's format, written byte by byte: no library makes one here.

LLaMA's first models, and what FastChat's delta tool writes, have this file and no other tokenizer file.
"""

import struct
from pathlib import Path

from tests.models.conftest import llama_tokenizer

_UNKNOWN, _CONTROL, _NORMAL, _UNUSED = 2, 3, 1, 5
SIZE = 32000


def write_tokenizer_model(path: Path) -> None:
    """LLaMA's scheme over the pieces of the tests' tokenizer, with 32,000 ids."""
    tokenizer = llama_tokenizer()
    pieces = {index: piece for piece, index in tokenizer.get_vocab().items()}
    order = {piece: rank for rank, piece in enumerate(_merged(tokenizer))}
    content = b"".join(
        _field(1, _piece(pieces.get(index, f"unused{index}"), index, index in pieces, order))
        for index in range(SIZE)
    )
    # Trainer: BPE (model_type 2). Normaliser: identity, a space before the text, spaces kept and escaped.
    content += _field(2, _number(3, 2))
    content += _field(3, _field(1, b"identity") + _number(3, 1) + _number(4, 0) + _number(5, 1))
    path.write_bytes(content)


def _merged(tokenizer: object) -> list[str]:
    import json

    merges = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]  # type: ignore[attr-defined]
    return ["".join(pair) for pair in merges]


def _piece(text: str, index: int, known: bool, order: dict[str, int]) -> bytes:
    kind = _UNKNOWN if index == 0 else _CONTROL if index in (1, 2) else _NORMAL if known else _UNUSED
    score = -float(order.get(text, len(order) + index))
    return _field(1, text.encode()) + bytes([2 << 3 | 5]) + struct.pack("<f", score) + _number(3, kind)


def _field(number: int, value: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(value)) + value


def _number(number: int, value: int) -> bytes:
    return bytes([number << 3]) + _varint(value)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])
