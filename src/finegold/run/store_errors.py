"""What a store or its library raises, as one sentence; and what is tried again before it is raised."""

import errno
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from finegold.errors import DataError, FinegoldError, MissingExtraError
from finegold.run.addresses import RemoteAddress

T = TypeVar("T")

TRIES = 5
"""How often a request is sent that a busy or unreachable store refuses."""
FIRST_WAIT = 0.5
"""Seconds before the second try, at most; each further wait is twice as long."""
_PACKAGES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
    "sftp": "paramiko",
    "ssh": "paramiko",
    "oci": "ocifs",
}


class MissingRemoteError(DataError):
    """There is nothing at an address."""


@contextmanager
def explained(address: RemoteAddress, name: str = "", *, sending: bool = False) -> Iterator[None]:
    """In the block, what a store or its library raises becomes one sentence."""
    try:
        yield
    except FinegoldError:
        raise
    except Exception as error:
        raise sentence(address, error, name, sending=sending) from None


def sentence(
    address: RemoteAddress, error: Exception, name: str = "", *, sending: bool = False
) -> FinegoldError:
    """What went wrong with a store, in the words of finegold."""
    what = f"'{name}' of '{address.url}'" if name else f"'{address.url}'"
    status = _status(error)
    kind = type(error).__name__
    if isinstance(error, ImportError):
        return no_protocol(address, error)
    if kind == "RevisionNotFoundError":
        return MissingRemoteError(
            f"the hub's dataset '{address.repository}' has no revision '{address.revision}', expected a "
            "branch, a tag or a commit"
        )
    if kind in ("GatedRepoError", "DisabledRepoError"):
        return DataError(
            f"the hub refuses access to the dataset '{address.repository}': accept its terms on its page and "
            "log in with `hf auth login`, or set HF_TOKEN"
        )
    if kind == "RepositoryNotFoundError" or (address.repository and status == 401):
        return MissingRemoteError(
            f"the hub has no dataset '{address.repository}' that you may read: check the name; for a private "
            "one log in with `hf auth login`, or set HF_TOKEN"
        )
    if "request time" in str(error):
        return DataError(f"the store of {what} has another time than this computer: set the clock")
    if status in (401, 403) or isinstance(error, PermissionError) or "Credentials" in kind:
        return DataError(
            f"access to {what} was refused: check your credentials for {address.scheme}:// and your rights"
        )
    cause = error.__cause__
    web = isinstance(cause, OSError) or type(cause).__module__.startswith("aiohttp")
    if isinstance(error, FileNotFoundError) and status is None and isinstance(cause, Exception) and web:
        # fsspec calls a server that does not answer a missing file.
        error, kind = cause, type(cause).__name__
    if (
        (isinstance(error, FileNotFoundError) and status in (None, 404))
        or status in (404, 410)
        or kind == "EntryNotFoundError"
    ):
        return MissingRemoteError(f"there is nothing at {what}: check the address")
    if status is not None:
        return DataError(f"the server of {what} answered with status {status}: try again later")
    reason = " ".join(str(error).split())[:200] or kind
    if sending:
        return DataError(f"{what} was not sent ({reason}): check the network, then send it again")
    return DataError(
        f"{what} cannot be read ({reason}): check the address and the network, then run the command again; a "
        "download goes on where it stopped"
    )


def persistently(ask: Callable[[], T]) -> T:
    """What a function returns; it is called again while the store is busy or cannot be reached.

    What is not there, and what is refused, is not asked again.
    """
    for attempt in range(TRIES - 1):
        try:
            return ask()
        except Exception as error:
            if not passes(error):
                raise
            time.sleep(FIRST_WAIT * 2**attempt * random.uniform(0.5, 1.0))
    return ask()


_BUSY = (errno.EBUSY, errno.EIO, errno.EREMOTEIO, errno.ETIMEDOUT, errno.ECONNRESET, errno.ECONNREFUSED)
_BUSY_STATUS = (408, 425, 429, 500, 502, 503, 504)


def passes(error: BaseException) -> bool:
    """Whether an error of a store may be over soon: it was busy, or the network was away."""
    if (status := _status(error)) is not None:
        return status in _BUSY_STATUS
    if isinstance(error, FinegoldError | FileNotFoundError | PermissionError | FileExistsError):
        return False
    if isinstance(error, TimeoutError | ConnectionError) or getattr(error, "errno", None) in _BUSY:
        return True
    # Of botocore and aiohttp, whose errors have no common class.
    return type(error).__name__.endswith(
        ("ConnectionError", "TimeoutError", "HTTPClientError", "PayloadError")
    )


def _status(error: BaseException | None) -> int | None:
    while error is not None:
        for one in (error, getattr(error, "response", None)):
            for key in ("status", "status_code"):
                if isinstance(found := getattr(one, key, None), int):
                    return found
        response = getattr(error, "response", None)
        if isinstance(response, dict):  # of botocore
            found = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            if isinstance(found, int):
                return found
        error = error.__cause__
    return None


def no_protocol(address: RemoteAddress, error: Exception) -> FinegoldError:
    """The sentence about a protocol that is unknown, or whose package is missing."""
    package = _PACKAGES.get(address.scheme) or ("aiohttp" if address.scheme in ("http", "https") else None)
    if package is not None:
        return MissingExtraError(
            f"{address.scheme}:// needs the package '{package}', which is not installed: "
            f"pip install 'finegold[remote]' {package}"
        )
    if "not known" in str(error):
        return DataError(
            f"'{address.url}' has the unknown protocol '{address.scheme}', expected one of fsspec such as "
            "hf, s3, gs or https"
        )
    return DataError(f"'{address.url}' cannot be opened ({' '.join(str(error).split())[:200]})")
