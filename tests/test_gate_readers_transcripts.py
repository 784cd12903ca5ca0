"""What streams have said: gathered as it passes, whole wherever the network has cut the bytes."""

import itertools
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sekisho.gate.readers.base import Reader
from sekisho.gate.readers.chat import Chat
from sekisho.gate.readers.media import Embeddings, Speech
from sekisho.gate.readers.messages import Messages, TokenCount
from sekisho.gate.readers.responses import Responses
from sekisho.gate.readers.transcript import MOST, Room, Text

Json = dict[str, Any]


def sse(*events: Json | str, newline: str = "\n") -> bytes:
    """Server-sent events, as the gate sends them."""
    lines: list[str] = []
    for event in events:
        if isinstance(event, dict) and "type" in event:
            lines.append(f"event: {event['type']}")
        told = event if isinstance(event, str) else json.dumps(event, separators=(",", ":"))
        lines += [f"data: {told}", ""]
    return (newline.join(lines) + newline).encode()


def chunk(delta: Json, index: int = 0, reason: str | None = None) -> Json:
    """A chunk of a streamed chat."""
    return {"id": "c", "choices": [{"index": index, "delta": delta, "finish_reason": reason}]}


def call(index: int, arguments: str, **more: Any) -> Json:
    """A chunk with a piece of a tool call."""
    function = {"arguments": arguments, **({"name": more.pop("name")} if "name" in more else {})}
    return chunk({"tool_calls": [{"index": index, "function": function, **more}]})


def choice(reason: str | None = "stop", index: int = 0, **message: Any) -> Json:
    """A choice of a complete chat."""
    told = {"role": "assistant", "content": None, **message}
    return {"index": index, "message": told, "finish_reason": reason}


def block(index: int, kind: str, **fields: Any) -> Json:
    """The beginning of a content block of a message."""
    began = {"type": kind, **fields}
    return {"type": "content_block_start", "index": index, "content_block": began}


def delta(index: int, kind: str, **fields: Any) -> Json:
    """A piece of a content block of a message."""
    told = {"type": kind, **fields}
    return {"type": "content_block_delta", "index": index, "delta": told}


def stopped(reason: str) -> list[Json]:
    """The end of a streamed message."""
    return [{"type": "message_delta", "delta": {"stop_reason": reason}}, {"type": "message_stop"}]


def said(kind: str, text: str, output: int = 0, **fields: Any) -> Json:
    """A piece of an output item of a response."""
    return {"type": f"response.{kind}.delta", "output_index": output, "delta": text, **fields}


def item(state: str, output: int, **fields: Any) -> Json:
    """An output item of a response, as it begins or ends."""
    return {"type": f"response.output_item.{state}", "output_index": output, "item": fields}


DONE_ITEM = {
    "type": "message",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "関所 is a gate"}],
}

