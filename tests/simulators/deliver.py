"""Sends one answer as its behaviour says: late, refused, cut off, broken off, or whole."""

import asyncio
import json
import time
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, TypeVar

from starlette.types import Receive, Send

from .pretend import Json, Prompt, Reply, answer, unique
from .script import Behaviour
from .wire import Endpoint, Event, Frame, Framed, Raw, Refusal

MESSAGES = {429: "Too many requests, please wait before trying again."}


class Connection:
    """The way back to the client, with two things ASGI has no word for: cut, and still there?"""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._send = send
        # uvicorn hands out a bound method of the request's cycle, which holds the socket.
        self._cycle: Any = getattr(receive, "__self__")  # noqa: B009
        self._receive = receive
        self._was_cut = False

    @property
    def gone(self) -> bool:
        return bool(self._cycle.disconnected)

    def cut(self) -> None:
        """Close the socket once what was written is out, without ending the response."""
        self._was_cut = True
        self._cycle.transport.close()

    async def watch(self, entry: Json) -> None:
        """Note in `entry` when the client leaves before it has the whole answer.

        To be started when the body has been read: what is received after it is the end.
        """
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.note(entry)

    def note(self, entry: Json) -> None:
        """The client has left, if it has."""
        if self.gone and not self._was_cut and entry["left"] is None:
            entry["left"] = time.time()

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        common = {"x-request-id": unique("req"), "x-amzn-requestid": unique("req")}
        raw = [(k.lower().encode(), v.encode()) for k, v in {**common, **headers}.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def body(self, data: bytes, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": more})


async def deliver(
    connection: Connection, endpoint: Endpoint, prompt: Prompt, behaviour: Behaviour, entry: Json
) -> None:
    """Answer; `entry` (of the journal) learns the status and whether all of it was delivered."""
    await asyncio.sleep(behaviour.slow)
    streaming = prompt.stream and endpoint.stream is not None
    broken = behaviour.midstream is not None and not streaming
    if behaviour.cut == 0:
        connection.cut()
    elif behaviour.status >= 400 or behaviour.overflow or broken:
        await refuse(connection, _refusal(endpoint, behaviour, broken), entry)
    else:
        await _answer(connection, endpoint, prompt, behaviour, entry)


async def _answer(
    connection: Connection, endpoint: Endpoint, prompt: Prompt, behaviour: Behaviour, entry: Json
) -> None:
    entry["status"] = 200
    reply = answer(prompt, behaviour)
    headers: Mapping[str, str] = endpoint.headers(prompt, reply) if endpoint.headers else {}
    if prompt.stream and endpoint.transport:
        await connection.start(200, {**headers, "content-type": endpoint.transport.media_type})
        await _stream(connection, _frames(endpoint, prompt, reply, behaviour), behaviour, entry)
    else:
        await _whole(connection, endpoint.write(prompt, reply), headers, behaviour, entry)


async def refuse(connection: Connection, refusal: Refusal, entry: Json) -> None:
    entry["status"] = refusal.status
    data = json.dumps(refusal.body).encode()
    kind = {"content-type": "application/json", "content-length": str(len(data))}
    await connection.start(refusal.status, {**kind, **refusal.headers})
    await connection.body(data, more=False)
    entry["complete"] = not connection.gone


def _refusal(endpoint: Endpoint, behaviour: Behaviour, broken: bool) -> Refusal:
    if behaviour.overflow:
        return endpoint.refuse(400, endpoint.overflow)
    status = 500 if broken else behaviour.status
    text = behaviour.message or MESSAGES.get(status, f"Simulated error {status}.")
    refusal = endpoint.refuse(status, text)
    later: dict[str, str] = {}
    if behaviour.retry_after is not None:
        later = {"retry-after": f"{behaviour.retry_after:g}"}
    return Refusal(refusal.status, refusal.body, {**refusal.headers, **later})


def _frames(endpoint: Endpoint, prompt: Prompt, reply: Reply, behaviour: Behaviour) -> Framed:
    assert endpoint.stream
    assert endpoint.transport
    assert endpoint.fault
    events = endpoint.stream(prompt, reply)
    if behaviour.midstream is not None:
        fault = endpoint.fault(behaviour.message or "Simulated failure in mid-stream.")
        events = chain(_until(events, behaviour.midstream), [fault])
    frames = endpoint.transport.frame(events)
    return frames if behaviour.cut is None else _until(frames, behaviour.cut)


Chunk = TypeVar("Chunk", Event, Frame)


def _until(chunks: Iterator[Chunk], after: int) -> Iterator[Chunk]:
    """Chunks up to and including number `after` of those that carry content."""
    seen = 0
    for chunk in chunks:
        seen += chunk.content
        if seen > after:
            return
        yield chunk
        if seen == after and chunk.content:
            return


async def _stream(
    connection: Connection, frames: Framed, behaviour: Behaviour, entry: Json
) -> None:
    for frame in frames:
        if connection.gone:
            return
        await connection.body(frame.data, more=True)
        if frame.content:
            await asyncio.sleep(behaviour.delay)
    if behaviour.cut is not None:
        connection.cut()
    else:
        await connection.body(b"", more=False)
        entry["complete"] = not connection.gone


async def _whole(
    connection: Connection,
    payload: Json | Raw,
    headers: Mapping[str, str],
    behaviour: Behaviour,
    entry: Json,
) -> None:
    kind = payload.media_type if isinstance(payload, Raw) else "application/json"
    data = payload.data if isinstance(payload, Raw) else json.dumps(payload).encode()
    sized = {"content-type": kind, "content-length": str(len(data))}
    await connection.start(200, {**headers, **sized})
    if behaviour.cut is not None:
        await connection.body(data[: len(data) // 2], more=True)
        connection.cut()
    else:
        await connection.body(data, more=False)
        entry["complete"] = not connection.gone
