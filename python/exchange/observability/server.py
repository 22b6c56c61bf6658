"""A small HTTP server for what a process tells of itself: a few pages, over a socket file or TCP."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import AF_INET, AF_UNIX, SOCK_STREAM, socket
from socketserver import TCPServer
from types import TracebackType
from typing import Any, Final, Self

from exchange.errors import RpcStatus
from exchange.observability.trace_ids import TRACE_HEADER, trace_id_of

REQUEST_TIMEOUT_S: Final = 5
POLL_S: Final = 0.25  # how soon close() is heard
MAX_REQUESTS: Final = 16  # at a time; further ones are closed at once

OK: Final = 200
NOT_FOUND: Final = 404
NOT_ALLOWED: Final = 405
NOT_IMPLEMENTED: Final = 501
UNAVAILABLE: Final = 503


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked.

    Args:
        path: Without a query.
        accept: The header of that name.
        query: What follows the path's question mark, as it was sent.
    """

    path: str
    accept: str = ""
    query: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered.

    Args:
        status: Of HTTP.
        kind: The type of its content.
        text: Its content.
        headers: Further ones.
    """

    status: int
    kind: str
    text: str
    headers: tuple[tuple[str, str], ...] = ()


def refused(status: int, code: RpcStatus, why: str) -> Answer:
    """An error, as all pages answer it."""
    body = {"code": int(code), "name": code.name, "message": why, "transient": code.transient}
    return Answer(status, "application/json", json.dumps(body) + "\n")


def not_allowed() -> Answer:
    """405: a page is read, and nothing else."""
    answer = refused(NOT_ALLOWED, RpcStatus.UNIMPLEMENTED, "expected GET or HEAD")
    return replace(answer, headers=(("Allow", "GET, HEAD"),))


Pages = Callable[[Request], Answer]
"""Answers a request, in a thread of the server; it raises nothing."""


class PageServer:
    """Answers GET and HEAD from a thread of its own.

    Args:
        pages: What it answers.
        address: Host and port, the port 0 for any; or the path of a socket of this machine, which replaces
            one that is there.

    Raises:
        OSError: The address cannot be had.
    """

    def __init__(self, pages: Pages, address: tuple[str, int] | Path) -> None:
        self._address = address
        self._server = _Server(address, pages)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(POLL_S,), name="metrics", daemon=True
        )

    @property
    def port(self) -> int:
        """Where it listens, over TCP."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """From now on it answers."""
        self._thread.start()

    def close(self) -> None:
        """Stops answering and lets socket and thread go."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        if isinstance(self._address, Path):
            self._address.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int] | Path, pages: Pages) -> None:
        self.pages = pages
        self._free = threading.BoundedSemaphore(MAX_REQUESTS)
        self.address_family = AF_UNIX if isinstance(address, Path) else AF_INET
        if isinstance(address, Path):
            address.unlink(missing_ok=True)
        super().__init__(str(address) if isinstance(address, Path) else address, _Handler)  # type: ignore[arg-type]

    def server_bind(self) -> None:
        """Binds without asking for the name of the host, which a socket of the machine has not."""
        self.allow_reuse_address = self.address_family == AF_INET
        TCPServer.server_bind(self)

    def process_request(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        """A client that went away is nobody's error."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = REQUEST_TIMEOUT_S
    server_version = "exchange"
    sys_version = ""

    def end_headers(self) -> None:
        """Every answer, an error too, names its trace: the one that was asked with, or a new one."""
        headers = getattr(self, "headers", None)  # none where the request could not be read
        self.send_header(TRACE_HEADER, trace_id_of(None if headers is None else headers.get(TRACE_HEADER)))
        super().end_headers()

    def do_GET(self) -> None:
        """Answers one request; the connection is closed after it."""
        path, _, query = self.path.partition("?")
        self._write(self.server.pages(Request(path, self.headers.get("Accept", ""), query)))

    do_HEAD = do_GET  # noqa: N815  (the name is http.server's)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What http.server refuses by itself: a method that there is not here, or what is no request."""
        why = message or explain or "the request cannot be read"
        known = code != NOT_IMPLEMENTED
        self.close_connection = True
        self._write(refused(code, RpcStatus.INVALID_ARGUMENT, why) if known else not_allowed())

    def _write(self, answer: Answer) -> None:
        body = answer.text.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        for name, value in answer.headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Scrapes ten times a second are no news."""


class _UnixConnection(HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket(AF_UNIX, SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def ask(path: Path, page: str, accept: str = "", timeout_s: float = 2.0) -> Answer | None:
    """Asks the server on a socket of this machine; None where nobody answers in time.

    Args:
        path: Of the socket.
        page: As in `/metrics`.
        accept: What it is asked for.
        timeout_s: Of each step of the connection.
    """
    connection = _UnixConnection(str(path), timeout_s)
    with contextlib.closing(connection):
        try:
            connection.request("GET", page, headers={"Accept": accept})
            answer = connection.getresponse()
            kind = answer.getheader("Content-Type", "")
            return Answer(answer.status, kind, answer.read().decode())
        except (OSError, HTTPException, ValueError):
            return None
