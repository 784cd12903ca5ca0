"""The way back from an MCP server: the row of a call is written before its result leaves."""

import time
from collections.abc import Awaitable, Callable

import orjson
from starlette.types import Message, Send

from ..untyped import mapping
from . import clean, errors
from .errors import Failure
from .exchange import Exchange
from .readers.base import Reader

Headers = list[tuple[bytes, bytes]]

_BROKE_OFF = "The MCP server's answer broke off."
_INVALID_REQUEST, _INTERNAL_ERROR = -32600, -32603  # JSON-RPC 2.0, "Error object"


class McpAnswer:
    """One answer: JSON, or a stream of events of which the last is the result.

    `send` is the ASGI send for LiteLLM's side. What its server says passes as it is, errors too:
    they are for the client. `close` settles and writes the row, if there is to be one.
    """

    def __init__(
        self, exchange: Exchange, send: Send, close: Callable[[Exchange], Awaitable[None]]
    ) -> None:
        self._exchange = exchange
        self._send = send
        self._close = close
        self._started = False
        self._over = False
        self._streams = False
        self._status = 0
        self._headers: Headers = []
        self._held: list[bytes] = []

    async def send(self, message: Message) -> None:
        """Take a message of LiteLLM's answer."""
        if self._over:
            return
        if message["type"] == "http.response.start":
            await self._start(message["status"], list(message.get("headers", ())))
        elif message["type"] == "http.response.body":
            piece, more = message.get("body", b""), message.get("more_body", False)
            if self._streams:
                await self._pass(piece, more)
            elif more:
                self._held.append(piece)
            else:
                await self._whole(b"".join((*self._held, piece)))

    async def fail(self, failure: Failure) -> None:
        """Send an error of the gate's own, as JSON-RPC has them; a stream just ends."""
        if self._over:
            return
        self._over = True
        exchange = self._exchange
        exchange.failure = exchange.failure or failure
        if self._started:
            await self._close(exchange)
            await self._send({"type": "http.response.body", "body": b""})
            return
        content = error_body(failure, exchange)
        headers = [(b"content-type", b"application/json"), *errors.headers(failure, "openai")]
        headers.append((b"content-length", str(len(content)).encode()))
        await self._begin(failure.status, headers)
        await self._close(exchange)
        await self._send({"type": "http.response.body", "body": content})

    async def finish(self) -> None:
        """LiteLLM's side has returned: whatever is missing now will not come."""
        if self._exchange.client_gone:
            self._exchange.status = self._exchange.status or 499  # as answer.py has it
        elif not self._over:
            await self.fail(Failure(502, _BROKE_OFF, "mcp_no_answer", refused=False))

    async def _start(self, status: int, headers: Headers) -> None:
        self._status = status
        self._headers = clean.answer_headers(headers)
        kinds = [value for name, value in self._headers if name.lower() == b"content-type"]
        self._streams = bool(kinds) and kinds[0].startswith(b"text/event-stream")
        if self._streams:
            await self._begin(status, self._headers)

    async def _begin(self, status: int, headers: Headers) -> None:
        self._started = True
        self._exchange.status = status
        request_id = (b"x-sekisho-request-id", self._exchange.request_id.encode())
        start = {"type": "http.response.start", "status": status}
        await self._send({**start, "headers": [*headers, request_id]})

    async def _pass(self, piece: bytes, more: bool) -> None:
        exchange, reader = self._exchange, self._exchange.reader
        shown = reader.feed(piece) if reader is not None else piece
        if reader is not None and reader.reading.ended:
            await self._end(reader)
        elif not more:
            if reader is not None:
                exchange.failure = Failure(502, _BROKE_OFF, "mcp_no_answer", refused=False)
            await self._close(exchange)
        self._over = not more
        if shown or not more:
            await self._send({"type": "http.response.body", "body": shown, "more_body": more})

    async def _whole(self, content: bytes) -> None:
        reader = self._exchange.reader
        await self._begin(self._status, self._headers)
        if reader is not None:
            reader.whole(_parsed(content))
            await self._end(reader)
        else:
            await self._close(self._exchange)
        self._over = True
        await self._send({"type": "http.response.body", "body": content})

    async def _end(self, reader: Reader) -> None:
        """The result is there: once."""
        exchange = self._exchange
        if exchange.closed:
            return
        reading = reader.reading
        exchange.complete = True
        for attempt in exchange.attempts.tried:
            attempt.ended, attempt.status = time.monotonic(), exchange.status
            attempt.error_type = reading.error_type
        if reading.failed or not reading.ended:
            words = reading.error_message or "The MCP server's answer could not be read."
            kind = reading.error_type or "mcp_error"
            exchange.failure = Failure(self._status, words, kind, refused=False)
        await self._close(exchange)


def error_body(failure: Failure, exchange: Exchange) -> bytes:
    """An error of the gate's as a JSON-RPC message, with our own code and request id beside it."""
    code = _INVALID_REQUEST if failure.status < 500 else _INTERNAL_ERROR
    data = {"type": failure.code, "request_id": exchange.request_id}
    error = {"code": code, "message": failure.message, "data": data}
    return orjson.dumps({"jsonrpc": "2.0", "id": exchange.asked.get("id"), "error": error})


def _parsed(content: bytes) -> dict[str, object]:
    try:
        return mapping(orjson.loads(content))
    except orjson.JSONDecodeError:
        return {}
