"""A small HTTP server for the tests of fetching, with the habits of good and of bad ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar


class Server:
    """Serves ``content`` under every path. ``ranges``: honours Range; ``breaks_after``: bytes of an answer
    after which the connection ends, once per entry; ``status``: answered instead of 200; ``slow``: seconds
    before the second half. ``asked`` holds the Range header of each request.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.ranges = True
        self.breaks_after: list[int] = []
        self.status = 200
        self.slow = 0.0
        self.shifted = False  # answers a range with another one
        self.location = ""  # redirects there
        self.asked: list[str | None] = []
        self.address = ""


@contextmanager
def serving(content: bytes) -> Iterator[Server]:
    """A server on a free port of this machine for the length of the block."""
    server = Server(content)

    class Handler(_Handler):
        habits = server

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        server.address = f"http://127.0.0.1:{listening.server_address[1]}"
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    habits: ClassVar[Server]

    def log_message(self, format: str, *arguments: object) -> None:
        """Silent."""

    def do_GET(self) -> None:
        server = self.habits
        asked = self.headers.get("Range")
        server.asked.append(asked)
        if server.location:
            self.send_response(302)
            self.send_header("Location", server.location)
            self.end_headers()
            return
        if server.status != 200:
            self.send_error(server.status)
            return
        content = server.content
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and server.ranges else 0
        if start and start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if start and server.shifted:
            start -= 1
        self.send_response(206 if asked and server.ranges else 200)
        if asked and server.ranges:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        body = content[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.breaks_after:
            self.wfile.write(body[: server.breaks_after.pop(0)])
            self.close_connection = True
            return
        self.wfile.write(body[: len(body) // 2])
        self.wfile.flush()
        time.sleep(server.slow)
        self.wfile.write(body[len(body) // 2 :])
