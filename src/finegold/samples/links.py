"""Symbolic links in a dataset: they are followed inside its own folders only, since data is not trusted.

A dataset in Hugging Face's hub cache consists of links: `datasets--OWNER--NAME/snapshots/REVISION/a.jpg`
leads to a file in `datasets--OWNER--NAME/blobs`, which is part of the dataset. `--allow-links` names a
further folder.
"""

# os.path costs a tenth of pathlib, and this runs once an image.
# ruff: noqa: PTH118
import os
import re
from pathlib import Path

_HUB_CACHE = re.compile(r"(?P<repository>.*/(?:datasets|models|spaces)--[^/]+)/snapshots/[^/]+(?:/.*)?")


def is_inside(path: str, folder: str) -> bool:
    """Whether a normalised path is a folder or lies below it."""
    return path == folder or path.startswith(folder if folder.endswith(os.sep) else folder + os.sep)


def allowed_targets(folder: Path, allowed: Path | None = None) -> tuple[str, ...]:
    """The folders, without links, into which links in a folder may lead: its own hub cache, and `allowed`."""
    found = [] if allowed is None else [os.path.realpath(allowed)]
    if cache := _HUB_CACHE.fullmatch(os.path.realpath(folder)):
        blobs = os.path.join(cache["repository"], "blobs")
        found += [blobs] if os.path.realpath(blobs) == blobs else []
    return (os.path.realpath(folder), *found)


def leaving_link(path: str, targets: tuple[str, ...]) -> str | None:
    """The link through which a path leaves the folders of `allowed_targets`; None if it stays inside.

    A path that leaves them without a link is its own answer.
    """
    real = os.path.realpath(path)
    if any(is_inside(real, target) for target in targets):
        return None
    for link in (*reversed(Path(path).parents), Path(path)):
        if link.is_symlink() and not any(is_inside(os.path.realpath(link), one) for one in targets):
            return str(link)
    return path


def link_words(link: str) -> str:
    """What is wrong with a link that leaves the dataset, and what to do, as a clause for a message."""
    target = Path(os.path.realpath(link))
    folder = target if target.is_dir() else target.parent
    return (
        f"the link {link} leads out of the dataset to {target}: --allow-links {folder} follows it, for data "
        "that you trust"
    )
