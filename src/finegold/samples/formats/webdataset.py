"""WebDataset: tar shards whose members are grouped by key, the name up to the first dot.

Neighbouring members of one key are one row: images, and what is said about them in a `.json` member (any
shape that `records` lists) or a caption in a `.txt` or `.caption` member. Other members are carried along.
Names with dots (`photo.0.jpg`, `photo.0.txt`, `photo.1.jpg`, ...) share the key `photo`; a row of which only
one of several texts could be read is excluded, and the members are named.
Nothing is unpacked, so names in a shard cannot write anywhere; links in a shard are not followed.
"""

import json
import re
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any

from finegold.errors import DataError
from finegold.samples.dataset import FORMATS, DataFiles, Dataset
from finegold.samples.exclusions import RowError
from finegold.samples.image_fields import RawImage, field_images
from finegold.samples.records import Parsed, parse_record
from finegold.samples.roots import ImageRoot
from finegold.samples.shapes import has_shape
from finegold.samples.values import check_text

IMAGE_SUFFIXES = frozenset({"jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff"})
_TEXTS = ("txt", "caption")
_OTHER_MEDIA = frozenset(
    [
        "mp4",
        "m4v",
        "avi",
        "mov",
        "mkv",
        "webm",
        "mp3",
        "wav",
        "flac",
        "ogg",
        "m4a",
        "avif",
        "heic",
        "heif",
        "jxl",
        "svg",
    ]
)
MAX_MEMBER = 256 << 20
"""Bytes of one member; a larger one is not read, and its row is excluded."""
_NAME = re.compile(r"((?:.*/)?[^./][^./]*)\.([^/]+)", re.DOTALL)


@dataclass
class _Group:
    """The members of one key, and why they are no row."""

    key: str
    members: list[tarfile.TarInfo] = field(default_factory=list)
    error: RowError | None = None


@FORMATS.register("webdataset")
class WebDataset(Dataset):
    """Tar shards, read one group of members at a time."""

    content = "a tar file"
    suffixes = (".tar",)
    sharded = True

    @classmethod
    def fit(cls, source: DataFiles) -> float:
        """Whether the file begins with a tar header, or is named like a tar file and long enough."""
        head = source.head
        named = source.files[0].suffix.lower() == ".tar" and len(head) == 512
        return float(head[257:262] == b"ustar" or named)

    def find_root(self) -> ImageRoot:
        """The root of a dataset without an image folder: the images are members."""
        return ImageRoot(None)

    def count(self) -> int:
        """Number of groups; reads the shards' headers only."""
        return sum(1 for _ in self._groups())

    def records(self, start: int = 0) -> Iterator[tuple[str, Any]]:
        """Yield every group from `start` on. Places are `SHARD member NAME`, of the group's first member.

        A record is `{"__key__": key, "members": {extension: bytes}}`. A shard that ends in the middle gives
        a record that is excluded as `unreadable-shard`, after which the next shard is read.
        """
        for shard, tar, group in islice(self._groups(), start, None):
            name = group.members[0].name if group.members else group.key
            members: dict[str, bytes] | RowError
            try:
                members = group.error or {_extension(member): _read(tar, member) for member in group.members}
            except RowError as error:
                members = error
            record = {"__key__": group.key, "members": members}
            yield f"{self.source.files[shard].name} member {name}", record

    def _groups(self) -> Iterator[tuple[int, tarfile.TarFile, _Group]]:
        for number, shard in enumerate(self.source.files):
            try:
                opened = tarfile.open(shard, "r:")  # noqa: SIM115 - closed below
            except (tarfile.TarError, OSError) as error:
                raise DataError(
                    f"{shard} is not a tar file ({error}): check that it was fully copied"
                ) from None
            with opened as tar:
                yield from ((number, tar, group) for group in _groups(tar))

    def parse(self, record: Any) -> Parsed:
        """The images and what the text members say of them; raises RowError."""
        members = record["members"]
        if isinstance(members, RowError):
            raise members
        key = check_text(record["__key__"], "the key")
        _refuse_several_texts(key, members)
        images = [
            RawImage(f"{key}.{extension}", data)
            for extension, data in members.items()
            if _kind(extension) in IMAGE_SUFFIXES
        ]
        described = _description(members)
        parsed = parse_record(described, self.source.instruction, _ordered(described, images))
        if any(image.data is None for image in parsed.images):
            raise RowError("the row names an image that is not among its members", "missing-image")
        return replace(parsed, id=parsed.id or key)

    def own_id(self, record: Any) -> str | None:
        """The key of the members."""
        return str(record["__key__"])

    def fields(self, record: Any) -> Any:
        """The fields of the JSON members; none if the members cannot be read."""
        try:
            return {} if isinstance(record["members"], RowError) else _description(record["members"])
        except RowError:
            return {}

    def write_records(self, out: Path, keep: set[int]) -> tuple[Path, int]:
        """Write the kept groups, member for member the same, under the shards' own names.

        A shard of which nothing is kept is not written.
        """
        targets, written = self.output_names(out), 0
        kept = (found for index, found in enumerate(self._groups()) if index in keep)
        for shard, groups in groupby(kept, itemgetter(0)):
            with tarfile.open(targets[shard], "w", format=tarfile.PAX_FORMAT) as sink:
                for _, tar, group in groups:
                    _copy(tar, group, sink)
                    written += 1
        return out if len(targets) > 1 else targets[0], written


