"""The members of a tar file that may be damaged or hostile: nothing is unpacked beyond stated limits.

`tarfile` stops at the first damaged header, believes every size, and unpacks sparse members of any size.
Here damage is one step of the iteration, after which the next whole header is looked for.
"""

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Self

from finegold.samples.exclusions import RowError

MAX_MEMBER = 256 << 20
"""Bytes of one member; a larger one is not read, and its row is excluded."""
MAX_HEADER = 1 << 20
"""Bytes of a header's long name or other additions."""
_ADDITIONS = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_WINDOW = 1 << 20


class _Member(tarfile.TarInfo):
    """A member whose header is not longer than `MAX_HEADER`."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Read one header block; raises HeaderError if it announces a longer header."""
        member = super().frombuf(buf, encoding, errors)
        if member.type in (*_ADDITIONS, tarfile.SOLARIS_XHDTYPE) and not 0 <= member.size <= MAX_HEADER:
            raise tarfile.InvalidHeaderError(f"a header of {member.size:,} bytes")  # type: ignore[attr-defined]  # not in typeshed
        return member


def read_headers(path: Path, file: BinaryIO) -> Iterator[tarfile.TarInfo | RowError]:
    """The members of a tar file in order, and where it cannot be read, why; then what follows.

    Args:
        path: For messages.
        file: The open file, not compressed. It may be read from at any place between two steps.
    """
    size = file.seek(0, 2)
    place = 0
    while place < size:
        why, cut = "", False
        try:
            file.seek(place)
            with tarfile.TarFile(path, fileobj=file, tarinfo=_Member) as tar:
                while not cut and (member := tar.next()) is not None:
                    # tarfile remembers every header, which would grow with the number of images.
                    vars(tar)["members"] = []
                    if tar.offset < member.offset_data:
                        why = "a negative size"
                        break
                    cut = member.offset_data + member.size > size
                    place = member.offset_data if cut else tar.offset
                    yield member
        except (tarfile.TarError, OSError, ValueError, EOFError, RecursionError, MemoryError) as error:
            why = str(error)
        # tarfile takes a damaged header for the end of the archive, which zeros mark. Another archive may
        # follow, and other members may follow one whose size is damaged.
        file.seek(place)
        block = file.read(tarfile.BLOCKSIZE)
        if (why or block.strip(b"\0")) and not cut:
            reason = f"the shard is damaged at byte {place:,}"
            yield RowError(f"{reason} ({why})" if why else reason, "unreadable-shard")
        place = _next_header(file, place if cut else place + tarfile.BLOCKSIZE)


def read_member(file: BinaryIO, member: tarfile.TarInfo) -> bytes:
    """The bytes of a member; raises RowError if it is too large, sparse or cut off."""
    if member.size > MAX_MEMBER:
        raise RowError(
            f"the member '{member.name}' has {member.size:,} bytes, expected at most {MAX_MEMBER:,}",
            "large-image",
        )
    if member.issparse():
        raise RowError(
            f"the member '{member.name}' is sparse: its holes take no room in the shard, expected whole files"
        )
    if member.offset_data + member.size > file.seek(0, 2):
        raise RowError(f"the shard ends inside of the member '{member.name}'", "unreadable-shard")
    try:
        file.seek(member.offset_data)
        return file.read(member.size)
    except (OSError, ValueError) as error:
        raise RowError(f"the member '{member.name}' cannot be read ({error})", "unreadable-shard") from None


def _next_header(file: BinaryIO, place: int) -> int:
    """Where the next whole header starts, from `place` on in steps of a block; the file's end without one."""
    file.seek(place)
    while window := file.read(_WINDOW):
        start = window.find(b"ustar")
        while start >= 0:
            block = start - start % tarfile.BLOCKSIZE
            if start - block == 257 and _is_header(window[block : block + tarfile.BLOCKSIZE]):
                return place + block
            start = window.find(b"ustar", start + 1)
        place += len(window)
    return place


def _is_header(block: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True
