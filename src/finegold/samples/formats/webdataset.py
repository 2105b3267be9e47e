"""WebDataset: tar shards whose members are grouped by key, the name up to the first dot.

Neighbouring members of one key are one row: images, and what is said about them in a `.json` member (any
shape that `records` lists) or a caption in a `.txt` or `.caption` member. Other members are carried along.
Names with dots (`photo.0.jpg`, `photo.0.txt`, `photo.1.jpg`, ...) share the key `photo`; a row of which only
one of several texts could be read is excluded, and the members are named.
Nothing is unpacked, so names in a shard cannot write anywhere; links in a shard are not followed.
"""

import re
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain, groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO

from finegold.errors import DataError
from finegold.samples.dataset import FORMATS, DataFiles, Dataset
from finegold.samples.exclusions import RowError
from finegold.samples.image_fields import MEDIA_SUFFIXES, RawImage, field_images
from finegold.samples.images import IMAGE_SUFFIXES
from finegold.samples.json_text import decode_text
from finegold.samples.records import Parsed, parse_record
from finegold.samples.roots import ImageRoot
from finegold.samples.shapes import has_shape
from finegold.samples.tar import MAX_MEMBER, read_headers, read_member
from finegold.samples.values import check_text

_IMAGES = frozenset(suffix[1:] for suffix in IMAGE_SUFFIXES)
_TEXTS = ("txt", "caption")
_OTHER_MEDIA = frozenset(suffix[1:] for suffix in MEDIA_SUFFIXES) - _IMAGES
MAX_MEMBERS = 1_000
"""Members of one row."""
_NAME = re.compile(r"((?:.*/)?[^./][^./]*)\.([^/]+)", re.DOTALL)


