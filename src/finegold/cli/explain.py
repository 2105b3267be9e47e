"""Errors of the computer that are no defect, each as one sentence: a full disk, a read-only folder..."""

import errno
import os
import sqlite3
from pathlib import Path

ADVICE = {
    errno.ENOSPC: "make room, then run the same command again, which goes on where it stopped",
    errno.EDQUOT: "make room, then run the same command again, which goes on where it stopped",
    errno.EFBIG: "raise the limit of file sizes (`ulimit -f`), then run the same command again",
    errno.EROFS: "name a folder that can be written",
    errno.EACCES: "name another file or folder, or change who may use this one",
    errno.EPERM: "name another file or folder, or change who may use this one",
    errno.ENAMETOOLONG: "give it a shorter name",
    errno.ENOENT: "check the path, and that nothing removes files meanwhile",
    errno.ENOTDIR: "a file stands where a folder is needed, so name another folder",
    errno.EISDIR: "name a file in place of this folder",
    errno.EEXIST: "a file stands where a folder is needed, so name another folder",
    errno.ENOTEMPTY: "name another folder, and let no other program write there meanwhile",
    errno.ELOOP: "remove the link that leads to itself",
    errno.EMFILE: "raise the limit of open files (`ulimit -n`)",
    errno.ENFILE: "close other programs that hold many files open",
    errno.EIO: "check the disk or the network, then run the same command again",
    errno.ESTALE: "check the network, then run the same command again",
    errno.ENODEV: "check the path",
    errno.EINVAL: "check the path and the file system",
    errno.EXDEV: "name a folder on the same file system",
    errno.ENOMEM: "close other programs, or give fewer --workers",
    errno.EAGAIN: "close other programs, then run the same command again",
}
"""What to do about an error of the system."""
_BY_TEXT = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""Errors that other libraries pass on as text."""


def explain(error: BaseException) -> str | None:
    """The sentence about an error that comes from the computer and not from finegold; None for others."""
    for one in _chain(error):
        if isinstance(one, OSError) and not isinstance(one, ImportError):
            return _system(one)
        if isinstance(one, sqlite3.Error):
            return f"a database cannot be used ({one}): make room on the disk, or name another --cache"
        if isinstance(one, MemoryError):
            return "the memory ran out: give fewer --workers or a smaller --batch-size"
    for number in _BY_TEXT:
        if os.strerror(number) in str(error):
            return f"a file cannot be written ({os.strerror(number)}): {ADVICE[number]}"
    return None


def _chain(error: BaseException) -> list[BaseException]:
    """The error and what caused it, if that is why it was raised."""
    found = [error]
    while found[-1].__cause__ is not None and len(found) < 8:
        found.append(found[-1].__cause__)
    return found


def _system(error: OSError) -> str:
    number = error.errno or next((one for one in _BY_TEXT if os.strerror(one) in str(error)), 0)
    places = [_place(one) for one in (error.filename, error.filename2) if one is not None]
    place = " to ".join(dict.fromkeys(places)) or "a file"
    why = os.strerror(number) if number else str(error) or type(error).__name__
    return f"{place} cannot be read or written ({why}): {ADVICE.get(number, 'check the path and the disk')}"


def _place(name: object) -> str:
    if isinstance(name, int):
        return f"the open file {name}"
    text = os.fsdecode(name) if isinstance(name, bytes) else str(name)
    path = Path(text)
    # The temporary name of a file means nothing to a reader.
    return str(path.parent) if path.name.startswith(".") and path.name.endswith(".tmp") else text
