"""Google's generateContent and countTokens, streamed or not."""

import json
from collections.abc import Iterator, Sequence

import orjson

from ...pricing.usage import Usage
from ...untyped import mapping, sequence, text
from .. import error_words
from . import chat, messages
from .base import Json, Reading, SseLines, child, count, parse
from .transcript_generate import GenerateTranscript

TRANSLATED = "sekisho"
"""Where callbacks/generate_content.py puts the usage of an answer that it has translated."""


class Generate:
    """Reads a generated answer, or the pieces of one; all of a stream's events have its shape.

    The client gets the `alias` that it asked for as `modelVersion`, not the cloud's own model id.
    """

    def __init__(self, alias: str = "") -> None:
        self.reading = Reading(begun=False)
        self.transcript = GenerateTranscript()
        self._alias = alias
        self._lines = SseLines()
        self._going_on: set[int] = set()
        self._grounding: list[Json] = []

    def whole(self, body: Json) -> None:
        """Read a complete answer: one with candidates, or with the reason why there is none."""
        if not body.get("candidates") and not child(body, "promptFeedback"):
            return
        self._event(body)
        self.reading.instead = _dumped(self._shown(body))
        self.reading.ended = True

    def feed(self, piece: bytes) -> bytes:
        """Read a piece of a stream."""
        piece = self._lines.whole(piece)
        shown: list[bytes] = []
        for line in piece.split(b"\n"):
            payload = line[5:].strip()
            event = parse(payload) if line[:5] == b"data:" else None
            if event is not None and isinstance(event.get("error"), dict):
                self._error(event["error"])
                return _whole_events(shown)
            shown.append(line if event is None else b"data: " + self._told(event))
        return b"\n".join(shown)

    def _told(self, event: Json) -> bytes:
        """Read an event; what the client gets of it."""
        self._event(event)
        for candidate in _candidates(event):
            self.transcript.add(candidate)
            said = child(candidate, "content").get("parts")
            self.reading.begun = self.reading.begun or bool(said)
        # Nothing but the end of the connection follows the last reason.
        done = bool(self.reading.finish_reasons) and not self._going_on
        self.reading.begun = self.reading.begun or done
        self.reading.ended = done
        return _dumped(self._shown(event))

    def _event(self, event: Json) -> None:
        self.reading.finish_reasons += tuple(_reasons(event))
        for candidate in _candidates(event):
            change = self._going_on.discard if candidate.get("finishReason") else self._going_on.add
            change(count(candidate, "index"))
            if grounding := child(candidate, "groundingMetadata"):
                self._grounding.append(grounding)
        if "totalTokenCount" in child(event, "usageMetadata"):
            self.reading.usage = usage_of(event, self._grounding)

    def _shown(self, event: Json) -> Json:
        shown = {name: value for name, value in event.items() if name != TRANSLATED}
        return {**shown, "modelVersion": self._alias} if self._alias else shown

    def _error(self, error: Json) -> None:
        self.reading.error_type = str(error.get("code") or error.get("status") or "provider_error")
        self.reading.error_message = error_words.clean(str(error.get("message") or ""))


def _whole_events(lines: list[bytes]) -> bytes:
    """The events that are complete in these lines, without what has begun of another."""
    told = b"\n".join((*lines, b""))
    return told[: told.rfind(b"\n\n") + 2] if b"\n\n" in told else b""


def _dumped(event: Json) -> bytes:
    try:
        return orjson.dumps(event)
    except TypeError:  # halves of characters, see `base.parse`
        return json.dumps(event, separators=(",", ":")).encode()


def _candidates(body: Json) -> list[Json]:
    return [mapping(candidate) for candidate in sequence(body.get("candidates"))]


def _reasons(body: Json) -> Iterator[str]:
    """Why each candidate ended, or why there is none."""
    found = [candidate.get("finishReason") for candidate in _candidates(body)]
    found.append(child(body, "promptFeedback").get("blockReason"))
    yield from (reason for reason in found if isinstance(reason, str) and reason)


def usage_of(body: Json, grounding: Sequence[Json] = ()) -> Usage | None:
    """Google's `usageMetadata` as our usage; None when it counts nothing.

    `grounding` is the `groundingMetadata` of all candidates.

    `promptTokenCount` includes what was read from a cache, and `candidatesTokenCount` leaves out
    thoughts, in all but some early answers, whose total shows it. `toolUsePromptTokenCount` is
    beside the prompt, and is input like it, but for what a search has found, which is paid by the
    query (ai.google.dev, "UsageMetadata" and "Pricing"). Parts in a cache are no parts of the rest.
    """
    translated = child(body, TRANSLATED)
    if translated:
        return chat.usage_of(child(translated, "usage"), translated)
    told = child(body, "usageMetadata")
    if not count(told, "totalTokenCount", "promptTokenCount"):
        return None
    prompt, answer = count(told, "promptTokenCount"), count(told, "candidatesTokenCount")
    thoughts, tools = count(told, "thoughtsTokenCount"), count(told, "toolUsePromptTokenCount")
    includes = prompt + answer + tools == count(told, "totalTokenCount")
    queries = _queries(grounding)
    asked, cached = _parts(told, "promptTokensDetails"), _parts(told, "cacheTokensDetails")
    said = _parts(told, "candidatesTokensDetails")
    return Usage(
        input_tokens=prompt + (0 if queries else tools),
        output_tokens=answer + (0 if includes else thoughts),
        cache_read_input_tokens=count(told, "cachedContentTokenCount"),
        reasoning_output_tokens=thoughts,
        audio_input_tokens=max(asked.get("AUDIO", 0) - cached.get("AUDIO", 0), 0),
        image_input_tokens=max(asked.get("IMAGE", 0) - cached.get("IMAGE", 0), 0),
        audio_output_tokens=said.get("AUDIO", 0),
        image_output_tokens=said.get("IMAGE", 0),
        queries=queries,
        service_tier=_tier(told),
    )


def _parts(told: Json, name: str) -> dict[str, int]:
    """Tokens by what they stand for: TEXT, IMAGE, AUDIO, VIDEO, DOCUMENT."""
    found: dict[str, int] = {}
    for item in sequence(told.get(name)):
        kind = str(mapping(item).get("modality"))
        found[kind] = found.get(kind, 0) + count(item, "tokenCount")
    return found


def _queries(grounding: Sequence[Json]) -> int:
    """Searches that are billed: each query once, and a map as one where it names none."""
    asked = [query for found in grounding for query in sequence(found.get("webSearchQueries"))]
    chunks = [chunk for found in grounding for chunk in sequence(found.get("groundingChunks"))]
    maps = any("maps" in mapping(chunk) for chunk in chunks)
    return max(len({query for query in asked if text(query)}), int(maps))


def _tier(told: Json) -> str | None:
    traffic = text(told.get("trafficType"))
    if traffic is None:
        return None
    return next((name for name in ("priority", "flex") if name in traffic.lower()), "default")


class TokenCount(messages.TokenCount):
    """Reads the answer of `countTokens`, which Google does not bill."""

    def whole(self, body: Json) -> None:
        """Read a complete answer."""
        if not isinstance(body.get("totalTokens"), int):
            return  # an answer of another shape is no count
        self.counted = count(body, "totalTokens")
        names = ("cachedContentTokenCount", "promptTokensDetails", "cacheTokensDetails")
        shown = {name: body[name] for name in names if body.get(name)}
        self._end(body, {"totalTokens": self.counted, **shown})
