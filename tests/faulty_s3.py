"""A proxy before an S3 server that misbehaves as told: every fault that a network has.

>>> with FaultyS3.before(server) as faulty:
...     faulty.next("lost", "503")  # what the next two requests meet
...     faulty.always("403")  # until told otherwise
...     faulty.sometimes({"503": 0.15, "lost": 0.1})
...     faulty.away()  # nobody listens any more
...     ship(faulty.server)

`503` and `403` answer without asking the server; `lost` lets the server do it and hangs up
before the reply; `cut` hangs up in the middle of the request; `hang` never answers; `late` lets
the server do it and never answers.
"""

import http.client
import random
import socket
import threading
from collections import deque
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal, cast, get_args
from urllib.parse import unquote, urlsplit

from .gateway import free_port
from .s3_servers import S3Server

Fault = Literal["503", "403", "lost", "cut", "hang", "late"]
_FAULTS: tuple[Fault, ...] = get_args(Fault)
_ANSWERS = {
    "503": (503, "SlowDown", "Please reduce your request rate."),
    "403": (403, "AccessDenied", "Access Denied"),
}
# Of one hop only; Expect has been answered here.
_OURS = {"connection", "expect", "keep-alive", "transfer-encoding", "content-length"}


@dataclass(frozen=True, slots=True)
class Seen:
    """A request: `key` has no bucket, `status` is what the client got, None when it got nothing."""

    method: str
    key: str
    status: int | None
    fault: Fault | None


class FaultyS3:
    """The proxy; every switch works at once, from any thread."""

    def __init__(self, behind: S3Server, seed: int = 1) -> None:
        """Not listening yet: use `before`."""
        self._behind = behind
        self._port = free_port()
        self.server = behind.at(f"http://127.0.0.1:{self._port}")
        self.journal: list[Seen] = []
        self._always: Fault | None = None
        self._chances: Mapping[Fault, float] = {}
        self._queue: deque[Fault | None] = deque()
        self._methods = frozenset({"GET", "HEAD", "PUT", "POST", "DELETE"})
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._listener: _Listener | None = None

    @classmethod
    @contextmanager
    def before(cls, server: S3Server, seed: int = 1) -> Generator["FaultyS3"]:
        """Listen on a port of its own until the block ends; `server` is the way through it."""
        proxy = cls(server, seed)
        proxy.back()
        try:
            yield proxy
        finally:
            proxy.away()

    def next(self, *faults: Fault | None) -> None:
        """What the next requests meet, one each; None: they go through."""
        with self._lock:
            self._queue.extend(faults)

    def always(self, fault: Fault | None, methods: str = "GET HEAD PUT POST DELETE") -> None:
        """What every request with these methods meets from now on; None: nothing, all is well."""
        with self._lock:
            self._always, self._chances = fault, {}
            self._queue.clear()
            self._methods = frozenset(methods.split())

    def sometimes(self, chances: Mapping[Fault, float]) -> None:
        """How likely each fault is from now on."""
        assert set(chances) <= set(_FAULTS)
        with self._lock:
            self._always, self._chances = None, dict(chances)

    def away(self) -> None:
        """Stop listening, and hang up on those who wait; connections are refused."""
        listener, self._listener = self._listener, None
        self._released.set()
        if listener is not None:
            listener.shutdown()
            listener.hang_up()
            listener.server_close()

    def back(self) -> None:
        """Listen again on the same port."""
        assert self._listener is None
        self._released.clear()
        self._listener = _Listener(("127.0.0.1", self._port), self)
        threading.Thread(
            target=self._listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    def fault(self, method: str) -> Fault | None:
        """What this request meets."""
        with self._lock:
            if self._queue:
                return self._queue.popleft()
            if self._always is not None:
                return self._always if method in self._methods else None
            dice = self._random.random()
            for fault, chance in self._chances.items():
                dice -= chance
                if dice < 0:
                    return fault
            return None

    def note(self, method: str, path: str, status: int | None, fault: Fault | None) -> None:
        """Write a request into the journal."""
        key = unquote(urlsplit(path).path).removeprefix(f"/{self._behind.bucket}").lstrip("/")
        with self._lock:
            self.journal.append(Seen(method, key, status, fault))

    def wait(self) -> None:
        """Keep a request waiting until the proxy goes away, two minutes at most."""
        self._released.wait(120)

    def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Let the real server do it; its answer."""
        found = urlsplit(self._behind.url)
        connection = http.client.HTTPConnection(found.hostname or "", found.port, timeout=60)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                if name.lower() not in _OURS:
                    connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], proxy: FaultyS3) -> None:
        self.proxy = proxy
        self.connections: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def hang_up(self) -> None:
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has gone, or a server behind us that has: the client sees it hang up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        cast("_Listener", self.server).connections.add(self.connection)

    def finish(self) -> None:
        cast("_Listener", self.server).connections.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def _serve(self) -> None:
        proxy = cast("_Listener", self.server).proxy
        fault = proxy.fault(self.command)
        if fault == "cut":
            self.rfile.read(min(1_000, self._length()))
            self._hang_up(fault)
            return
        body = self._body()
        if fault == "hang":
            self._hang_up(fault, wait=True)
            return
        if fault in ("403", "503"):
            self._refuse(fault)
            return
        status, headers, content = proxy.ask(self.command, self.path, dict(self.headers), body)
        if fault is not None:
            self._hang_up(fault, wait=fault == "late")
            return
        proxy.note(self.command, self.path, status, None)
        self._reply(status, headers, content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815 - http.server's names

    def _refuse(self, fault: Fault) -> None:
        status, code, message = _ANSWERS[fault]
        proxy = cast("_Listener", self.server).proxy
        proxy.note(self.command, self.path, status, fault)
        text = (
            f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
        )
        self._reply(status, [("Content-Type", "application/xml")], text.encode())

    def _reply(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response_only(status)
        length = str(len(content))
        for name, value in headers:
            if name.lower() == "content-length" and self.command == "HEAD":
                length = value
            elif name.lower() not in _OURS:
                self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _hang_up(self, fault: Fault, wait: bool = False) -> None:
        proxy = cast("_Listener", self.server).proxy
        proxy.note(self.command, self.path, None, fault)
        if wait:
            proxy.wait()
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _length(self) -> int:
        return int(self.headers.get("Content-Length", 0))

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(self._length())
        parts: list[bytes] = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """The journal is enough."""
