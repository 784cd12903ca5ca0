"""Messages and token counting (Anthropic dialect)."""

import orjson

from ...pricing.usage import Usage
from .. import error_words
from .base import Json, Reading, SseLines, before, child, count, parse
from .transcript import Told
from .transcript_messages import MessagesTranscript


class Messages:
    """Reads a message. Usage comes in two parts: `message_start`, then `message_delta`."""

    def __init__(self) -> None:
        self.reading = Reading(begun=False)
        self.transcript = MessagesTranscript()
        self._usage: dict[str, object] = {}
        self._lines = SseLines()

    def whole(self, body: Json) -> None:
        """Read a complete answer."""
        self.reading.usage = usage_of(child(body, "usage"))
        self.reading.finish_reasons = _reasons(body.get("stop_reason"))
        self.reading.ended = True

    def feed(self, piece: bytes) -> bytes:
        """Read a piece of a stream."""
        if self.reading.over:
            return b""
        piece = self._lines.whole(piece)
        for payload in self._lines.payloads(piece):
            event = parse(payload)
            if event is not None:
                self._event(event)
                if event.get("type") == "error":
                    return before(piece, payload)
        return piece

    def _event(self, event: Json) -> None:
        kind = event.get("type")
        if kind == "content_block_delta":
            self.reading.begun = True
            self.transcript.add(event)
        elif kind == "content_block_start":
            # A thought that isn't shown has no more than a beginning, for minutes.
            empty = child(event, "content_block").get("type") == "text"
            self.reading.begun = self.reading.begun or not empty
            self.transcript.begin(event)
        elif kind == "message_start":
            self._merge(child(child(event, "message"), "usage"))
        elif kind == "message_delta":
            self._merge(child(event, "usage"))
            reason = child(event, "delta").get("stop_reason")
            self.transcript.end(reason)
            self.reading.finish_reasons = _reasons(reason) or self.reading.finish_reasons
        elif kind == "message_stop":
            self.reading.ended = True
        elif kind == "error":
            error = child(event, "error")
            self.reading.error_type = str(error.get("type") or "api_error")
            self.reading.error_message = error_words.clean(str(error.get("message") or ""))

    def _merge(self, usage: Json) -> None:
        """Later figures are totals and replace earlier ones, but a missing one erases nothing."""
        self._usage.update({name: value for name, value in usage.items() if value is not None})
        self.reading.usage = usage_of(self._usage)


def _reasons(reason: object) -> tuple[str, ...]:
    return (reason,) if isinstance(reason, str) else ()


def usage_of(usage: Json) -> Usage | None:
    """Anthropic's usage object as ours; None when it is empty.

    Anthropic's `input_tokens` leaves out cache reads and writes (docs.anthropic.com, "Prompt
    caching", tracking cache performance); ours includes them.
    """
    if not usage:
        return None
    read = count(usage, "cache_read_input_tokens")
    written = count(usage, "cache_creation_input_tokens")
    one_hour = min(count(child(usage, "cache_creation"), "ephemeral_1h_input_tokens"), written)
    details = child(usage, "output_tokens_details")
    return Usage(
        input_tokens=count(usage, "input_tokens") + read + written,
        output_tokens=count(usage, "output_tokens"),
        cache_read_input_tokens=read,
        cache_write_5m_input_tokens=written - one_hour,
        cache_write_1h_input_tokens=one_hour,
        reasoning_output_tokens=count(details, "thinking_tokens", "reasoning_tokens"),
        queries=count(child(usage, "server_tool_use"), "web_search_requests"),
    )


class TokenCount:
    """Reads the answer of `count_tokens`, which no provider bills."""

    def __init__(self) -> None:
        self.reading = Reading()
        self.transcript = Told()
        self.counted = 0

    def whole(self, body: Json) -> None:
        """Read a complete answer."""
        if not isinstance(body.get("input_tokens"), int):
            return  # an answer of another shape is no count
        self.counted = count(body, "input_tokens")
        self._end(body, {"input_tokens": self.counted})

    def _end(self, body: Json, shown: Json) -> None:
        """Answer `shown`, and say there and in the row whose count it is (see counting.py)."""
        estimated = body.get("estimated") is True
        self.reading.headers = ((b"x-sekisho-token-count", _WHOSE[estimated]),)
        self.reading.instead = orjson.dumps(shown)
        self.reading.usage = Usage()
        self.reading.measured_here = estimated
        self.reading.ended = True

    def feed(self, piece: bytes) -> bytes:
        """Never streamed."""
        return piece


_WHOSE = {False: b"provider", True: b"estimated"}
