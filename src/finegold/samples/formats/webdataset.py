"""WebDataset: tar shards whose members are grouped by key, the name up to the first dot.

Neighbouring members of one key are one row: images, and what is said about them in a `.json` member (any
shape that `records` lists) or a caption in a `.txt` or `.caption` member. Other members are carried along.
Nothing is unpacked, so names in a shard cannot write anywhere; links in a shard are not followed.
"""

import json
import re
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from finegold.errors import DataError
from finegold.samples.dataset import Dataset, ReadOptions, WrittenSubset
from finegold.samples.exclusions import Exclusion, RowError
from finegold.samples.formats.records import (
    Parsed,
    RawImage,
    check_text,
    named_images,
    parse_record,
)
from finegold.samples.formats.rows import build_row, check_all_written, check_positions
from finegold.samples.formats.shards import output_names
from finegold.samples.sample import ImageRef, Row

IMAGE_SUFFIXES = frozenset({"jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff"})
MAX_MEMBER = 256 << 20
"""Bytes of one member; a larger one is not read, and its row is excluded."""
_NAME = re.compile(r"((?:.*/)?[^./][^./]*)\.([^/]+)", re.DOTALL)


@dataclass
class _Group:
    """The members of one key."""

    key: str
    members: list[tarfile.TarInfo] = field(default_factory=list)
    exclusion: Exclusion | None = None


