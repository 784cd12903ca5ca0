"""A cheap OpenAI-like upstream: `python -m benchmarks.overhead.upstream PORT CHUNKS PACE_MS`.

A streamed answer is CHUNKS pieces with a pause of PACE_MS before each; a plain one takes as long
as a streamed one in total. It knows no routes and no keys.
"""

import asyncio
import json
import sys
from functools import partial

_USAGE = {"prompt_tokens": 20, "completion_tokens": 50, "total_tokens": 70}
_ENDS = (asyncio.IncompleteReadError, ConnectionError)


def plain_answer() -> bytes:
    """A whole HTTP answer."""
    message = {"role": "assistant", "content": "An answer of some length, as models give it."}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = _json({**_head("chat.completion"), "choices": [choice], "usage": _USAGE})
    return b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


def stream_pieces(chunks: int, with_usage: bool) -> list[bytes]:
    """The pieces of a streamed answer; `chunks` of them carry text."""
    deltas = [{"role": "assistant", "content": ""}, *({"content": f"w{i} "} for i in range(chunks))]
    events = [_event([{"index": 0, "delta": delta, "finish_reason": None}]) for delta in deltas]
    events.append(_event([{"index": 0, "delta": {}, "finish_reason": "stop"}]))
    if with_usage:
        events.append(_event([], usage=_USAGE))
    return [b"data: %s\n\n" % event for event in (*events, b"[DONE]")]


def _event(choices: list[object], **more: object) -> bytes:
    return _json({**_head("chat.completion.chunk"), "choices": choices, **more})


def _head(kind: str) -> dict[str, object]:
    return {"id": "chatcmpl-bench", "object": kind, "created": 1, "model": "gpt-4.1"}


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


async def _serve(
    chunks: int, pace: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    plain = plain_answer()
    streams = {asked: stream_pieces(chunks, asked) for asked in (False, True)}
    try:
        while True:
            body = (await _request(reader)).replace(b" ", b"")
            writer.write(b"HTTP/1.1 200 OK\r\n")
            if b'"stream":true' in body:
                await _stream(writer, streams[b'"include_usage":true' in body], pace)
            else:
                await asyncio.sleep(pace * chunks)
                writer.write(plain)
            await writer.drain()
    except _ENDS:
        pass
    finally:
        writer.close()


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
    return await reader.readexactly(int(length or 0))


async def _stream(writer: asyncio.StreamWriter, pieces: list[bytes], pace: float) -> None:
    writer.write(b"content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    for piece in pieces:
        writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        await asyncio.sleep(pace)
    writer.write(b"0\r\n\r\n")


async def _main(port: int, chunks: int, pace: float) -> None:
    server = await asyncio.start_server(partial(_serve, chunks, pace), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 1000))
