"""Servers of the tests, on loopback, each on a port of its own."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def answering(
    handler: type[BaseHTTPRequestHandler], end: Callable[[], object] | None = None
) -> Iterator[str]:
    """Answer requests in the block; gives the address.

    Args:
        handler: Answers them, each in a thread.
        end: Is called first when the block ends, such as to release answers that wait.
    """
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}"
    finally:
        if end is not None:
            end()
        http.shutdown()
        http.server_close()
        thread.join()