@dataclass
class WebDataset(Dataset):
    """Tar shards, read one group of members at a time."""

    format: ClassVar[str] = "webdataset"

    path: Path
    shards: list[Path]
    options: ReadOptions = field(default_factory=ReadOptions)

    def __post_init__(self) -> None:
        self.image_root = None

    def count(self) -> int:
        """Number of groups; reads the shards' headers only."""
        total = 0
        for shard in self.shards:
            with _open(shard) as tar:
                total += sum(1 for _ in _groups(tar))
        return total

    def files(self) -> list[Path]:
        """The shards."""
        return list(self.shards)

    def rows(self, start: int = 0) -> Iterator[Row]:
        """Yield every group from `start` on. Places are `SHARD member NAME`, of the group's first member.

        A record is `{"__key__": key, "members": {extension: bytes}}`. A shard that ends in the middle gives
        a row that is excluded as `unreadable-shard`, after which the next shard is read.
        """
        index = 0
        for shard in self.shards:
            with _open(shard) as tar:
                for group in _groups(tar):
                    if index >= start:
                        yield self._row(tar, shard, group, index)
                    index += 1

    def _row(self, tar: tarfile.TarFile, shard: Path, group: _Group, index: int) -> Row:
        place = f"{shard.name} member {group.members[0].name if group.members else group.key}"
        if group.exclusion is not None:
            return Row(index, place, None, group.exclusion, self._id(index, group.key))
        try:
            members = {_extension(member): _read(tar, member) for member in group.members}
        except RowError as error:
            return Row(index, place, None, error.exclusion, self._id(index, group.key))
        record = {"__key__": group.key, "members": members}
        return build_row(index, place, record, self.options, partial(self._parse, record))

    def _id(self, index: int, key: str) -> str:
        return str(index) if self.options.ids == "row" else key

    def _parse(self, record: dict[str, Any]) -> tuple[Parsed, tuple[ImageRef, ...]]:
        key, members = check_text(record["__key__"], "the key"), record["members"]
        images = [
            RawImage(f"{key}.{extension}", data)
            for extension, data in members.items()
            if extension.rpartition(".")[2].lower() in IMAGE_SUFFIXES
        ]
        described = _description(members)
        parsed = parse_record(described, self.options.instruction, _ordered(described, images))
        refs = tuple(ImageRef(image.name, data=image.data) for image in parsed.images)
        if any(ref.data is None for ref in refs):
            raise RowError("the row names an image that is not among its members", "missing-image")
        return Parsed(parsed.id or key, parsed.images, parsed.turns), refs

    def write(self, out: Path, keep: Sequence[int], *, link: bool = False) -> WrittenSubset:  # noqa: ARG002
        """Write the kept groups, member for member the same, under the shards' own names.

        A shard of which nothing is kept is not written.
        """
        wanted = check_positions(keep)
        targets = output_names(self.shards, out)
        index = written = 0
        for shard, target in zip(self.shards, targets, strict=True):
            with _open(shard) as tar:
                sink = None
                try:
                    for group in _groups(tar):
                        if index in wanted:
                            sink = sink or tarfile.open(target, "w", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - closed below
                            _copy(tar, group, sink)
                            written += 1
                        index += 1
                finally:
                    if sink is not None:
                        sink.close()
        check_all_written(wanted, written, self.path.name)
        return WrittenSubset(out if len(self.shards) > 1 else targets[0], None, written, 0)


def _open(shard: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(shard, "r:")
    except (tarfile.TarError, OSError) as error:
        raise DataError(f"{shard} is not a tar file ({error}): check that it was fully copied") from None


def _groups(tar: tarfile.TarFile) -> Iterator[_Group]:
    """The groups of one shard; a member without extension and the end of a damaged shard are their own."""
    group: _Group | None = None
    exclusion = None
    while True:
        try:
            member = tar.next()
            _forget(tar)
            exclusion = None if member else _unread(tar)
        except (tarfile.TarError, OSError, ValueError, EOFError, RecursionError) as error:
            member, exclusion = (
                None,
                Exclusion("unreadable-shard", f"the shard cannot be read further ({error})"),
            )
        if member is None:
            break
        if member.isdir():
            continue
        name = _NAME.fullmatch(member.name)
        key = name[1] if name else member.name
        if group is None or key != group.key or (name and name[2] in map(_extension, group.members)):
            if group is not None:
                yield group
            group = _Group(key)
        group.members.append(member)
        if name is None:
            group.exclusion = Exclusion(
                "malformed-row", f"the member '{member.name}' is not named KEY.EXTENSION"
            )
        elif not member.isreg():
            group.exclusion = Exclusion(
                "malformed-row", f"the member '{member.name}' is a link or device, not a file"
            )
    if group is not None:
        yield group
    if exclusion is not None:
        yield _Group("end of shard", exclusion=exclusion)


def _extension(member: tarfile.TarInfo) -> str:
    match = _NAME.fullmatch(member.name)
    return match[2] if match else ""


def _read(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    if member.size > MAX_MEMBER:
        raise RowError(
            f"the member '{member.name}' has {member.size:,} bytes, expected at most {MAX_MEMBER:,}",
            "large-image",
        )
    opened = tar.extractfile(member)
    try:
        data = opened.read() if opened else b""
    except (tarfile.TarError, OSError) as error:
        raise RowError(f"the member '{member.name}' cannot be read ({error})", "unreadable-shard") from None
    if len(data) != member.size:
        raise RowError(f"the shard ends inside of the member '{member.name}'", "unreadable-shard")
    return data


def _copy(tar: tarfile.TarFile, group: _Group, sink: tarfile.TarFile) -> None:
    for member in group.members:
        sink.addfile(member, tar.extractfile(member) if member.isreg() else None)
    _forget(sink)


def _forget(tar: tarfile.TarFile) -> None:
    # tarfile remembers every header, which would grow with the number of images.
    vars(tar)["members"] = []


def _unread(tar: tarfile.TarFile) -> Exclusion | None:
    """Whether bytes follow the last header: tarfile takes a damaged header for the end of the archive."""
    assert tar.fileobj is not None
    tar.fileobj.seek(tar.offset)
    if tar.fileobj.read(tarfile.BLOCKSIZE).strip(b"\0"):
        return Exclusion("unreadable-shard", f"the shard cannot be read beyond byte {tar.offset:,}")
    return None


def _description(members: dict[str, bytes]) -> dict[str, Any]:
    """The record that a group's text members make: its JSON object, and the caption beside it."""
    described: dict[str, Any] = {}
    for extension, data in members.items():
        last = extension.rpartition(".")[2].lower()
        if last == "json":
            try:
                value = json.loads(data)
            except (ValueError, RecursionError) as error:
                raise RowError(f"the member .{extension} is not valid JSON ({error})") from None
            if not isinstance(value, dict):
                raise RowError(f"the member .{extension} holds no object")
            described = {**described, **value}
    for extension, data in members.items():
        if extension.rpartition(".")[2].lower() in ("txt", "caption") and "caption" not in described:
            try:
                described["caption"] = data.decode("utf-8-sig")
            except UnicodeDecodeError:
                raise RowError(f"the member .{extension} is not valid UTF-8") from None
    return described


def _ordered(described: dict[str, Any], images: list[RawImage]) -> list[RawImage]:
    """The image members as the JSON member orders them; in the shard's order if it names none."""
    named = [Path(image.name).name for image in named_images(described)]
    if not named:
        return images
    by_name = {Path(image.name).name: image for image in images}
    if len(named) != len(images):
        raise RowError(
            f"the row names {len(named)} images and has {len(images)} image members",
            "missing-image" if len(named) > len(images) else "malformed-row",
        )
    return [by_name[name] for name in named] if set(named) == set(by_name) else images