@dataclass
class _Group:
    """The members of one key, and why they are no row."""

    key: str
    members: list[tarfile.TarInfo] = field(default_factory=list)
    error: RowError | None = None
    extensions: set[str] = field(default_factory=set)
    size: int = 0

    @property
    def has_image(self) -> bool:
        """Whether a member is an image."""
        return any(_kind(extension) in _IMAGES for extension in self.extensions)

    def add(self, member: tarfile.TarInfo, extension: str | None) -> None:
        """Add a member, or note why the group is no row; what goes beyond the limits is not kept."""
        self.size += member.size
        if extension is None:
            self.error = RowError(f"the member '{member.name}' is not named KEY.EXTENSION")
        elif not member.isreg():
            self.error = RowError(f"the member '{member.name}' is a link or device, not a file")
        elif len(self.members) == MAX_MEMBERS:
            self.error = RowError(f"the row has more than {MAX_MEMBERS:,} members")
        elif self.size > MAX_MEMBER:
            self.error = RowError(f"the row has more than {MAX_MEMBER:,} bytes", "large-image")
        if len(self.members) < MAX_MEMBERS:
            self.members.append(member)
        self.extensions.add(extension or "")


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
        a record that is excluded as `unreadable-shard`, after which the next member or shard is read.
        """
        for shard, file, group in islice(self._groups(), start, None):
            name = group.members[0].name if group.members else group.key
            members: dict[str, bytes] | RowError
            try:
                members = group.error or {
                    _extension(member): read_member(file, member) for member in group.members
                }
            except RowError as error:
                members = error
            record = {"__key__": group.key, "members": members}
            yield f"{self.source.files[shard].name} member {name}", record

    def _groups(self) -> Iterator[tuple[int, BinaryIO, _Group]]:
        for number, shard in enumerate(self.source.files):
            whole, damaged = False, False
            try:
                with shard.open("rb") as file:
                    for group in _groups(shard, file):
                        whole, damaged = whole or bool(group.members), damaged or not group.members
                        yield number, file, group
            except OSError as error:
                raise DataError(f"{shard} cannot be read ({error}): check that it was fully copied") from None
            if damaged and not whole:
                raise DataError(f"{shard} is not a tar file: check that it was fully copied")

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
            if _kind(extension) in _IMAGES
        ]
        described = _description(members)
        named = None
        if self.source.columns is not None:
            named = self.source.columns.image_names(self.fields(record))
        ordered = _ordered(described, images) if named is None else _named(images, named)
        parsed = parse_record(described, self.source.instruction, ordered, self.source.columns)
        if any(image.data is None for image in parsed.images):
            raise RowError("the row names an image that is not among its members", "missing-image")
        return replace(parsed, id=parsed.id or key)

    def own_id(self, record: Any) -> str | None:
        """The key of the members."""
        return str(record["__key__"])

    def fields(self, record: Any) -> Any:
        """The fields of the JSON members, and by its extension the name of each image among the members.

        None if the members cannot be read.
        """
        members = record["members"]
        try:
            if isinstance(members, RowError):
                return {}
            images = {one: f"{record['__key__']}.{one}" for one in members if _kind(one) in _IMAGES}
            return images | _description(members)
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
                for _, file, group in groups:
                    _copy(file, group, sink)
                    written += 1
        return out if len(targets) > 1 else targets[0], written


def _groups(shard: Path, file: BinaryIO) -> Iterator[_Group]:
    """The groups of one shard; damage is one too.

    Beside damage, what is left of a row must not pass for a row without an image: before it, such a row has
    the damage as its reason; behind it, such a row is the damage.
    """
    group: _Group | None = None
    damage: RowError | None = None
    for member in chain(read_headers(shard, file), [None]):
        if isinstance(member, tarfile.TarInfo):
            if member.isdir():
                continue
            name = _NAME.fullmatch(member.name)
            key = name[1] if name else member.name
            if group is not None and key == group.key and (not name or name[2] not in group.extensions):
                group.add(member, name[2] if name else None)
                continue
        if group is not None:
            if group.has_image or (damage is None and not isinstance(member, RowError)):
                if damage is not None:
                    yield _Group("damage", error=damage)
                yield group
            else:
                damage = damage or (member if isinstance(member, RowError) else None)
                yield _Group(group.key, error=damage)
                member = None if member is damage else member
            group = damage = None
        if isinstance(member, RowError):
            damage = member
        elif member is not None:
            group = _Group(key)
            group.add(member, name[2] if name else None)
    if damage is not None:
        yield _Group("end of shard", error=damage)


def _extension(member: tarfile.TarInfo) -> str:
    match = _NAME.fullmatch(member.name)
    return match[2] if match else ""


def _kind(extension: str) -> str:
    """The last part of an extension: `seg.PNG` is a `png`."""
    return extension.rpartition(".")[2].lower()


def _copy(file: BinaryIO, group: _Group, sink: tarfile.TarFile) -> None:
    for member in group.members:
        file.seek(member.offset_data)
        sink.addfile(member, file if member.isreg() else None)
        # tarfile remembers every header, which would grow with the number of images.
        vars(sink)["members"] = []


def _refuse_several_texts(key: str, members: dict[str, bytes]) -> None:
    """Raise RowError if the members look like several rows of one key, or hold media that is not read."""
    other = next((extension for extension in members if _kind(extension) in _OTHER_MEDIA), None)
    if other is not None:
        raise RowError(
            f"the member '{key}.{other}' is media that is not read, expected images of the kinds "
            f"{', '.join(sorted(_IMAGES))}",
            "unsupported-media",
        )
    for kinds in (_TEXTS, ("json",)):
        texts = [extension for extension in members if _kind(extension) in kinds]
        if len({members[extension] for extension in texts}) > 1 and (
            kinds == _TEXTS or _turned(members, texts)
        ):
            raise _same_key(key, texts, "texts")
        stem = texts[0].rpartition(".")[0] if len(texts) == 1 else ""
        images = [extension for extension in members if _kind(extension) in _IMAGES]
        stems = {extension.rpartition(".")[0] for extension in images}
        if stem and stem in stems and len(stems) > 1:
            raise _same_key(
                key, images, f"images, and only '{key}.{texts[0]}' says something about one of them"
            )


def _turned(members: dict[str, bytes], extensions: list[str]) -> bool:
    """Whether more than one JSON member holds turns."""
    found = 0
    for extension in extensions:
        with suppress(ValueError):
            found += has_shape(decode_text(members[extension]))
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
                value = decode_text(data, f"the member .{extension}")
            except ValueError as error:
                raise RowError(str(error)) from None
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


def _named(images: list[RawImage], names: list[str]) -> list[RawImage]:
    """The image members of the names that a mapped field holds; raises RowError if one is not there."""
    by_name = {Path(image.name).name: image for image in images}
    if by_name and not names:
        raise RowError(
            f"the row has the image {next(iter(by_name))!r}, and nothing in the field that --columns names "
            "for 'image'",
            "unread-image",
        )
    missing = [name for name in names if Path(name).name not in by_name]
    if missing:
        raise RowError(f"the row names the image {missing[0]!r}, which is no member", "missing-image")
    return [by_name[Path(name).name] for name in names]


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
