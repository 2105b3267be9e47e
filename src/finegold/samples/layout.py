"""The data files of a folder or pattern: one dataset, and of that one split.

In a folder the data files lie side by side. In a repository fetched from Hugging Face's hub they lie in
`data` or in other folders, and the front matter of README.md may say which files make which configuration and
split.
The names of files and folders tell the splits, as for `datasets` (`train-00000-of-00002.parquet`,
`test.jsonl`, `validation/0.parquet`). Files of several splits are never read as one dataset.
"""

import glob
import os
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from finegold.errors import DataError
from finegold.samples.links import allowed_targets, leaving_link, link_words

if TYPE_CHECKING:
    from finegold.samples.dataset import Dataset

NOT_DATA = frozenset(
    {"selection.json", "selection.parquet", "report.html", "manifest.json"}
    | {"dataset_infos.json", "dataset_info.json"}
)
"""Files of a run or of a subset's folder that are no dataset."""
_SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}
_SPLIT = re.compile(rf"(?:^|[-._ /\d])({'|'.join(sorted(_SPLITS, key=len, reverse=True))})(?=$|[-._ /\d])")
NO_SPLIT = "files of no split"
_SHARD = re.compile(r"(.+)-\d{4,}-of-\d{4,}")
_DEPTH = 3
_SHOWN = 6


def find_files(
    path: Path,
    formats: Sequence[type["Dataset"]],
    allow_links: Path | None = None,
    split: str | None = None,
) -> list[Path]:
    """The data files that `path` means, in reading order, or the one folder that a format finds a dataset in.

    Args:
        path: A file, a folder or a pattern.
        formats: The formats that it may have.
        allow_links: A folder outside into which links may lead.
        split: The split, the configuration, or `CONFIGURATION/SPLIT` to read; None if there is only one.

    Raises:
        DataError: If there is none, there is more than one dataset or split, or a file is a link out of its
            folder.
    """
    if path.is_dir():
        if split is not None and (path / "dataset_dict.json").is_file():
            if split not in (names := sorted(child.name for child in path.iterdir() if child.is_dir())):
                raise _no_split(path, split, names)
            path, split = path / split, None
        for one in formats:
            if found := one.find(path):
                return found
        groups = _folder_groups(path, formats)
    elif path.exists():
        if split is not None:
            raise DataError(f"{path} is one file, so there is no split '{split}' in it: omit --split")
        return [path]
    elif glob.has_magic(str(path)):
        names = glob.glob(str(path), recursive=True)  # noqa: PTH207 - the pattern may be absolute
        groups = _by_split([Path(name) for name in names if os.path.isfile(name)], None)  # noqa: PTH113
    else:
        raise DataError(f"there is nothing at {path}, expected a dataset file, folder or pattern")
    if not groups:
        suffixes = ", ".join(sorted({suffix for one in formats for suffix in one.suffixes}))
        raise DataError(
            f"{path} holds no dataset, expected a file that ends in one of {suffixes}, or a saved Hugging "
            "Face dataset: name the file or folder that holds it"
        )
    if split is not None:
        groups = _of_split(path, groups, split)
    if len(groups) > 1:
        everything = [file for files in groups.values() for file in files]
        ways = sorted(_way(files, everything) for files in groups.values())
        more = f" and {len(ways) - _SHOWN} more" if len(ways) > _SHOWN else ""
        raise DataError(
            f"{path} holds several splits or configurations ({', '.join(groups)}), expected one: choose it "
            f"with --split, or name one of {', '.join(ways[:_SHOWN])}{more}"
        )
    (files,) = groups.values()
    for file in files:
        base = path.absolute() if path.is_dir() else file.absolute().parent
        if (link := leaving_link(str(file.absolute()), allowed_targets(base, allow_links))) is not None:
            raise DataError(f"{file} is not read: {link_words(link)}")
    if len(files) > 1 and not any(one.is_one_dataset(files) for one in formats):
        names = [file.name for file in files[:5]] + (["more"] if len(files) > 5 else [])
        raise DataError(
            f"{path} holds {len(files)} data files ({', '.join(names)}), expected one dataset: name the file"
        )
    return files


def _of_split(path: Path, groups: dict[str, list[Path]], split: str) -> dict[str, list[Path]]:
    """The groups of a split: the one of that name, else those whose configuration or split has it.

    `dev` and `val` are names of `validation`, and files of no split are `train`, as for `datasets`. If files
    of both names are there, each name means its own.
    """
    if split in groups:
        return {split: groups[split]}
    configuration, slash, last = split.rpartition("/")
    word = last.lower()
    wanted = {split, configuration + slash + _SPLITS.get(word, last)}
    found: dict[str, list[Path]] = {}
    for name, files in groups.items():
        outer, inner_slash, inner = name.rpartition("/")
        unsplit = {f"{outer}{inner_slash}train", "train"} if inner == NO_SPLIT else set()
        if wanted & {name, outer, inner, *unsplit}:
            found[name] = [file for file in files if word in _split_words(file, path)] or files
    if not found:
        raise _no_split(path, split, list(groups))
    return found


def _split_words(file: Path, folder: Path) -> list[str]:
    """The words of splits in the name of a file and of its folders below `folder`."""
    inside = file.relative_to(folder) if file.is_relative_to(folder) else file
    return _SPLIT.findall(inside.with_suffix("").as_posix().lower())


def _no_split(path: Path, split: str, names: Sequence[str]) -> DataError:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    names = [name.replace(NO_SPLIT, "train") for name in names]
    return DataError(
        f"{path} has no split or configuration '{split}', expected one of {', '.join(names[:_SHOWN])}{more}"
    )


