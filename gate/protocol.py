"""How a connection's bytes become requests: uvicorn's way, with an end to endless headers."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# uvicorn sets no limit and copies what it has with each piece that comes, on the event loop.
MOST_HEAD_BYTES = 2 << 20
MOST_HEADERS = 1000
MOST_TRAILER_BYTES = 1 << 16
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


class Protocol(HttpToolsProtocol):
    """Closes a connection whose request line and headers come to more than 2 MiB, or a thousand
    headers, or more than 64 KiB of headers after the body.
    """

    _head_bytes = 0
    _trailer_bytes = 0
    _in_head = True

    def data_received(self, data: bytes) -> None:
        """Take the next bytes of the connection."""
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES:
                self.transport.write(_TOO_LARGE)
                self.transport.close()
                return
        super().data_received(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; what comes after the body, a trailer, is none: a proxy that takes headers out
        may have let it through.

        Raises ValueError, for which uvicorn answers 400 and closes the connection.
        """
        if self._in_head:
            if len(self.headers) >= MOST_HEADERS:
                raise ValueError("too many headers")
            super().on_header(name, value)
            return
        self._trailer_bytes += len(name) + len(value) + 4
        if self._trailer_bytes > MOST_TRAILER_BYTES:
            raise ValueError("too many trailers")

    def on_headers_complete(self) -> None:
        """The head is whole; a body may follow, whose size the gate limits."""
        self._in_head, self._head_bytes, self._trailer_bytes = False, 0, 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The next head begins."""
        self._in_head = True
        super().on_message_complete()