# What was streamed, and the complete answer that it amounts to.
STREAMS: dict[str, tuple[type[Reader], list[Json | str], Json | None]] = {
    "chat": (
        Chat,
        [
            chunk({"role": "assistant", "content": ""}),
            chunk({"content": "関所"}),
            chunk({"content": ' is a "gate"\n\n'}),
            chunk({"content": 'data: {"usage":{'}),
            chunk({}, reason="stop"),
            {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}},
            "[DONE]",
        ],
        {"choices": [choice(content='関所 is a "gate"\n\ndata: {"usage":{')]},
    ),
    "chat of two choices": (
        Chat,
        [
            chunk({"content": "one "}, 0),
            chunk({"content": "eins "}, 1),
            chunk({"content": "two"}, 0, "stop"),
            chunk({"content": "zwei"}, 1, "length"),
            "[DONE]",
        ],
        {"choices": [choice(content="one two"), choice("length", 1, content="eins zwei")]},
    ),
    "chat that reasons": (
        Chat,
        [
            chunk({"reasoning_content": "Hm", "thinking_blocks": [{"signature": "xyz"}]}),
            chunk({"reasoning_content": ", so.", "provider_specific_fields": {"a": "b"}}),
            chunk({"content": "Yes"}),
            chunk({}, reason="stop"),
        ],
        {"choices": [choice(reasoning_content="Hm, so.", content="Yes")]},
    ),
    "chat that refuses": (
        Chat,
        [chunk({"refusal": "I can"}), chunk({"refusal": "not."}, reason="stop")],
        {"choices": [choice(refusal="I cannot.")]},
    ),
    "chat that calls tools": (
        Chat,
        [
            call(0, "", id="call_1", type="function", name="weather"),
            call(1, '{"a', id="call_2", type="function", name="time"),
            call(0, '{"city": "Ky'),
            call(1, '":1}'),
            call(0, 'oto"}'),
            chunk({}, reason="tool_calls"),
        ],
        {
            "choices": [
                choice(
                    "tool_calls",
                    tool_calls=[
                        {
                            "id": "call_1",
                            "type": "function",
                            "function": {"name": "weather", "arguments": '{"city": "Kyoto"}'},
                        },
                        {
                            "id": "call_2",
                            "type": "function",
                            "function": {"name": "time", "arguments": '{"a":1}'},
                        },
                    ],
                )
            ]
        },
    ),
    "chat that calls a function": (
        Chat,
        [
            chunk({"function_call": {"name": "f", "arguments": '{"a'}}),
            chunk({"function_call": {"arguments": '":1}'}}, reason="function_call"),
        ],
        {"choices": [choice("function_call", function_call={"name": "f", "arguments": '{"a":1}'})]},
    ),
    "chat with sources": (
        Chat,
        [
            chunk({"content": "a", "annotations": [{"url": "u1"}]}),
            chunk({"content": "b", "annotations": [{"url": "u2"}]}),
        ],
        {"choices": [choice(None, content="ab", annotations=[{"url": "u1"}, {"url": "u2"}])]},
    ),
    "legacy completion": (
        Chat,
        [
            {"choices": [{"index": 0, "text": "Once", "finish_reason": None}]},
            {"choices": [{"index": 0, "text": " upon", "finish_reason": "length"}]},
        ],
        {"choices": [choice("length", text="Once upon")]},
    ),
    "chat, cut off": (
        Chat,
        [chunk({"content": "so"}), chunk({"content": " far"})],
        {"choices": [choice(None, content="so far")]},
    ),
    "chat of nothing but an error": (Chat, [{"error": {"message": "no"}}, "[DONE]"], None),
    "messages": (
        Messages,
        [
            {"type": "message_start", "message": {"role": "assistant", "content": []}},
            block(0, "thinking", thinking="", signature=""),
            delta(0, "thinking_delta", thinking="Hm, "),
            delta(0, "thinking_delta", thinking="so."),
            delta(0, "signature_delta", signature="c2lnbmF0dXJl"),
            {"type": "content_block_stop", "index": 0},
            {"type": "ping"},
            block(1, "text", text=""),
            delta(1, "text_delta", text="関所"),
            delta(1, "text_delta", text=' about "message_stop"'),
            delta(1, "citations_delta", citation={"cited_text": "gate"}),
            block(2, "tool_use", id="tool_1", name="weather", input={}),
            delta(2, "input_json_delta", partial_json='{"city": '),
            delta(2, "input_json_delta", partial_json='"Kyoto"}'),
            *stopped("tool_use"),
        ],
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm, so."},
                {
                    "type": "text",
                    "text": '関所 about "message_stop"',
                    "citations": [{"cited_text": "gate"}],
                },
                {"type": "tool_use", "id": "tool_1", "name": "weather", "input": {"city": "Kyoto"}},
            ],
            "stop_reason": "tool_use",
        },
    ),
    "messages, cut off within a tool's input": (
        Messages,
        [
            block(0, "tool_use", id="tool_1", name="weather", input={}),
            delta(0, "input_json_delta", partial_json='{"city": "Ky'),
        ],
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "tool_1", "name": "weather", "input": '{"city": "Ky'}
            ],
            "stop_reason": None,
        },
    ),
    "messages without a block's beginning": (
        Messages,
        [delta(0, "text_delta", text="so"), delta(0, "text_delta", text=" far")],
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "so far"}],
            "stop_reason": None,
        },
    ),
    "responses": (
        Responses,
        [
            {"type": "response.created", "response": {"status": "in_progress", "output": []}},
            item("added", 0, type="message", role="assistant", content=[]),
            said("output_text", "関所", content_index=0),
            said("output_text", " is a gate", content_index=0),
            item("done", 0, **DONE_ITEM),
            {
                "type": "response.completed",
                "response": {
                    "id": "resp_1",
                    "status": "completed",
                    "instructions": "Be brief.",
                    "output": [DONE_ITEM],
                    "usage": {"input_tokens": 1, "output_tokens": 2},
                },
            },
        ],
        {"status": "completed", "output": [DONE_ITEM]},
    ),
    "responses whose last event has no output": (
        Responses,
        [
            item("done", 0, **DONE_ITEM),
            {"type": "response.completed", "response": {"status": "completed", "output": []}},
        ],
        {"status": "completed", "output": [DONE_ITEM]},
    ),
    "responses, cut off": (
        Responses,
        [
            item("added", 0, type="reasoning", id="rs_1", summary=[]),
            said("reasoning_summary_text", "Hm, ", summary_index=0),
            said("reasoning_summary_text", "so.", summary_index=0),
            item("added", 1, type="message", role="assistant", content=[]),
            said("output_text", "one ", 1, content_index=0),
            said("output_text", "two", 1, content_index=0),
            said("output_text", "three", 1, content_index=1),
            item("added", 2, type="function_call", call_id="call_1", name="f", arguments=""),
            said("function_call_arguments", '{"city": ', 2),
            said("function_call_arguments", '"Ky', 2),
            said("audio", "c291bmQ=", 3),
        ],
        {
            "status": "in_progress",
            "output": [
                {
                    "type": "reasoning",
                    "id": "rs_1",
                    "summary": [{"type": "summary_text", "text": "Hm, so."}],
                },
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [
                        {"type": "output_text", "text": "one two"},
                        {"type": "output_text", "text": "three"},
                    ],
                },
                {
                    "type": "function_call",
                    "call_id": "call_1",
                    "name": "f",
                    "arguments": '{"city": "Ky',
                },
            ],
        },
    ),
    "responses without beginnings": (
        Responses,
        [said("output_text", "so"), said("output_text", " far"), said("refusal", "No.", 1)],
        {
            "status": "in_progress",
            "output": [
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": "so far"}],
                },
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "refusal", "refusal": "No."}],
                },
            ],
        },
    ),
}


