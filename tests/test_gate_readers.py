"""The readers of streams: the same reading wherever the network has cut the bytes."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sekisho.gate.readers.base import Reader, Reading
from sekisho.gate.readers.chat import Chat
from sekisho.gate.readers.messages import Messages
from sekisho.gate.readers.responses import Responses
from sekisho.pricing.usage import Usage

WRAPPED = "litellm.RateLimitError: RateLimitError: AzureException - slow down"


def sse(*events: Any, newline: str = "\n") -> bytes:
    """Server-sent events; those with a type are named, as Anthropic's and OpenAI's are."""
    lines: list[str] = []
    for event in events:
        if isinstance(event, dict) and "type" in event:
            lines.append(f"event: {event['type']}")
        lines += [f"data: {event if isinstance(event, str) else json.dumps(event)}", ""]
    return (newline.join(lines) + newline).encode()


def _chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return {"id": "chatcmpl-1", "choices": [choice]}


CHAT = [
    _chunk({"role": "assistant", "content": ""}),
    _chunk({"content": 'He said: "usage":{ and [DONE] and 関所'}),
    _chunk({"content": "data: not a line of its own"}),
    _chunk({}, "stop"),
]
CHAT_USAGE = {
    "id": "chatcmpl-1",
    "choices": [],
    "usage": {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "prompt_tokens_details": {"cached_tokens": 60},
        "completion_tokens_details": {"reasoning_tokens": 5},
    },
}
MESSAGE = [
    {
        "type": "message_start",
        "message": {
            "id": "msg_1",
            "usage": {
                "input_tokens": 10,
                "output_tokens": 1,
                "cache_read_input_tokens": 60,
                "cache_creation_input_tokens": 30,
                "cache_creation": {"ephemeral_1h_input_tokens": 20},
            },
        },
    },
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": 'about "message_stop" and 関所'},
    },
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn"},
        "usage": {"output_tokens": 20, "input_tokens": None},
    },
    {"type": "message_stop"},
]
RESPONSE = [
    {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress"}},
    {"type": "response.output_text.delta", "delta": 'about "response.completed" and 関所'},
    {
        "type": "response.completed",
        "response": {
            "id": "resp_1",
            "status": "completed",
            "error": None,
            "usage": {
                "input_tokens": 100,
                "output_tokens": 20,
                "input_tokens_details": {"cached_tokens": 60},
                "output_tokens_details": {"reasoning_tokens": 5},
            },
        },
    },
]

OPENAI_USAGE = Usage(
    input_tokens=100, output_tokens=20, cache_read_input_tokens=60, reasoning_output_tokens=5
)
CLAUDE_USAGE = Usage(
    input_tokens=100,
    output_tokens=20,
    cache_read_input_tokens=60,
    cache_write_5m_input_tokens=10,
    cache_write_1h_input_tokens=20,
)
FAILED: dict[str, Any] = {"error_type": "rate_limit_error", "error_message": "slow down"}
CHAT_ERROR = {"error": {"message": WRAPPED, "type": "rate_limit_error", "code": None}}
MESSAGE_ERROR = {"type": "error", "error": {"type": "rate_limit_error", "message": WRAPPED}}
RESPONSE_ERROR = {
    "type": "response.failed",
    "response": {
        "id": "resp_1",
        "status": "failed",
        "error": {"code": "rate_limit_error", "message": WRAPPED},
    },
}

STREAMS: dict[str, tuple[type[Reader], bytes, Reading]] = {
    "chat": (
        Chat,
        sse(*CHAT, CHAT_USAGE, "[DONE]"),
        Reading(OPENAI_USAGE, ("stop",), ended=True),
    ),
    "chat with another line end": (
        Chat,
        sse(*CHAT, CHAT_USAGE, "[DONE]", newline="\r\n"),
        Reading(OPENAI_USAGE, ("stop",), ended=True),
    ),
    "chat, cut off": (Chat, sse(*CHAT[:2]), Reading()),
    "chat that fails": (
        Chat,
        sse(*CHAT[:2], CHAT_ERROR, "[DONE]"),
        Reading(**FAILED),
    ),
    "messages": (
        Messages,
        sse(*MESSAGE),
        Reading(CLAUDE_USAGE, ("end_turn",), ended=True),
    ),
    "messages with another line end": (
        Messages,
        sse(*MESSAGE, newline="\r\n"),
        Reading(CLAUDE_USAGE, ("end_turn",), ended=True),
    ),
    "messages that fail": (Messages, sse(MESSAGE[1], MESSAGE_ERROR), Reading(**FAILED)),
    "responses": (
        Responses,
        sse(*RESPONSE),
        Reading(OPENAI_USAGE, ("completed",), ended=True),
    ),
    "responses that fail": (
        Responses,
        sse(*RESPONSE[:2], RESPONSE_ERROR, "[DONE]"),
        Reading(None, ("failed",), **FAILED),
    ),
}


def read(reader: Reader, pieces: Sequence[bytes]) -> bytes:
    """Feed all pieces; what the client gets."""
    return b"".join([reader.feed(piece) for piece in pieces])


def cut(stream: bytes, at: Sequence[int]) -> list[bytes]:
    """The stream in pieces, cut at these places."""
    places = [0, *sorted(place % (len(stream) + 1) for place in at), len(stream)]
    return [stream[a:b] for a, b in itertools.pairwise(places)]


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_in_one_piece(name: str) -> None:
    """Usage, ending, reasons and errors are found; an error is left out, with what follows."""
    kind, stream, reading = STREAMS[name]
    reader = kind()
    shown = read(reader, [stream])
    assert asdict(reader.reading) == asdict(reading)
    if "fail" in name:
        assert shown.endswith(b"\n\n")
        assert stream.startswith(shown)
        assert b"slow down" not in shown
        assert b"event: error" not in shown
    else:
        assert shown == stream


@pytest.mark.parametrize("name", STREAMS)
@given(st.lists(st.integers(min_value=0, max_value=100_000), max_size=8))
def test_a_stream_in_any_pieces(name: str, at: list[int]) -> None:
    """However the stream was cut, reading and bytes are those of the whole."""
    kind, stream, reading = STREAMS[name]
    whole, parts = kind(), kind()
    expected = read(whole, [stream])
    assert read(parts, cut(stream, at)) == expected
    assert asdict(parts.reading) == asdict(reading)


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_byte_by_byte(name: str) -> None:
    """The finest cut of all gives the same, too."""
    kind, stream, reading = STREAMS[name]
    whole, parts = kind(), kind()
    pieces = [stream[i : i + 1] for i in range(len(stream))]
    assert read(parts, pieces) == read(whole, [stream])
    assert asdict(parts.reading) == asdict(reading)


def test_a_line_that_never_ends_is_nothing() -> None:
    """Half an event at the end of a broken stream is not read and not passed on."""
    stream = sse(*MESSAGE[:2])
    reader = Messages()
    assert read(reader, [stream, b'event: message_stop\ndata: {"type": "message_st']) == stream
    assert not reader.reading.ended


def test_a_client_that_did_not_ask_for_usage_gets_no_chunk_without_choices() -> None:
    """Azure's first chunk and the usage chunk are read and taken out; everything else stays."""
    filters = {"id": "", "choices": [], "prompt_filter_results": []}
    events = [filters, *CHAT, CHAT_USAGE, "[DONE]"]
    pieces = [sse(json.dumps(e, separators=(",", ":")) if e != "[DONE]" else e) for e in events]
    silent, asking = Chat(wants_usage=False), Chat(wants_usage=True)
    assert read(silent, pieces) == b"".join([*pieces[1:5], pieces[6]])
    assert read(asking, pieces) == b"".join(pieces)
    assert silent.reading == asking.reading
    assert silent.reading.usage == OPENAI_USAGE


def test_a_refusal_inside_a_finished_answer_is_an_error() -> None:
    """A response object that failed says so when it isn't streamed, too."""
    reader = Responses()
    reader.whole(RESPONSE_ERROR["response"])  # type: ignore[arg-type]
    assert reader.reading.failed
    assert reader.reading.error_message == "slow down"
