"""The way back: LiteLLM's answer becomes what the client gets, and the row is written in time."""

import time
from collections.abc import Awaitable, Callable

import orjson
from starlette.types import Message, Send

from ..callbacks.repairs.originals import Originals
from ..untyped import mapping
from . import clean, error_provider, error_responses, errors, told_cost
from .errors import Failure
from .exchange import Exchange
from .surface import Dialect

Headers = list[tuple[bytes, bytes]]


# A stream that is silent after its opening events is let go after so many seconds, and one that
# opens with more bytes than these at once: a client or a proxy may be waiting for a sign of life.
_HOLD_SECONDS = 5.0
_HOLD_BYTES = 65_536


class Answer:
    """One answer. `send` is the ASGI send for LiteLLM's handler.

    A stream passes piece by piece, from its first piece of content on: until then it may turn out
    to be an error, which is told with its HTTP status. A JSON answer is held until it is whole.
    Either way `close` is awaited before the client has the last byte: the cost is settled and the
    row on disk first. `cost` is what a frontend is told of it.
    """

    def __init__(
        self,
        exchange: Exchange,
        send: Send,
        close: Callable[[Exchange], Awaitable[None]],
        dialect: Dialect | None = None,
        cost: told_cost.CostOf | None = None,
    ) -> None:
        self._exchange = exchange
        self._cost = cost
        self._send = send
        self._close = close
        self._dialect: Dialect = dialect or exchange.route.dialect
        self._started = False
        self._over = False
        self._passing = False
        self._events = False
        self._told_apart = False
        """Whether the reader can tell where a stream's content begins, and where it ends."""
        self._status = 0
        self._headers: Headers = []
        self._held: list[bytes] = []
        self._held_since = 0.0
        self._last = b""
        self._originals = Originals(exchange.attempts.names)

    async def send(self, message: Message) -> None:
        """Take a message of LiteLLM's answer."""
        if self._over:
            return  # what LiteLLM sends behind an error
        if message["type"] == "http.response.start":
            await self._start(message["status"], list(message.get("headers", ())))
        elif message["type"] == "http.response.body":
            piece, more = message.get("body", b""), message.get("more_body", False)
            if self._exchange.attempts.names:
                piece = self._originals.feed(piece, more)
            if self._passing:
                await self._pass(piece, more)
            elif not more:
                await self._whole(b"".join((*self._held, piece)))
            else:
                self._held.append(piece)

    async def whole(self, status: int, content: bytes, headers: Headers | None = None) -> None:
        """Send a complete answer of the gate's own: JSON, if `headers` name no other type."""
        kept = headers or []
        if not any(name == b"content-type" for name, _ in kept):
            kept = [(b"content-type", b"application/json"), *kept]
        await self._begin(status, _with_length(kept, content))
        await self._close(self._exchange)
        self._over = True
        await self._send({"type": "http.response.body", "body": content})

    async def fail(self, failure: Failure) -> None:
        """Send an error in the caller's dialect: as an answer, or as the last event of a stream."""
        if self._over:
            return
        self._over = True
        exchange = self._exchange
        exchange.failure = exchange.failure or failure
        in_stream = None if self._started else error_responses.for_codex(failure, exchange)
        if in_stream is not None:
            await self.whole(200, in_stream, [(b"content-type", b"text/event-stream")])
            return
        if not self._started:
            content = errors.body(failure, self._dialect, exchange.request_id)
            await self.whole(failure.status, content, errors.headers(failure, self._dialect))
            return
        last = self._error_event(failure) if self._events and not exchange.complete else b""
        await self._close(exchange)
        await self._send({"type": "http.response.body", "body": last})

    def _error_event(self, failure: Failure) -> bytes:
        exchange = self._exchange
        if exchange.route.operation == "responses":
            event = error_responses.events(failure, exchange)
        else:
            event = errors.event(failure, self._dialect, exchange.request_id)
        whole = self._last.endswith((b"\n\n", b"\r\n\r\n"))
        return event if whole else b"\n\n" + event  # it was cut off within an event

    async def finish(self) -> None:
        """LiteLLM's handler has returned: whatever is missing now will not come."""
        exchange = self._exchange
        if self._started:
            return
        if exchange.client_gone:
            exchange.status = 499  # nginx's "client closed request"; nobody reads it but the log
        else:
            await self.fail(error_provider.lost(exchange.attempts.heard))

    async def _start(self, status: int, headers: Headers) -> None:
        self._status = status
        kinds = [value for name, value in headers if name.lower() == b"content-type"]
        is_json = bool(kinds) and kinds[0].startswith(b"application/json")
        self._events = bool(kinds) and kinds[0].startswith(b"text/event-stream")
        self._headers = clean.answer_headers(headers)
        self._passing = status < 400 and not is_json
        reader = self._exchange.reader
        self._told_apart = self._events and reader is not None and not reader.reading.begun
        if self._passing or self._exchange.attempts.names:  # their originals are longer
            self._headers = [h for h in self._headers if h[0].lower() != b"content-length"]

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
        reading = exchange.reader.reading
        shown = told_cost.in_stream(exchange.reader.feed(piece), exchange, self._cost)
        if reading.over:
            await self._break_off(shown)
            return
        if more and not reading.ended and self._holds(shown):
            return
        if not more and not reading.ended:
            if self._told_apart:
                await self._break_off(shown)
                return
            if not self._events:
                exchange.reader.whole({})  # sound or plain text: there is no JSON to read
        await self._let_go(shown, more)

    async def _let_go(self, shown: bytes, more: bool) -> None:
        """Send a piece, and what was held before it."""
        exchange = self._exchange
        if not self._started:
            shown = b"".join((*self._held, shown))
            await self._begin(self._status, self._headers)
        if shown and exchange.first_token is None:
            exchange.first_token = time.monotonic()
        exchange.passed += len(shown)
        self._last = shown or self._last
        ended = exchange.reader is not None and exchange.reader.reading.ended
        if ended or not more:
            exchange.complete = ended
            await self._close(exchange)
        if shown or not more:
            self._over = not more
            await self._send({"type": "http.response.body", "body": shown, "more_body": more})

    def _holds(self, shown: bytes) -> bool:
        """Whether a piece waits, because the stream has no content yet and may still fail."""
        assert self._exchange.reader is not None
        if self._started or self._exchange.reader.reading.begun:
            return False
        if not self._held:
            self._held_since = time.monotonic()
        self._held.append(shown)
        waited = time.monotonic() - self._held_since
        if waited < _HOLD_SECONDS and sum(map(len, self._held)) < _HOLD_BYTES:
            return True
        self._held.pop()
        return False

    async def _break_off(self, shown: bytes) -> None:
        """The end of a stream that has failed: `shown` is what came before its error."""
        exchange = self._exchange
        assert exchange.reader is not None
        reading = exchange.reader.reading
        if self._started or (reading.begun and (shown or self._held)):
            await self._let_go(shown, more=True)
        if reading.failed:
            failure = error_provider.of_event(exchange.attempts, reading, self._dialect)
        else:
            failure = error_provider.lost(exchange.attempts.heard)
        await self.fail(failure)

    async def _whole(self, content: bytes) -> None:
        """A complete JSON answer, or an error to be told in the caller's dialect."""
        if self._status >= 400:
            attempts = self._exchange.attempts
            await self.fail(
                error_provider.of_answer(attempts, self._status, content, self._dialect)
            )
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
        else:
            content = told_cost.in_body(content, mapping(parsed), exchange, self._cost)
            self._headers = _with_length(self._headers, content)
        await self._begin(self._status, [*self._headers, *reading.headers])
        await self._close(exchange)
        self._over = True
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
