"""What every reader finds out, and how it cuts a stream into events."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from ...pricing.usage import Usage
from ...untyped import mapping
from .. import errors
from .transcript import Transcript

Json = Mapping[str, Any]


@dataclass(slots=True)
class Reading:
    """What an answer has told so far; `ended` when the API's own last event has been seen."""

    usage: Usage | None = None
    finish_reasons: tuple[str, ...] = ()
    error_type: str | None = None
    error_message: str | None = None
    ended: bool = False
    instead: bytes | None = None
    """A body that the client gets instead of LiteLLM's, which is not what the API defines."""
    content_type: bytes | None = None
    """The content type of `instead`, when it is another one."""
    measured_here: bool = False
    """Whether `usage` rests on a measure of ours, as the length of a sound file's header."""

    @property
    def failed(self) -> bool:
        """Whether the answer carried an error event."""
        return self.error_type is not None


class Reader(Protocol):
    """Reads one answer. `whole` for a JSON body, `feed` for each piece of a stream.

    `transcript` has what a stream has said so far, or what to log instead of a whole answer.
    """

    reading: Reading

    @property
    def transcript(self) -> Transcript:
        """What the answer has said, as far as it passed in pieces."""
        ...

    def whole(self, body: Json) -> None:
        """Read a complete JSON answer."""
        ...

    def feed(self, piece: bytes) -> bytes:
        """Read a piece of a stream and return what the client shall get of it."""
        ...


@dataclass(slots=True)
class SseLines:
    """Cuts a byte stream into lines and `data:` payloads, wherever its pieces were cut."""

    _rest: bytes = field(default=b"")

    def whole(self, piece: bytes) -> bytes:
        """The lines that are complete with this piece; the beginning of the next one waits.

        No client can use half a line, and an error in it could not be cleaned.
        """
        data = self._rest + piece if self._rest else piece
        end = len(data) if data.endswith(b"\n") else data.rfind(b"\n") + 1
        self._rest = data[end:]
        return data[:end]

    @staticmethod
    def payloads(lines: bytes) -> list[bytes]:
        """The `data:` payloads in whole lines."""
        if lines[:6] == b"data: " and lines[-2:] == b"\n\n" and lines.count(b"\n") == 2:
            return [lines[6:-2]]  # one event in a piece, as chat completions come
        return [line[5:].strip() for line in lines.split(b"\n") if line[:5] == b"data:"]


def cleaned(piece: bytes, payload: bytes, event: Json, error: Json) -> bytes:
    """The piece with an error event's message in the provider's own words (see `errors.clean`).

    `error` is the object inside `event` that holds the message.
    """
    message = error.get("message")
    if not isinstance(message, str) or errors.clean(message) == message:
        return piece
    changed = _with_message(event, error, errors.clean(message))
    # Not orjson: the event may have halves of characters, see `parse`.
    return piece.replace(payload, json.dumps(changed, separators=(",", ":")).encode())


def _with_message(container: Json, error: Json, message: str) -> dict[str, Any]:
    changed: dict[str, Any] = dict(container)
    for name, value in container.items():
        if value is error:
            changed[name] = {**error, "message": message}
        elif isinstance(value, dict):
            changed[name] = _with_message(mapping(value), error, message)
    return changed


def parse(payload: bytes) -> dict[str, Any] | None:
    """The payload as a JSON object, or None when it is something else (`[DONE]`)."""
    try:
        value = orjson.loads(payload)
    except orjson.JSONDecodeError:
        value = _with_halves(payload)
    return value if isinstance(value, dict) and value else None


def _with_halves(payload: bytes) -> object:
    """JSON with halves of characters (a lone `\\ud83d`), which orjson refuses."""
    if b"\\u" not in payload:
        return None
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return None


def count(container: object, *names: str) -> int:
    """The first of `names` in a JSON object that is a number above 0, else 0."""
    found = mapping(container)
    for name in names:
        value = found.get(name)
        if isinstance(value, (int, float)) and value > 0:
            return int(value)
    return 0


def child(container: object, name: str) -> Json:
    """A nested JSON object, or an empty one."""
    return mapping(mapping(container).get(name))


def tier_of(body: Json) -> str | None:
    """The service tier that an answer names: one with a price of its own, or "default".

    None when the answer names none: the tier that was asked for may then hold.
    """
    tier = body.get("service_tier")
    return tier if tier in ("priority", "flex") else "default" if tier else None
