"""How events travel: server-sent events, JSON arrays, and AWS's binary event stream."""

import base64
import json
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .pretend import Json, Prompt, Reply


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a streamed answer; `content` marks those that carry a piece of the answer."""

    name: str
    data: Mapping[str, Any] | str
    content: bool = False

    @property
    def text(self) -> str:
        return self.data if isinstance(self.data, str) else json.dumps(self.data)


@dataclass(frozen=True, slots=True)
class Raw:
    """An answer that is not JSON."""

    data: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A provider's native error."""

    status: int
    body: Json
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Frame:
    """The bytes of one event."""

    data: bytes
    content: bool


Framed = Iterator[Frame]


@dataclass(frozen=True, slots=True)
class Transport:
    """Turns events into bytes, one by one."""

    media_type: str
    frame: Callable[[Iterable[Event]], Framed]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The one interface of every simulated API.

    `read` raises `MalformedError` for what has not the API's form, `rules` for what the provider
    refuses all the same (see `rules/`; it gets the headers, too). `fault` is the error event in the
    middle of a stream, `overflow` what is said of a prompt that is too long. `complaint` goes into
    the journal's `faults`: the provider takes such a call, but nobody should make it.
    """

    read: Callable[[str, Json], Prompt]
    write: Callable[[Prompt, Reply], Json | Raw]
    refuse: Callable[[int, str], Refusal]
    stream: Callable[[Prompt, Reply], Iterator[Event]] | None = None
    fault: Callable[[str], Event] | None = None
    transport: Transport | None = None
    headers: Callable[[Prompt, Reply], Mapping[str, str]] | None = None
    rules: Callable[[Prompt, Mapping[str, str]], None] | None = None
    overflow: str = "The input is too long."
    complaint: str | None = None


def _named(events: Iterable[Event]) -> Framed:
    for event in events:
        yield Frame(f"event: {event.name}\ndata: {event.text}\n\n".encode(), event.content)


def _unnamed(events: Iterable[Event]) -> Framed:
    for event in events:
        yield Frame(f"data: {event.text}\n\n".encode(), event.content)


def _array(events: Iterable[Event]) -> Framed:
    opening = b"["
    for event in events:
        yield Frame(opening + event.text.encode(), event.content)
        opening = b"\n,\r\n"
    yield Frame(b"]", content=False)


def aws_message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message of `application/vnd.amazon.eventstream`: prelude, headers, payload, two CRCs.

    Format: smithy.io, "Amazon Event Stream Specification".
    """
    block = b"".join(
        bytes([len(name)])
        + name.encode()
        + b"\x07"
        + struct.pack(">H", len(value))
        + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack(">II", 12 + len(block) + len(payload) + 4, len(block))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + block + payload
    return message + struct.pack(">I", zlib.crc32(message))


def _aws_event(event: Event, name: str, payload: bytes) -> bytes:
    failed = event.name.endswith("Exception")
    kind = "exception" if failed else "event"
    headers = {f":{kind}-type": event.name if failed else name}
    headers |= {":content-type": "application/json", ":message-type": kind}
    return aws_message(headers, event.text.encode() if failed else payload)


def _aws(events: Iterable[Event]) -> Framed:
    for event in events:
        yield Frame(_aws_event(event, event.name, event.text.encode()), event.content)


def _aws_chunks(events: Iterable[Event]) -> Framed:
    """InvokeModelWithResponseStream: the model's own event, base64, in an event named `chunk`."""
    for event in events:
        payload = json.dumps({"bytes": base64.b64encode(event.text.encode()).decode()})
        yield Frame(_aws_event(event, "chunk", payload.encode()), event.content)


SSE = Transport("text/event-stream", _unnamed)
SSE_NAMED = Transport("text/event-stream", _named)
JSON_ARRAY = Transport("application/json", _array)
AWS = Transport("application/vnd.amazon.eventstream", _aws)
AWS_CHUNKS = Transport("application/vnd.amazon.eventstream", _aws_chunks)
