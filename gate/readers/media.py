"""Embeddings, rerank, pictures and sound (OpenAI dialect): small answers, units of their own."""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import soundfile

from ...pricing.usage import Usage
from ...untyped import mapping, sequence
from . import chat, responses
from .base import Json, Reading, child, count
from .transcript import Told


class _Whole:
    """An answer that is never read as a stream."""

    def __init__(self) -> None:
        self.reading = Reading()
        self.transcript = Told()

    def feed(self, piece: bytes) -> bytes:
        """Streamed sound has nothing to read in it."""
        return piece


class Embeddings(_Whole):
    """Reads embeddings: input tokens only."""

    def whole(self, body: Json) -> None:
        """Read a complete answer."""
        self.reading.usage = chat.usage_of(child(body, "usage"), body)
        self.transcript.instead = {"embeddings": _measures(sequence(body.get("data")))}
        self.reading.ended = True


class Rerank(_Whole):
    """Reads a ranking. A provider bills queries of up to 100 documents.

    Amazon Bedrock pricing, "Amazon Rerank" and "Cohere Rerank" (read 2026-11-21): a query has up
    to 100 document chunks; more documents count as more queries.
    """

    def __init__(self, documents: int) -> None:
        super().__init__()
        self._documents = documents

    def whole(self, body: Json) -> None:
        """Read a complete answer."""
        billed = child(child(body, "meta"), "billed_units")
        # LiteLLM says 1 for every Bedrock ranking, whose answer has no count of its own.
        queries = max(count(billed, "search_units"), -(-self._documents // 100), 1)
        self.reading.usage = Usage(queries=queries)
        self.reading.ended = True


class Images(_Whole):
    """Reads pictures: tokens where the model reports them, and the pictures themselves."""

    def __init__(self, asked: Mapping[str, Any]) -> None:
        super().__init__()
        self._size = _text(asked.get("size"))
        self._quality = _text(asked.get("quality"))

    def whole(self, body: Json) -> None:
        """Read a complete answer."""
        usage = child(body, "usage")
        reported = responses.usage_of(usage, body) or Usage()
        pictured = reported.output_tokens
        if pictured and not count(child(usage, "output_tokens_details"), "text_tokens"):
            # Gemini's thoughts are in the total alone: LiteLLM leaves them out of the output.
            thoughts = max(count(usage, "total_tokens") - reported.input_tokens - pictured, 0)
            reported = replace(
                reported,
                output_tokens=pictured + thoughts,
                reasoning_output_tokens=thoughts,
                image_output_tokens=pictured,
            )
        self.reading.usage = replace(
            reported,
            images=len(body.get("data") or ()),
            image_size=_text(body.get("size")) or self._size,
            image_quality=_text(body.get("quality")) or self._quality,
        )
        self.reading.ended = True


class Transcription(_Whole):
    """Reads a transcript: tokens where the model reports them, and the seconds of sound.

    `plain` tells that the client asked for `text`, `srt` or `vtt`, which the API answers as plain
    text; LiteLLM wraps them in JSON.
    """

    def __init__(self, sound: bytes, plain: bool = False) -> None:
        super().__init__()
        self._plain = plain
        self._seconds = seconds_of(sound)

    def whole(self, body: Json) -> None:
        """Read a complete answer; a plain-text one has nothing but its existence."""
        usage = child(body, "usage")
        tokens = responses.usage_of(usage, body) if count(usage, "input_tokens") else None
        reported = tokens or Usage()
        told = usage.get("seconds") or body.get("duration")
        seconds = told or self._seconds
        self.reading.measured_here = tokens is None and not told
        if self._plain and isinstance(body.get("text"), str):
            self.reading.instead = body["text"].encode()
            self.reading.content_type = b"text/plain; charset=utf-8"
        self.reading.usage = replace(reported, seconds=Decimal(str(seconds or 0)))
        self.reading.ended = True


class Speech(_Whole):
    """Reads speech: the answer is sound alone, so its length and the text are what is known.

    Models that bill by characters are exact; for those that bill by audio tokens the price has an
    estimate for each second of sound.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self._characters = len(text)
        self._sound: list[bytes] = []

    def feed(self, piece: bytes) -> bytes:
        """Keep a piece of the sound."""
        self._sound.append(piece)
        return piece

    def whole(self, body: Json) -> None:
        """The sound is complete."""
        sound = b"".join(self._sound)
        seconds = Decimal(str(round(seconds_of(sound), 3)))
        self.transcript.instead = {
            "sound": {"size": len(sound), "sha256": hashlib.sha256(sound).hexdigest()}
        }
        self.reading.usage = Usage(characters=self._characters, seconds=seconds)
        self.reading.ended = True


def _measures(vectors: list[Any]) -> Json:
    """How many vectors there are, and of how many numbers each: a log has no use for the rest.

    A vector in base64 has four bytes for each number (OpenAI's `encoding_format`).
    """
    first = mapping(vectors[0]).get("embedding") if vectors else None
    if isinstance(first, str):
        dimensions = (len(first) * 3 // 4 - first[-2:].count("=")) // 4
    else:
        dimensions = len(sequence(first))
    return {"count": len(vectors), "dimensions": dimensions}


def seconds_of(sound: bytes) -> float:
    """Length in seconds of a sound file; 0 when its format can't be read."""
    try:
        return float(soundfile.info(io.BytesIO(sound)).duration)
    except (soundfile.SoundFileError, RuntimeError, TypeError):
        return 0.0


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
