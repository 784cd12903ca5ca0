"""What every reader finds out, and how it cuts a stream into events."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from ...pricing.usage import Usage
from ...untyped import mapping
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
    begun: bool = True
    """Whether a stream has brought a piece of its content: until then it can fail as a whole."""
    instead: bytes | None = None
    """A body that the client gets instead of LiteLLM's, which is not what the API defines."""
    content_type: bytes | None = None
    """The content type of `instead`, when it is another one."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    """Headers of our own that go with the answer, with names in lower case."""
    measured_here: bool = False
    """Whether `usage` rests on a measure of ours, as the length of a sound file's header."""

    @property
    def failed(self) -> bool:
        """Whether the answer carried an error event."""
        return self.error_type is not None

    @property
    def over(self) -> bool:
        """Whether a stream has broken off with an error: what follows is no part of it."""
        return self.error_type is not None and not self.ended


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
        """Read a piece of a stream and return what the client shall get of it.

        An error event is noted in `reading` and left out, with all that follows it.
        """
        ...


@dataclass(slots=True)
class SseLines:
    """Cuts a byte stream into lines and `data:` payloads, wherever its pieces were cut."""

    _rest: bytes = field(default=b"")

    def whole(self, piece: bytes) -> bytes:
        """The lines that are complete with this piece; the beginning of the next one waits.

        No client can use half a line, and an error in it could not be cleaned. An event's name
        waits for the event: it may be an error, which the client gets in another form.
        """
        data = self._rest + piece if self._rest else piece
        end = len(data) if data.endswith(b"\n") else data.rfind(b"\n") + 1
        last = data.rfind(b"\n", 0, max(end - 1, 0)) + 1
        if data[last : last + 6] == b"event:":
            end = last
        self._rest = data[end:]
        return data[:end]

    @staticmethod
    def payloads(lines: bytes) -> list[bytes]:
        """The `data:` payloads in whole lines."""
        if lines[:6] == b"data: " and lines[-2:] == b"\n\n" and lines.count(b"\n") == 2:
            return [lines[6:-2]]  # one event in a piece, as chat completions come
        return [line[5:].strip() for line in lines.split(b"\n") if line[:5] == b"data:"]


def before(piece: bytes, payload: bytes) -> bytes:
    """What stands in a piece before the event with this payload."""
    head = piece[: piece.index(payload)]
    head = head[: head.rfind(b"\n") + 1]
    name = head.rfind(b"\n", 0, max(len(head) - 1, 0)) + 1
    return head[:name] if head[name : name + 6] == b"event:" else head


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