def feed(reader: Reader, pieces: Sequence[bytes]) -> Json | None:
    """Feed all pieces; what they amount to."""
    for piece in pieces:
        reader.feed(piece)
    return reader.transcript.answer()


def cut(stream: bytes, at: Sequence[int]) -> list[bytes]:
    """The stream in pieces, cut at these places."""
    places = [0, *sorted(place % (len(stream) + 1) for place in at), len(stream)]
    return [stream[a:b] for a, b in itertools.pairwise(places)]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_is_gathered(name: str, newline: str) -> None:
    """A stream in one piece, event by event, or byte by byte amounts to the complete answer."""
    kind, events, answer = STREAMS[name]
    stream = sse(*events, newline=newline)
    assert feed(kind(), [stream]) == answer
    assert feed(kind(), [sse(event, newline=newline) for event in events]) == answer
    assert feed(kind(), [stream[i : i + 1] for i in range(len(stream))]) == answer


@pytest.mark.parametrize("name", STREAMS)
@given(st.lists(st.integers(min_value=0, max_value=100_000), max_size=8))
def test_a_stream_is_gathered_from_any_pieces(name: str, at: list[int]) -> None:
    """However the stream was cut, what it said is the same."""
    kind, events, answer = STREAMS[name]
    assert feed(kind(), cut(sse(*events), at)) == answer


@pytest.mark.parametrize("name", STREAMS)
def test_what_came_before_a_cut_is_a_beginning(name: str) -> None:
    """After each event every text so far is a beginning of one of the texts at the end."""
    kind, events, _ = STREAMS[name]
    whole, reader = kind(), kind()
    feed(whole, [sse(*events)])
    ends = list(whole.transcript.texts())
    for event in events:
        reader.feed(sse(event))
        for text in reader.transcript.texts():
            assert any(end.startswith(text) for end in ends)


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        ("\\ud83d", "\\ude00", "gate 😀!"),
        ("\\ud83d", "x", "gate \ufffdx!"),
        ("\\ude00", "\\ud83d", "gate \ufffd\ufffd!"),
    ],
)
@pytest.mark.parametrize("kind", [Chat, Messages, Responses])
def test_halves_of_characters(kind: type[Reader], first: str, second: str, text: str) -> None:
    """Halves of an emoji in two pieces are one emoji; a half that stays alone is U+FFFD."""
    templates: dict[type[Reader], str] = {
        Chat: '{"choices":[{"index":0,"delta":{"content":"%s"}}]}',
        Messages: '{"type":"content_block_delta","index":0,'
        '"delta":{"type":"text_delta","text":"%s"}}',
        Responses: '{"type":"response.output_text.delta","output_index":0,"delta":"%s"}',
    }
    reader = kind()
    for piece in ("gate ", first, second, "!"):
        stream = f"data: {templates[kind] % piece}\n\n".encode()
        assert reader.feed(stream) == stream
    assert list(reader.transcript.texts())[:1] == [text]
    assert text in json.dumps(reader.transcript.answer(), ensure_ascii=False)


def test_an_answer_without_an_end() -> None:
    """Of a stream that never ends 4 million characters are kept, and it is marked as cut."""
    reader = Chat()
    piece = sse(chunk({"content": "x" * 500_000}))
    for _ in range(20):
        reader.feed(piece)
    (text,) = (text for text in reader.transcript.texts())
    assert reader.transcript.room.cut
    assert reader.transcript.room.seen == 10_000_000
    assert 3_500_000 <= len(text) <= MOST


