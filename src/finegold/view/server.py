"""The server: a run's rows behind a guarded loopback port."""

import secrets
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from finegold.engines import Compute
from finegold.errors import ConfigError, RunError
from finegold.extras import require
from finegold.run import lock_beside, mirror_of
from finegold.view.browse import Browser
from finegold.view.conversations import AskedModels
from finegold.view.database import RowDatabase
from finegold.view.guard import TOKEN, Guard
from finegold.view.marks import MARKS, Marks
from finegold.view.pictures import Pictures
from finegold.view.places import Places
from finegold.workflow import Run
from finegold.workflow.rows import checked_rows

if TYPE_CHECKING:
    from uvicorn import Server

    from finegold.view.answers import Answers

HOST = "127.0.0.1"


class ViewServer:
    """A server that listens and does not answer yet.

    Attributes:
        address: What to open in the browser: it holds the token.
    """

    def __init__(self, server: "Server", listener: socket.socket, address: str) -> None:
        """Use `open_view`."""
        self.address = address
        self._server, self._listener = server, listener

    def serve(self) -> None:
        """Answer until `stop` is called, Ctrl-C is pressed, or the process is asked to end."""
        if threading.current_thread() is threading.main_thread():
            # So that the temporary folder goes in each case.
            for name in ("SIGTERM", "SIGHUP"):
                if number := getattr(signal, name, None):
                    signal.signal(number, _interrupt)
        try:
            self._server.run(sockets=[self._listener])
        except KeyboardInterrupt:
            return

    def stop(self) -> None:
        """Let `serve` return; from another thread."""
        self._server.should_exit = True


@contextmanager
def open_view(
    *folders: str | Path,
    port: int = 0,
    read_only: bool = False,
    token: str | None = None,
    models: AskedModels | None = None,
) -> Iterator[ViewServer]:
    """Read folders and listen on a loopback port during the block.

    Args:
        folders: A run folder, whose rows were checked by an earlier command; beside it, or without one,
            folders of studies and of judged answers.
        port: The port; 0 for a free one.
        read_only: Whether rows cannot be marked or chosen again. Any number of read-only views may be open.
        token: The secret of the address; None for a random one.
        models: The models that can be asked; they are closed behind the block.

    Raises:
        RunError: If there is no run folder, its rows were not checked or changed since, another view is open
            on it, or a table is damaged.
        DataError: If two folders are runs, or the results of one cannot be read.
        ConfigError: If the port cannot be listened on.
        MissingExtraError: If a package of the extra `view` is not installed.
    """
    for module in ("duckdb", "starlette", "uvicorn"):
        require(module, extra="view", why="`finegold view`")
    from uvicorn import Config, Server

    from finegold.view.application import make_application
    from finegold.view.results import Results, sort_folders

    asked = models or AskedModels()
    run, studies, judged = sort_folders(folders)
    results = Results(studies, judged)
    opened = nullcontext() if run is None else _opened(Run.open(run), asked, read_only=read_only)
    listener = _listen(port)
    try:
        with opened as answers:
            secret = token or secrets.token_urlsafe(24)
            number = listener.getsockname()[1]
            application = make_application(answers, results, asked)
            config = Config(
                Guard(application, secret, number),
                log_level="warning",
                access_log=False,
                server_header=False,
                lifespan="off",
                ws="none",
                timeout_graceful_shutdown=2,
            )
            server = Server(config)
            asked.stopped = lambda: server.should_exit
            yield ViewServer(server, listener, f"http://{HOST}:{number}/?{TOKEN}={secret}")
    finally:
        listener.close()
        asked.close()


@contextmanager
def _opened(run: Run, asked: AskedModels, *, read_only: bool) -> Iterator["Answers"]:
    """The rows of a run in a database, and its marks, which nobody else changes meanwhile."""
    from finegold.view.answers import Answers

    folder = run.folder.path
    lock: AbstractContextManager[None] = (
        nullcontext() if read_only else lock_beside(folder / MARKS, "look with --read-only")
    )
    mirror = None if read_only else mirror_of(folder)
    turn = nullcontext() if mirror is None else mirror.turn("look with --read-only", kind="marks", only=MARKS)
    with _writable(lock, folder), turn, tempfile.TemporaryDirectory(prefix="finegold-view-") as made:
        rows = checked_rows(run.folder, run.dataset, Compute())
        marks = Marks(folder / MARKS, read_only=read_only)
        pool = RowDatabase(rows, Path(made))
        try:
            places = Places(pool, Path(made))
            browser, pictures = Browser(pool, places), Pictures(pool)
            yield Answers(run, pool, browser, places, pictures, marks, asked.names, read_only=read_only)
        finally:
            pool.close()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port))
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"the port {port} cannot be listened on ({error}): give --port another, or leave it out"
        ) from None


@contextmanager
def _writable(lock: AbstractContextManager[None], folder: Path) -> Iterator[None]:
    try:
        lock.__enter__()
    except OSError as error:
        raise RunError(f"{folder} cannot be written ({error.strerror}): look with --read-only") from None
    try:
        yield
    finally:
        lock.__exit__(None, None, None)
