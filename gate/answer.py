"""The way back: LiteLLM's answer becomes what the client gets, and the row is written in time."""

import time
from collections.abc import Awaitable, Callable

import orjson
from starlette.types import Message, Send

from ..untyped import mapping
from . import clean, errors
from .errors import Failure
from .exchange import Exchange
from .surface import Dialect

Headers = list[tuple[bytes, bytes]]


class Answer:
    """One answer. `send` is the ASGI send for LiteLLM's handler.

    A stream passes piece by piece; a JSON answer is held until it is whole. Either way `close` is
    awaited before the client has the last byte: the cost is settled and the row on disk first.
    """

    def __init__(
        self,
        exchange: Exchange,
        send: Send,
        close: Callable[[Exchange], Awaitable[None]],
        dialect: Dialect | None = None,
    ) -> None:
        self._exchange = exchange
        self._send = send
        self._close = close
        self._dialect: Dialect = dialect or exchange.route.dialect
        self._started = False
        self._passing = False
        self._events = False
        self._status = 0
        self._headers: Headers = []
        self._held: list[bytes] = []

    async def send(self, message: Message) -> None:
        """Take a message of LiteLLM's answer."""
        if message["type"] == "http.response.start":
            await self._start(message["status"], list(message.get("headers", ())))
        elif message["type"] == "http.response.body":
            piece, more = message.get("body", b""), message.get("more_body", False)
            if self._passing:
                await self._pass(piece, more)
            elif not more:
                await self._whole(b"".join((*self._held, piece)))
            else:
                self._held.append(piece)

    async def whole(self, status: int, content: bytes, headers: Headers | None = None) -> None:
        """Send a complete JSON answer of the gate's own."""
        kept = [(b"content-type", b"application/json"), *(headers or [])]
        await self._begin(status, _with_length(kept, content))
        await self._close(self._exchange)
        await self._send({"type": "http.response.body", "body": content})

    async def fail(self, failure: Failure) -> None:
        """Send an error in the caller's dialect, or note it when an answer has already begun."""
        self._exchange.failure = self._exchange.failure or failure
        if self._started:
            await self._close(self._exchange)
            return
        content = errors.body(failure, self._dialect, self._exchange.request_id)
        await self.whole(failure.status, content, errors.headers(failure, self._dialect))

    async def finish(self) -> None:
        """LiteLLM's handler has returned: whatever is missing now will not come."""
        if not self._started and not self._exchange.client_gone:
            await self.fail(
                Failure(502, "The provider's answer was cut off.", "cut_off", refused=False)
            )

    async def _start(self, status: int, headers: Headers) -> None:
        self._status = status
        kinds = [value for name, value in headers if name.lower() == b"content-type"]
        is_json = bool(kinds) and kinds[0].startswith(b"application/json")
        self._events = bool(kinds) and kinds[0].startswith(b"text/event-stream")
        self._headers = clean.answer_headers(headers)
        self._passing = status < 400 and not is_json
        if self._passing:
            self._headers = [h for h in self._headers if h[0].lower() != b"content-length"]
            await self._begin(status, self._headers)

    async def _begin(self, status: int, headers: Headers) -> None:
        self._started = True
        self._exchange.status = status
        request_id = self._exchange.request_id.encode()
        ids = [(b"x-sekisho-request-id", request_id)]
        # The names under which the two vendors' SDKs look for it.
        ids.append((b"request-id" if self._dialect == "anthropic" else b"x-request-id", request_id))
        message = {"type": "http.response.start", "status": status, "headers": [*headers, *ids]}
        await self._send(message)

    async def _pass(self, piece: bytes, more: bool) -> None:
        """A piece of a stream: read it, write the row when it is the last, then let it go."""
        exchange = self._exchange
        assert exchange.reader is not None
        shown = exchange.reader.feed(piece)
        if shown and exchange.first_token is None:
            exchange.first_token = time.monotonic()
        exchange.passed += len(shown)
        reading = exchange.reader.reading
        if reading.ended or not more:
            if not more and not self._events:
                exchange.reader.whole({})  # sound or plain text: there is no JSON to read
            exchange.complete = reading.ended
            await self._close(exchange)
        if shown or not more:
            await self._send({"type": "http.response.body", "body": shown, "more_body": more})

    async def _whole(self, content: bytes) -> None:
        """A complete JSON answer, or an error to be told in the caller's dialect."""
        if self._status >= 400:
            tried = self._exchange.attempts.tried
            retry = tried[-1].retry_after if tried and self._status in (429, 503) else None
            await self.fail(errors.of_litellm(self._status, content, retry))
            return
        exchange = self._exchange
        assert exchange.reader is not None
        try:
            parsed = orjson.loads(content)
        except orjson.JSONDecodeError:
            parsed = None
        exchange.reader.whole(mapping(parsed))
        if not exchange.reader.reading.ended:
            words = "The provider's answer could not be read."
            await self.fail(Failure(502, words, "unreadable_answer", refused=False))
            return
        exchange.complete = True
        exchange.answer = content
        reading = exchange.reader.reading
        if reading.instead is not None:
            content = reading.instead
            if reading.content_type is None:
                exchange.answer = content  # else it is no JSON
            self._headers = _described(self._headers, content, reading.content_type)
        await self._begin(self._status, self._headers)
        await self._close(exchange)
        await self._send({"type": "http.response.body", "body": content})


def _described(headers: Headers, content: bytes, content_type: bytes | None) -> Headers:
    """The headers for another body, and for another kind of it if need be."""
    if content_type is not None:
        headers = [header for header in headers if header[0].lower() != b"content-type"]
        headers.append((b"content-type", content_type))
    return _with_length(headers, content)


def _with_length(headers: Headers, content: bytes) -> Headers:
    kept = [header for header in headers if header[0].lower() != b"content-length"]
    return [*kept, (b"content-length", str(len(content)).encode())]
