"""Names of data that lies elsewhere: hub ids, `hf://`, and the addresses of fsspec such as `s3://`.

A path that exists is always that path. What else looks like `OWNER/NAME` is a dataset of Hugging Face's hub.
"""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from finegold.errors import DataError
from finegold.extras import hub_address

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+):/+(?=[^/])")
_HUB_ID = re.compile(r"(?P<id>\w[\w.-]*/\w[\w.-]*)(?:@(?P<revision>[\w./-]+))?")
_HUB = re.compile(
    r"(?P<id>[^/@]+/[^/@]+)(?:@(?P<revision>refs(?:/|%2F)[\w-]+(?:/|%2F)[\w.-]+|[^/]+))?(?:/(?P<path>.*))?"
)
_PAGE = re.compile(
    r"datasets/(?P<id>[^/]+/[^/]+)(?:/(?:resolve|blob|tree|raw)/(?P<revision>[^/]+)(?:/(?P<path>.*))?)?"
)
_FILE = re.compile(r".*\.(json|jsonl|ndjson|parquet|tar|tsv|csv|toml|txt|arrow|zip|gz)", re.IGNORECASE)


@dataclass(frozen=True)
class RemoteAddress:
    """Where data lies.

    Attributes:
        scheme: `hf`, `s3`, `https`.
        url: The whole address as fsspec takes it, for the hub without the revision.
        repository: The hub id `OWNER/NAME`; empty elsewhere.
        revision: Branch, tag or commit of the hub; empty for the default branch, and elsewhere.
        path: File or folder inside the repository; empty for all of it, and elsewhere.
        guessed: Whether it was written as a bare `OWNER/NAME`, which may be a misspelt path.
    """

    scheme: str
    url: str
    repository: str = ""
    revision: str = ""
    path: str = ""
    guessed: bool = False

    @property
    def title(self) -> str:
        """The name of the file, folder or repository."""
        if self.repository:
            return PurePosixPath(self.path).name or self.repository.rpartition("/")[2]
        path = urlsplit(self.url).path if self.scheme in ("http", "https") else self.url
        return unquote(path.rstrip("/").rpartition("/")[2]) or urlsplit(self.url).netloc or "data"

    def at(self, commit: str) -> str:
        """The address with a commit of the hub in place of the revision."""
        path = f"/{self.path}" if self.path else ""
        return f"hf://datasets/{self.repository}@{commit}{path}"


def read_address(data: str | Path) -> RemoteAddress | None:
    """The address that a text is; None if it is a path.

    `Path("s3://bucket/a")` has lost one slash, which is put back.

    Raises:
        DataError: If it is an address of the hub that names no dataset.
    """
    text = str(data)
    if _exists(text):
        return None
    if match := _SCHEME.match(text):
        scheme, rest = match[1].lower(), text[match.end() :]
        if scheme == "file":
            return None
        if scheme == "hf":
            return _hub_address(rest, text)
        if scheme in ("http", "https") and (page := _hub_page(scheme, rest)):
            return page
        if re.match(r"[^/@]*:[^/@]*@", rest):
            raise DataError(
                f"the {scheme}:// address names a password, which would be written to run folders and logs: "
                "give it in the settings of fsspec or of its package, and leave it out of the address"
            )
        return RemoteAddress(scheme, f"{scheme}://{rest}")
    if (found := _HUB_ID.fullmatch(text)) and not _FILE.fullmatch(found["id"]):
        return _hub(found["id"], found["revision"] or "", "", guessed=True)
    return None


def pattern_folder(place: str) -> str | None:
    """The folder that a pattern begins with; None of a place that is no pattern."""
    # `[::1]` is the host of a web address.
    found = re.match(r"((?:https?://[^/]*+)?+[^*\[]*)[*\[]", place)
    return None if found is None else found[1].rpartition("/")[0]


def _hub_address(rest: str, text: str) -> RemoteAddress:
    kind, _, name = rest.partition("/")
    found = _HUB.fullmatch(name.rstrip("/")) if kind == "datasets" else None
    if found is None or not _HUB_ID.fullmatch(found["id"]):
        raise DataError(f"'{text}' names no dataset of the hub, expected hf://datasets/OWNER/NAME")
    return _hub(found["id"], unquote(found["revision"] or ""), found["path"] or "")


def _hub_page(scheme: str, rest: str) -> RemoteAddress | None:
    """The dataset of a page of the hub, as a browser shows its address."""
    address = f"{scheme}://{rest.split('?')[0].split('#')[0]}"
    for hub in ("https://huggingface.co", hub_address()):
        if address.startswith(f"{hub}/datasets/"):
            found = _PAGE.fullmatch(address.removeprefix(f"{hub}/").rstrip("/"))
            if found:
                return _hub(found["id"], unquote(found["revision"] or ""), unquote(found["path"] or ""))
    return None


def _hub(repository: str, revision: str, path: str, *, guessed: bool = False) -> RemoteAddress:
    if ".." in PurePosixPath(path).parts:
        raise DataError(f"the path '{path}' leaves the dataset '{repository}', expected a path inside of it")
    url = f"hf://datasets/{repository}" + (f"/{path}" if path else "")
    return RemoteAddress("hf", url, repository, revision, path, guessed)


def _exists(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):
        return False


def is_safe_name(name: str) -> bool:
    """Whether a relative name stays in its folder on every system and holds no control character."""
    parts = name.split("/")
    return (
        not any(part in ("", ".", "..") or len(part.encode("utf-8", "replace")) > 255 for part in parts)
        and name.isprintable()
        and "\\" not in name
        and not re.match(r"[a-zA-Z]:", name)
    )
