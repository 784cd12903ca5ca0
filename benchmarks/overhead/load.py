"""The clients, in a process of their own: `python -m benchmarks.overhead.load`.

A closed loop: each of some connections asks again as soon as it has its answer. It reads a `Plan`
as a line of JSON, warms up, writes `ready`, waits for a line, and writes all latencies in
milliseconds as a line of JSON. A wrong answer ends it with one line on stderr.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask, of whom, and how often."""

    port: int
    key: str
    model: str
    stream: bool
    requests: int
    warm_up: int
    connections: int
    chunks: int

    def request(self) -> bytes:
        """The whole HTTP request."""
        asked: dict[str, object] = {"model": self.model, "stream": self.stream}
        if self.stream:
            asked["stream_options"] = {"include_usage": True}
        asked["messages"] = [{"role": "user", "content": "Say something of some length."}]
        body = json.dumps(asked).encode()
        lines = (
            "POST /v1/chat/completions HTTP/1.1",
            f"host: 127.0.0.1:{self.port}",
            f"authorization: Bearer {self.key}",
            "content-type: application/json",
            f"content-length: {len(body)}",
            "\r\n",
        )
        return "\r\n".join(lines).encode() + body

    def accepts(self, answer: bytes) -> bool:
        """Whether an answer is whole: every chunk and the end of a stream, or a usage."""
        if not self.stream:
            return b'"usage"' in answer
        return answer.count(b'"content":"w') == self.chunks and b"data: [DONE]" in answer


class WrongAnswerError(Exception):
    """An answer that would make the figures worthless."""


async def _ask(reader: asyncio.StreamReader) -> bytes:
    """The body of the next answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
    body = await reader.readexactly(int(length)) if length else await _chunked(reader)
    if head.split(b" ", 2)[1] != b"200":
        raise WrongAnswerError((head[:20] + body[:300]).decode(errors="replace"))
    return body


async def _chunked(reader: asyncio.StreamReader) -> bytes:
    parts: list[bytes] = []
    while size := int(await reader.readline(), 16):
        parts.append((await reader.readexactly(size + 2))[:-2])
    await reader.readline()
    return b"".join(parts)


async def _client(plan: Plan, turns: Iterator[int]) -> list[float]:
    """One connection that takes turns as long as there are any; the latency of each in ms."""
    reader, writer = await asyncio.open_connection("127.0.0.1", plan.port)
    request, latencies = plan.request(), list[float]()
    for _ in turns:
        started = time.perf_counter()
        writer.write(request)
        answer = await _ask(reader)
        latencies.append((time.perf_counter() - started) * 1000)
        if not plan.accepts(answer):
            raise WrongAnswerError(f"not whole: {answer[-300:].decode(errors='replace')}")
    writer.close()
    return latencies


async def _clients(plan: Plan, requests: int) -> list[float]:
    turns = iter(range(requests))
    found = await asyncio.gather(*(_client(plan, turns) for _ in range(plan.connections)))
    return [latency for latencies in found for latency in latencies]


def _main() -> None:
    plan = Plan(**json.loads(sys.stdin.readline()))
    asyncio.run(_clients(plan, plan.warm_up))
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(asyncio.run(_clients(plan, plan.requests))))


if __name__ == "__main__":
    try:
        _main()
    except (WrongAnswerError, OSError, asyncio.IncompleteReadError) as error:
        sys.exit(" ".join(str(error).split()))