def test_what_comes_after_a_cut_is_left_out() -> None:
    """A short piece after one that was too long would make a text that nobody has written."""
    room = Room(300)
    text = Text(room)
    for piece in ("gate", "x" * 400, "!"):
        text.add(piece)
    assert (text.whole(), room.cut, room.seen) == ("gate", True, 405)


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        (Chat, {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": "%d"}]}}]}),
        (Chat, {"choices": [{"index": "%d", "delta": {"content": ""}}]}),
        (Messages, {"type": "content_block_start", "index": "%d", "content_block": {}}),
        (Responses, {"type": "response.output_item.added", "output_index": "%d", "item": {}}),
    ],
)
def test_a_million_parts(kind: type[Reader], event: Json) -> None:
    """Parts without a word in them have a bound as well."""
    template = json.dumps(event).replace('"%d"', "%d")
    reader = kind()
    for number in range(70_000):
        reader.feed(b"data: " + (template % number).encode() + b"\n\n")
    assert reader.transcript.room.cut
    assert len(json.dumps(reader.transcript.answer())) < 8_000_000


ODD: list[Any] = [
    {"choices": {}},
    {"choices": [None, "x", 5, [], {}]},
    {"choices": [{"delta": None}, {"delta": "text"}, {"delta": {"content": 5}}]},
    {"choices": [{"delta": {"content": ["a", {"b": 1}], "tool_calls": {"a": 1}}}]},
    {"choices": [{"delta": {"tool_calls": [None, "x", {"function": "f"}]}, "index": "a"}]},
    {"choices": [{"delta": {"content": "a", "function_call": "f"}, "finish_reason": 5}]},
    {"choices": [{"delta": {"content": "b"}, "finish_reason": {"a": 1}}], "usage": [1]},
    {"type": "content_block_start", "index": None, "content_block": "x"},
    {"type": "content_block_start", "content_block": {"type": "text", "text": 5}},
    {"type": "content_block_delta", "delta": "x", "index": "a"},
    {"type": "content_block_delta", "delta": {"text": 5, "partial_json": {"a": 1}}},
    {"type": "message_delta", "delta": {"stop_reason": 5}, "usage": "x"},
    {"type": "message_start", "message": "x"},
    {"type": "response.output_text.delta", "delta": {"a": 1}, "output_index": 0},
    {"type": "response.output_text.delta", "delta": "a", "output_index": "x"},
    {"type": "response.output_item.added", "item": "x"},
    {"type": "response.output_item.done", "item": [1], "output_index": None},
    {"type": "response.completed", "response": {"output": "x", "status": 5}},
    {"type": "response..delta", "delta": "x"},
    {"type": [1]},
    {"error": []},
    [1, 2],
    "x",
]


@pytest.mark.parametrize("kind", [Chat, Messages, Responses])
def test_events_of_other_shapes(kind: type[Reader]) -> None:
    """Whatever a provider sends, nothing is raised and the client gets it as it came."""
    for event in ODD:
        stream = sse(json.dumps(event))
        reader = kind()
        assert reader.feed(stream) == stream
        json.dumps(reader.transcript.answer())
        list(reader.transcript.texts())


def test_vectors_are_counted() -> None:
    """Of embeddings the log gets how many there are and of how many numbers, in both encodings."""
    for embedding in ([0.5, 0.25, 0.125], "AAAAPwAAgD4AAAA+"):
        reader = Embeddings()
        reader.whole({"data": [{"embedding": embedding}, {"embedding": embedding}]})
        assert reader.transcript.answer() == {"embeddings": {"count": 2, "dimensions": 3}}


def test_sound_is_hashed() -> None:
    """Of speech the log gets the sound's hash and size."""
    reader = Speech("hello")
    for piece in (b"so", b"und"):
        reader.feed(piece)
    reader.whole({})
    assert reader.transcript.answer() == {
        "sound": {
            "size": 5,
            "sha256": "dd29442deca69f52c50006b831cb216edf78a7da33748f0a80ff19f2ebe57ecd",
        }
    }


def test_what_is_never_streamed_has_no_transcript() -> None:
    """Its bytes are logged as they are."""
    reader = TokenCount()
    reader.whole({"input_tokens": 5})
    assert reader.transcript.answer() is None
    assert list(reader.transcript.texts()) == []


def test_a_finish_reason_that_is_no_text() -> None:
    """A provider's number in its place is left out: with it the row could not be read back."""
    reader = Chat()
    odd: Json = {"index": 0, "delta": {"content": "a"}, "finish_reason": 7}
    reader.feed(sse({"id": "c", "choices": [odd]}))
    assert list(reader.reading.finish_reasons) == []
    reader.whole({"choices": [odd, choice("stop")]})
    assert list(reader.reading.finish_reasons) == ["stop"]