def _folder_groups(folder: Path, formats: Sequence[type["Dataset"]]) -> dict[str, list[Path]]:
    """The data files of a folder by split: those that README.md names, or lie in it, or lie below it."""
    if stated := _stated_groups(folder):
        return stated
    suffixes = {suffix for one in formats for suffix in one.suffixes}
    there = [file for file in folder.iterdir() if file.name not in NOT_DATA and file.name[0] != "."]
    beside = [file for file in there if file.suffix.lower() in suffixes and file.is_file()]
    if beside:
        return _by_split(beside, folder)
    shards = {suffix for one in formats if one.sharded for suffix in one.suffixes}
    below: list[Path] = []
    for where, folders, names in os.walk(folder):
        depth = len(Path(where).relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if name[0] != ".") if depth < _DEPTH else []
        wanted = suffixes if Path(where) == folder / "data" else shards
        below += [
            Path(where, name)
            for name in names
            if (Path(name).suffix.lower() in wanted or _is_split_lines(name)) and name[0] != "."
        ]
    return _by_split(below, folder)


def _is_split_lines(name: str) -> bool:
    """Whether a file is JSON lines and named for a split: other JSON in folders may be anything."""
    stem, _, ending = name.lower().rpartition(".")
    return ending in ("jsonl", "ndjson") and _SPLIT.search(stem) is not None


def _by_split(files: list[Path], folder: Path | None) -> dict[str, list[Path]]:
    """Files by their split and, below a folder, their configuration."""
    groups: dict[str, list[Path]] = {}
    for file in sorted(files):
        parts = [] if folder is None else list(file.relative_to(folder).parent.parts)
        split = _split_of(file, parts)
        names = [part for part in parts if part != "data" and _SPLITS.get(part.lower()) is None]
        groups.setdefault("/".join([*names, split]), []).append(file)
    return groups


def _split_of(file: Path, parts: list[str]) -> str:
    shard = _SHARD.fullmatch(file.stem)
    name = (shard[1] if shard else file.stem).lower()
    for text in (name, "/".join(parts).lower()):
        if found := _SPLIT.findall(text):
            # `train_sft` and `train` are two splits; `train-7` and `train-8` are shards of one.
            return name if shard and text == name else _SPLITS[found[-1]]
    return name if shard else NO_SPLIT


def _way(files: list[Path], everything: list[Path]) -> str:
    """What the user may name to get these files alone: a file, a folder or a pattern."""
    if len(files) == 1:
        return str(files[0])
    folder = files[0].parent
    if all(file.parent == folder for file in files):
        prefix = os.path.commonprefix([file.name for file in files])  # noqa: RUF071 - characters are meant
        for name, way in (("*", folder), (pattern := f"{prefix}*{files[0].suffix}", folder / pattern)):
            match = [file for file in everything if file.parent == folder and fnmatchcase(file.name, name)]
            if sorted(match) == sorted(files):
                return str(way)
    return f"{files[0]} and {len(files) - 1} more"


def _stated_groups(folder: Path) -> dict[str, list[Path]]:
    """The files that the front matter of README.md names, by configuration and split."""
    try:
        text = (folder / "README.md").read_text("utf-8", "replace")[: 1 << 20]
    except OSError:
        return {}
    lines = text.splitlines()
    if not lines or lines[0].strip() != "---" or "---" not in map(str.strip, lines[1:]):
        return {}
    groups: dict[str, list[Path]] = {}
    for (config, split), patterns in _stated_patterns(lines[1:]).items():
        files: list[Path] = []
        for pattern in patterns:
            if not pattern.startswith(("/", "hf:", "http")) and ".." not in Path(pattern).parts:
                # The text is not trusted: `glob` and `os.path` find nothing where pathlib raises.
                inside = os.path.isdir(folder / pattern)  # noqa: PTH112
                names = glob.glob(f"{pattern}/*" if inside else pattern, root_dir=folder, recursive=True)  # noqa: PTH207
                files += [folder / name for name in names if os.path.isfile(folder / name)]  # noqa: PTH113
        if files:
            groups[split if config == "default" else f"{config}/{split}"] = sorted(dict.fromkeys(files))
    return groups


def _stated_patterns(lines: list[str]) -> dict[tuple[str, str], list[str]]:
    """The patterns of `configs`, read line by line: the few forms of YAML that the hub writes."""
    found: dict[tuple[str, str], list[str]] = {}
    config, split, inside, listing = "default", "train", False, False
    for line in lines:
        if line.strip() == "---":
            break
        if re.match(r"\w", line):
            inside = line.startswith("configs:")
        match = re.match(r"\s*(?:-\s+)?(?:(config_name|split|path|data_files):)?\s*(.*?)\s*$", line)
        if not inside or match is None:
            continue
        key, value = match[1], match[2].strip("\"'")
        if key == "config_name":
            config, split = value, "train"
        elif key == "split":
            split = value
        elif key in ("path", "data_files"):
            listing = not value
            if value:
                found.setdefault((config, split), []).extend(_flow_list(value))
        elif listing and value and line.lstrip().startswith("- ") and ":" not in value:
            found.setdefault((config, split), []).append(value.removeprefix("- ").strip("\"'"))
    return found


def _flow_list(value: str) -> list[str]:
    items = value.strip("[]").split(",") if value[0] == "[" else [value]
    return [item for one in items if (item := one.strip(" \"'"))]
