"""Responses (OpenAI dialect)."""

import re

import orjson

from ...pricing.usage import Usage
from ...untyped import mapping, sequence
from .. import error_words
from .base import Json, Reading, SseLines, before, child, count, parse, tier_of
from .transcript_responses import ResponsesTranscript

_MODEL = re.compile(rb'"model": ?"[^"]*"')


class Responses:
    """Reads a response; its last event carries the whole response object.

    LiteLLM names the cloud's own model id in a stream's events; the client gets the `alias` that
    it asked for.
    """

    def __init__(self, alias: str = "") -> None:
        self.reading = Reading(begun=False)
        self.transcript = ResponsesTranscript()
        self._alias = alias
        self._lines = SseLines()

    def whole(self, body: Json) -> None:
        """Read a complete answer, or the response object of a stream's last event."""
        self.reading.usage = usage_of(child(body, "usage"), body)
        status = body.get("status")
        self.reading.finish_reasons = (status,) if isinstance(status, str) else ()
        error = child(body, "error")
        if error:
            self._error(error)
        self.reading.ended = True

    def feed(self, piece: bytes) -> bytes:
        """Read a piece of a stream."""
        if self.reading.over:
            return b""
        piece = self._lines.whole(piece)
        for payload in self._lines.payloads(piece):
            event = parse(payload)
            if event is None:
                continue
            kind = event.get("type")
            if isinstance(kind, str) and kind.endswith(".delta"):
                self.reading.begun = True
                self.transcript.delta(kind, event)
                continue
            if self._fails(kind, event):
                return before(piece, payload)
            piece = self._aliased(piece, event)
        return piece

    def _fails(self, kind: object, event: Json) -> bool:
        """Read an event that is no delta, and tell whether the response has failed with it."""
        if kind in ("response.output_item.added", "response.output_item.done"):
            # A thought that isn't shown has no more than a beginning, for minutes.
            empty = child(event, "item").get("type") == "message"
            self.reading.begun = self.reading.begun or not empty
            self.transcript.item(event, done=kind == "response.output_item.done")
        elif kind in ("response.completed", "response.incomplete", "response.failed"):
            response = child(event, "response")
            self.whole(response)
            self.transcript.end(response)
            if kind == "response.failed":
                self.reading.ended = False
                self._error(child(response, "error"))
                return True
        elif kind == "error" or (kind is None and isinstance(event.get("error"), dict)):
            self._error(child(event, "error") or event)
            return True
        return False

    def _aliased(self, piece: bytes, event: Json) -> bytes:
        told = child(event, "response").get("model")
        if not self._alias or not isinstance(told, str) or told == self._alias:
            return piece
        return _MODEL.sub(b'"model":' + orjson.dumps(self._alias), piece)

    def _error(self, error: Json) -> None:
        self.reading.error_type = str(error.get("code") or error.get("type") or "provider_error")
        self.reading.error_message = error_words.clean(str(error.get("message") or ""))


def usage_of(usage: Json, body: Json) -> Usage | None:
    """The Responses API's usage object as ours; None when it is empty."""
    if not usage:
        return None
    # Transcripts have their own spelling of the first: "input_token_details".
    details = child(usage, "input_tokens_details") or child(usage, "input_token_details")
    output = child(usage, "output_tokens_details")
    written = count(details, "cache_write_tokens")
    one_hour = min(count(details, "cache_write_1h_tokens"), written)  # callbacks/lost_counts.py
    return Usage(
        input_tokens=count(usage, "input_tokens"),
        output_tokens=count(usage, "output_tokens"),
        cache_read_input_tokens=count(details, "cached_tokens"),
        cache_write_5m_input_tokens=written - one_hour,
        cache_write_1h_input_tokens=one_hour,
        reasoning_output_tokens=count(output, "reasoning_tokens"),
        audio_input_tokens=count(details, "audio_tokens"),
        audio_output_tokens=count(output, "audio_tokens"),
        image_input_tokens=count(details, "image_tokens"),
        image_output_tokens=count(output, "image_tokens"),
        queries=count(details, "web_search_requests") or _searches(body),
        service_tier=tier_of(body),
    )


def _searches(body: Json) -> int:
    """Web searches that a native response lists among its output items."""
    return sum(
        mapping(item).get("type") == "web_search_call" for item in sequence(body.get("output"))
    )