def _groups(tar: tarfile.TarFile) -> Iterator[_Group]:
    """The groups of one shard; a member without extension is one, and the end of a damaged shard too."""
    group: _Group | None = None
    damage: RowError | None = None
    while True:
        try:
            member = tar.next()
            _forget(tar)
            damage = None if member else _unread(tar)
        except (tarfile.TarError, OSError, ValueError, EOFError, RecursionError) as error:
            member = None
            damage = RowError(f"the shard cannot be read further ({error})", "unreadable-shard")
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
            group.error = RowError(f"the member '{member.name}' is not named KEY.EXTENSION")
        elif not member.isreg():
            group.error = RowError(f"the member '{member.name}' is a link or device, not a file")
    if group is not None:
        yield group
    if damage is not None:
        yield _Group("end of shard", error=damage)


def _extension(member: tarfile.TarInfo) -> str:
    match = _NAME.fullmatch(member.name)
    return match[2] if match else ""


def _kind(extension: str) -> str:
    """The last part of an extension: `seg.PNG` is a `png`."""
    return extension.rpartition(".")[2].lower()


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


def _unread(tar: tarfile.TarFile) -> RowError | None:
    """Whether bytes follow the last header: tarfile takes a damaged header for the end of the archive."""
    assert tar.fileobj is not None
    tar.fileobj.seek(tar.offset)
    if tar.fileobj.read(tarfile.BLOCKSIZE).strip(b"\0"):
        return RowError(f"the shard cannot be read beyond byte {tar.offset:,}", "unreadable-shard")
    return None


def _refuse_several_texts(key: str, members: dict[str, bytes]) -> None:
    """Raise RowError if the members look like several rows of one key, or hold media that is not read."""
    other = next((extension for extension in members if _kind(extension) in _OTHER_MEDIA), None)
    if other is not None:
        raise RowError(
            f"the member '{key}.{other}' is media that is not read, expected images of the kinds "
            f"{', '.join(sorted(IMAGE_SUFFIXES))}",
            "unsupported-media",
        )
    for kinds in (_TEXTS, ("json",)):
        texts = [extension for extension in members if _kind(extension) in kinds]
        if len({members[extension] for extension in texts}) > 1 and (
            kinds == _TEXTS or _turned(members, texts)
        ):
            raise _same_key(key, texts, "texts")
        stem = texts[0].rpartition(".")[0] if len(texts) == 1 else ""
        images = [extension for extension in members if _kind(extension) in IMAGE_SUFFIXES]
        stems = {extension.rpartition(".")[0] for extension in images}
        if stem and stem in stems and len(stems) > 1:
            raise _same_key(
                key, images, f"images, and only '{key}.{texts[0]}' says something about one of them"
            )


def _turned(members: dict[str, bytes], extensions: list[str]) -> bool:
    """Whether more than one JSON member holds turns."""
    found = 0
    for extension in extensions:
        with suppress(ValueError, RecursionError):
            found += has_shape(json.loads(members[extension]))
    return found > 1


def _same_key(key: str, extensions: list[str], what: str) -> RowError:
    names = ", ".join(f"'{key}.{extension}'" for extension in extensions[:4])
    more = f" and {len(extensions) - 4} more" if len(extensions) > 4 else ""
    return RowError(
        f"the members {names}{more} are {what} of one key, since WebDataset's key '{key}' ends at the first "
        "dot: rename them without a dot before the extension, or give the key one text",
        "unread-image",
    )


def _description(members: dict[str, bytes]) -> dict[str, Any]:
    """The record that a group's text members make: its JSON object, and the caption beside it."""
    described: dict[str, Any] = {}
    for extension, data in members.items():
        if _kind(extension) == "json":
            try:
                value = json.loads(data)
            except (ValueError, RecursionError) as error:
                raise RowError(f"the member .{extension} is not valid JSON ({error})") from None
            if not isinstance(value, dict):
                raise RowError(f"the member .{extension} holds no object")
            described = {**described, **value}
    for extension, data in members.items():
        if _kind(extension) in _TEXTS and "caption" not in described:
            try:
                described["caption"] = data.decode("utf-8-sig")
            except UnicodeDecodeError:
                raise RowError(f"the member .{extension} is not valid UTF-8") from None
    return described


def _ordered(described: dict[str, Any], images: list[RawImage]) -> list[RawImage]:
    """The image members as the JSON member orders them; in the shard's order if it names none."""
    named = [Path(image.name).name for image in field_images(described).images]
    if not named:
        return images
    by_name = {Path(image.name).name: image for image in images}
    if len(named) != len(images):
        raise RowError(
            f"the row names {len(named)} images and has {len(images)} image members",
            "missing-image" if len(named) > len(images) else "malformed-row",
        )
    return [by_name[name] for name in named] if set(named) == set(by_name) else images
