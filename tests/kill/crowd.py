"""Clients in a crowd: half of them stream, and each notes what it saw of every answer."""

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

TOKENS = (20, 40)  # of every request, in and out
# What is in the last event of a stream, spaces left out.
_LAST = {"/v1/chat/completions": "data:[DONE]", "/v1/messages": '"type":"message_stop"'}
_KINDS = (
    ("/v1/chat/completions", "gpt-4.1"),
    ("/v1/messages", "claude-haiku-5-5"),
)


@dataclass(slots=True)
class Asked:
    """One request as its client saw it.

    `trace` was sent with it and is in its prompt; `complete` says that its answer came whole: the
    last event of a stream, or the whole body. `seconds` is from when it was due to that.
    """

    trace: str
    stream: bool
    request_id: str | None = None
    status: int | None = None
    complete: bool = False
    seconds: float = 0.0


@dataclass(slots=True)
class Crowd:
    """Clients that ask one request after the other until they are stopped."""

    url: str
    key: str
    seed: int = 1
    pause: float = 0.0  # seconds between two requests of one client
    asked: list[Asked] = field(default_factory=list[Asked])
    stopped: bool = False

    @property
    def complete(self) -> Sequence[Asked]:
        """The requests whose answers came whole and good."""
        return [one for one in self.asked if one.complete and one.status == 200]

    async def run(self, clients: int) -> None:
        """Let so many clients ask until `stopped`; what they began comes to its end."""
        await asyncio.gather(*(self._client(number) for number in range(clients)))

    async def paced(self, per_second: float, seconds: float) -> None:
        """Ask at a steady pace for so long, however long answers take; none may fail."""
        headers = {"authorization": f"Bearer {self.key}"}
        dice = random.Random(self.seed)
        limits = httpx.Limits(max_connections=None)
        async with (
            httpx.AsyncClient(
                base_url=self.url, timeout=60, headers=headers, limits=limits
            ) as client,
            asyncio.TaskGroup() as group,
        ):
            start = time.monotonic()
            for number in range(int(per_second * seconds)):
                due = start + number / per_second
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                one = Asked(f"{dice.getrandbits(128):032x}", number % 2 == 0)
                self.asked.append(one)
                kind = _KINDS[number // 2 % len(_KINDS)]
                group.create_task(_timed(client, one, due, *kind))

    async def _client(self, number: int) -> None:
        headers = {"authorization": f"Bearer {self.key}"}
        dice = random.Random(self.seed * 1000 + number)
        async with httpx.AsyncClient(base_url=self.url, timeout=30, headers=headers) as client:
            while not self.stopped:
                stream = len(self.asked) % 2 == 0
                one = Asked(f"{dice.getrandbits(128):032x}", stream)
                self.asked.append(one)
                with suppress(httpx.TransportError):
                    await _ask(client, one, *dice.choice(_KINDS))
                # A dead worker's connections fail at once: no busy loop while nobody listens.
                await asyncio.sleep(self.pause if one.complete else 0.05)


async def _timed(client: httpx.AsyncClient, one: Asked, due: float, path: str, model: str) -> None:
    await _ask(client, one, path, model)
    one.seconds = time.monotonic() - due


def _body(one: Asked, model: str) -> dict[str, Any]:
    directives = "[[sim:usage input=20 output=40]]"
    if one.stream:
        directives += "[[sim:chunks 6 delay=0.01]]"
    message = {"role": "user", "content": f"{directives} mark {one.trace}"}
    return {"model": model, "max_tokens": 40, "messages": [message], "stream": one.stream}


async def _ask(client: httpx.AsyncClient, one: Asked, path: str, model: str) -> None:
    headers = {"traceparent": f"00-{one.trace}-00f067aa0ba902b7-01"}
    async with client.stream("POST", path, json=_body(one, model), headers=headers) as answer:
        one.request_id = answer.headers.get("x-sekisho-request-id")
        one.status = answer.status_code
        if not one.stream:
            await answer.aread()
            one.complete = True
            return
        async for line in answer.aiter_lines():
            # Complete as soon as the last event is there: nothing after it says anything.
            one.complete = one.complete or _LAST[path] in line.replace(" ", "")
