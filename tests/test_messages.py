"""Prompts and answers of every API in OpenTelemetry's schema: expected messages written out."""

from typing import Any

import pytest
from sekisho.gate import surface
from sekisho.lake.bodies import messages
from sekisho.lake.bodies.messages import answered, asked, parameters

Json = dict[str, Any]


def text(content: str, **more: Any) -> Json:
    """A part of text."""
    return {"type": "text", "content": content, **more}


def message(role: str, *parts: Json, **more: Any) -> Json:
    """A message."""
    return {"role": role, "parts": list(parts), **more}


def blob(modality: str | None, mime_type: str | None, content: str, **more: Any) -> Json:
    """A part of media, before it is hashed."""
    told = {"type": "blob", "modality": modality, "mime_type": mime_type, "content": content}
    return {**told, **more}


ASKED: dict[str, tuple[str, Json, list[Json]]] = {
    "chat": (
        "chat",
        {
            "model": "m",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "関所?", "name": "hanako"},
                {"role": "assistant", "content": "A gate.", "refusal": None},
            ],
        },
        [
            message("system", text("Be brief.")),
            message("user", text("関所?"), name="hanako"),
            message("assistant", text("A gate.")),
        ],
    ),
    "chat with tools": (
        "chat",
        {
            "messages": [
                {
                    "role": "assistant",
                    "content": None,
                    "reasoning_content": "Hm.",
                    "tool_calls": [
                        {
                            "id": "call_1",
                            "type": "function",
                            "function": {"name": "weather", "arguments": '{"city": "Kyoto"}'},
                        },
                        {
                            "id": "call_2",
                            "type": "custom",
                            "custom": {"name": "sql", "input": "SELECT 1"},
                        },
                    ],
                },
                {"role": "tool", "tool_call_id": "call_1", "content": "18 degrees"},
                {
                    "role": "tool",
                    "tool_call_id": "call_2",
                    "content": [{"type": "text", "text": "1"}],
                },
                {"role": "function", "name": "old", "content": "42"},
                {"role": "assistant", "function_call": {"name": "old", "arguments": "{"}},
            ]
        },
        [
            message(
                "assistant",
                {"type": "reasoning", "content": "Hm."},
                {
                    "type": "tool_call",
                    "id": "call_1",
                    "name": "weather",
                    "arguments": {"city": "Kyoto"},
                },
                {"type": "tool_call", "id": "call_2", "name": "sql", "arguments": "SELECT 1"},
            ),
            message(
                "tool",
                {"type": "tool_call_response", "id": "call_1", "response": "18 degrees"},
            ),
            message(
                "tool",
                {"type": "tool_call_response", "id": "call_2", "response": [text("1")]},
            ),
            message(
                "function",
                {"type": "tool_call_response", "id": None, "response": "42", "name": "old"},
            ),
            message(
                "assistant", {"type": "tool_call", "id": None, "name": "old", "arguments": "{"}
            ),
        ],
    ),
    "chat with media": (
        "chat",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "What is it?", "cache_control": {"type": "x"}},
                        {
                            "type": "image_url",
                            "image_url": {"url": "data:image/png;base64,aGk=", "detail": "low"},
                        },
                        {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}},
                        {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
                        {
                            "type": "file",
                            "file": {
                                "filename": "a.pdf",
                                "file_data": "data:application/pdf;base64,aGk=",
                            },
                        },
                        {"type": "file", "file": {"file_id": "file_1"}},
                        {"type": "hologram", "hologram": {"depth": 3}},
                        "a text alone",
                        7,
                    ],
                }
            ]
        },
        [
            message(
                "user",
                text("What is it?", cache_control={"type": "x"}),
                blob("image", "image/png", "aGk=", detail="low"),
                {"type": "uri", "modality": "image", "uri": "https://a.example/b.png"},
                blob("audio", "audio/wav", "aGk="),
                blob("document", "application/pdf", "aGk=", filename="a.pdf"),
                {"type": "file", "modality": None, "file_id": "file_1"},
                {"type": "hologram", "hologram": {"depth": 3}},
                text("a text alone"),
                {"type": "value", "content": 7},
            )
        ],
    ),
    "messages": (
        "messages",
        {
            "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "e"}}],
            "messages": [
                {"role": "user", "content": "hello"},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
                        {"type": "redacted_thinking", "data": "b3BhcXVl"},
                        {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "t1",
                            "is_error": True,
                            "content": [
                                {"type": "text", "text": "no"},
                                {
                                    "type": "image",
                                    "source": {
                                        "type": "base64",
                                        "media_type": "image/png",
                                        "data": "aGk=",
                                    },
                                },
                            ],
                        },
                        {
                            "type": "document",
                            "title": "T",
                            "source": {"type": "url", "url": "https://a.example/b.pdf"},
                        },
                        {
                            "type": "document",
                            "source": {"type": "text", "media_type": "text/plain", "data": "words"},
                        },
                    ],
                },
            ],
        },
        [
            message("system", text("Be brief.", cache_control={"type": "e"})),
            message("user", text("hello")),
            message(
                "assistant",
                {"type": "reasoning", "content": "Hm.", "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "b3BhcXVl"},
                {"type": "tool_call", "id": "t1", "name": "f", "arguments": {"a": 1}},
            ),
            message(
                "user",
                {
                    "type": "tool_call_response",
                    "id": "t1",
                    "response": [text("no"), blob("image", "image/png", "aGk=")],
                    "is_error": True,
                },
                {
                    "type": "uri",
                    "modality": "document",
                    "uri": "https://a.example/b.pdf",
                    "title": "T",
                },
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "words"},
                },
            ),
        ],
    ),
    "responses": ("responses", {"input": "hello"}, [message("user", text("hello"))]),
    "responses with items": (
        "responses",
        {
            "instructions": "Be brief.",
            "input": [
                {"role": "user", "content": "hello"},
                {
                    "type": "message",
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": "What is it?"},
                        {"type": "input_image", "image_url": "data:image/png;base64,aGk="},
                        {"type": "input_file", "file_id": "file_1"},
                    ],
                },
                {
                    "type": "reasoning",
                    "id": "rs_1",
                    "summary": [{"type": "summary_text", "text": "Hm."}],
                    "encrypted_content": "b3BhcXVl",
                },
                {
                    "type": "function_call",
                    "id": "fc_1",
                    "call_id": "call_1",
                    "name": "f",
                    "arguments": '{"a":1}',
                },
                {"type": "function_call_output", "call_id": "call_1", "output": "42"},
                {"type": "item_reference", "id": "msg_1"},
                {"type": "computer_call_output", "call_id": "c", "output": {"type": "shot"}},
            ],
        },
        [
            message("system", text("Be brief.")),
            message("user", text("hello")),
            message(
                "user",
                text("What is it?"),
                blob("image", "image/png", "aGk="),
                {"type": "file", "modality": None, "file_id": "file_1"},
            ),
            message(
                "assistant",
                {
                    "type": "reasoning",
                    "content": "Hm.",
                    "id": "rs_1",
                    "encrypted_content": "b3BhcXVl",
                },
            ),
            message(
                "assistant",
                {
                    "type": "tool_call",
                    "id": "call_1",
                    "name": "f",
                    "arguments": {"a": 1},
                    "item_id": "fc_1",
                },
            ),
            message("tool", {"type": "tool_call_response", "id": "call_1", "response": "42"}),
            message("assistant", {"type": "item_reference", "id": "msg_1"}),
            message(
                "tool",
                {"type": "computer_call_output", "call_id": "c", "output": {"type": "shot"}},
            ),
        ],
    ),
    "completions": (
        "completions",
        {"prompt": ["Once", "Twice"], "suffix": "end"},
        [message("user", text("Once"), text("Twice")), message("user", text("end"))],
    ),
    "embeddings": (
        "embeddings",
        {"input": ["one", "two"]},
        [message("user", text("one"), text("two"))],
    ),
    "embeddings of tokens": (
        "embeddings",
        {"input": [1, 2, 3]},
        [message("user", {"type": "tokens", "content": [1, 2, 3]})],
    ),
    "embeddings of lists of tokens": (
        "embeddings",
        {"input": [[1, 2], [3]]},
        [
            message(
                "user",
                {"type": "tokens", "content": [1, 2]},
                {"type": "tokens", "content": [3]},
            )
        ],
    ),
    "rerank": (
        "rerank",
        {"query": "gate", "documents": ["one", {"text": "two"}]},
        [
            message("user", text("gate")),
            message(
                "user",
                {"type": "document", "content": "one"},
                {"type": "document", "content": {"text": "two"}},
            ),
        ],
    ),
    "image": ("image_generation", {"prompt": "a gate"}, [message("user", text("a gate"))]),
    "speech": (
        "speech",
        {"input": "hello", "instructions": "Softly.", "voice": "alloy"},
        [message("system", text("Softly.")), message("user", text("hello"))],
    ),
    "transcription": (
        "transcription",
        {"prompt": "A talk on gates", "language": "en"},
        [message("user", text("A talk on gates"))],
    ),
    "nothing": ("chat", {"model": "m"}, []),
    "odd messages": (
        "chat",
        {"messages": [5, "x", {"role": "user"}, {"content": {"type": "text", "text": "y"}}]},
        [
            message("user", {"type": "value", "content": 5}),
            message("user", text("x")),
            message("user"),
            {"role": None, "parts": [text("y")]},
        ],
    ),
    "messages that are none": ("chat", {"messages": "x"}, [message("user", text("x"))]),
    "another operation": (
        "prophecy",
        {"prompt": "when?", "input": "now"},
        [message("user", text("now")), message("user", text("when?"))],
    ),
}

ANSWERED: dict[str, tuple[str, Json, list[Json]]] = {
    "chat": (
        "chat",
        {
            "id": "c",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "tool_calls",
                    "message": {
                        "role": "assistant",
                        "content": "Let me see.",
                        "reasoning_content": "Hm.",
                        "thinking_blocks": [{"type": "thinking", "thinking": "Hm."}],
                        "provider_specific_fields": {"a": 1},
                        "tool_calls": [
                            {
                                "id": "call_1",
                                "type": "function",
                                "function": {"name": "f", "arguments": '{"a":1}'},
                            }
                        ],
                        "annotations": [{"url": "https://a.example"}],
                        "refusal": None,
                    },
                },
                {"index": 1, "finish_reason": "stop", "message": {"content": "two"}},
            ],
        },
        [
            message(
                "assistant",
                {"type": "reasoning", "content": "Hm."},
                text("Let me see."),
                {"type": "tool_call", "id": "call_1", "name": "f", "arguments": {"a": 1}},
                annotations=[{"url": "https://a.example"}],
                finish_reason="tool_calls",
            ),
            message("assistant", text("two"), finish_reason="stop"),
        ],
    ),
    "chat with a picture": (
        "chat",
        {
            "choices": [
                {
                    "message": {
                        "content": None,
                        "images": [
                            {
                                "type": "image_url",
                                "image_url": {"url": "data:image/png;base64,aGk="},
                            }
                        ],
                    },
                    "finish_reason": "stop",
                }
            ]
        },
        [message("assistant", blob("image", "image/png", "aGk="), finish_reason="stop")],
    ),
    "messages": (
        "messages",
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "hello"},
                {"type": "tool_use", "id": "t1", "name": "f", "input": '{"city": "Ky'},
            ],
            "stop_reason": "end_turn",
        },
        [
            message(
                "assistant",
                text("hello"),
                {"type": "tool_call", "id": "t1", "name": "f", "arguments": '{"city": "Ky'},
                finish_reason="end_turn",
            )
        ],
    ),
    "responses": (
        "responses",
        {
            "status": "completed",
            "output": [
                {"type": "reasoning", "summary": []},
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": "hello", "annotations": []}],
                },
                {"type": "web_search_call", "status": "completed"},
            ],
        },
        [
            message(
                "assistant",
                {"type": "reasoning", "summary": []},
                text("hello"),
                {"type": "web_search_call", "status": "completed"},
                finish_reason="completed",
            )
        ],
    ),
    "completions": (
        "completions",
        {"choices": [{"text": "Once", "finish_reason": "length"}]},
        [message("assistant", text("Once"), finish_reason="length")],
    ),
    "embeddings": (
        "embeddings",
        {"embeddings": {"count": 2, "dimensions": 3}},
        [
            message(
                "assistant",
                {"type": "embeddings", "count": 2, "dimensions": 3},
                finish_reason=None,
            )
        ],
    ),
    "rerank": (
        "rerank",
        {"id": "r", "results": [{"index": 0, "relevance_score": 0.5}]},
        [
            message(
                "assistant",
                {"type": "ranking", "results": [{"index": 0, "relevance_score": 0.5}]},
                finish_reason=None,
            )
        ],
    ),
    "images": (
        "image_generation",
        {
            "data": [
                {"b64_json": "aGk=", "revised_prompt": "a red gate"},
                {"url": "https://a.example/b.png"},
            ],
            "output_format": "webp",
        },
        [
            message(
                "assistant",
                blob("image", "image/webp", "aGk=", revised_prompt="a red gate"),
                {"type": "uri", "modality": "image", "uri": "https://a.example/b.png"},
                finish_reason=None,
            )
        ],
    ),
    "transcription": (
        "transcription",
        {"text": "hello", "duration": 1.5},
        [message("assistant", text("hello", duration=1.5), finish_reason=None)],
    ),
    "speech": (
        "speech",
        {"sound": {"size": 5, "sha256": "dd29"}},
        [
            message(
                "assistant",
                {"type": "blob", "modality": "audio", "size": 5, "sha256": "dd29"},
                finish_reason=None,
            )
        ],
    ),
    "count_tokens": (
        "count_tokens",
        {"input_tokens": 5},
        [message("assistant", {"type": "answer", "input_tokens": 5}, finish_reason=None)],
    ),
}


@pytest.mark.parametrize("name", ASKED)
def test_what_is_asked(name: str) -> None:
    """Each API's request is a list of messages; nothing of it is left out."""
    operation, body, expected = ASKED[name]
    assert asked(operation, body) == expected


@pytest.mark.parametrize("name", ANSWERED)
def test_what_is_answered(name: str) -> None:
    """Each API's answer is a list of messages, in the order in which they were said."""
    operation, body, expected = ANSWERED[name]
    assert answered(operation, body) == expected


def test_parameters_are_all_the_rest() -> None:
    """What is no message is a parameter, the tools included; nothing is in both."""
    body = {
        "model": "m",
        "system": "s",
        "messages": [],
        "tools": [{"name": "f"}],
        "temperature": 0.5,
        "metadata": {"a": "b"},
    }
    assert parameters("messages", body) == {
        "model": "m",
        "tools": [{"name": "f"}],
        "temperature": 0.5,
        "metadata": {"a": "b"},
    }
    assert parameters("chat", {"system": "s", "messages": []}) == {"system": "s"}


def test_every_route_says_something() -> None:
    """For each route it is known what of a request is said to the model."""
    for route in (*surface.INFERENCE, *surface.MCP_CALLS):
        assert messages.said_in(route.operation) is not messages.said_in("prophecy")


def test_a_call_of_an_mcp_server() -> None:
    """It is a tool call and its response; a picture in a result is a medium."""
    params = {"name": "calc-add", "arguments": {"a": 1}, "_meta": {"progressToken": 1}}
    assert messages.asked("mcp_tool_call", {"method": "tools/call", "params": params}) == [
        {
            "role": "assistant",
            "parts": [
                {
                    "type": "tool_call",
                    "name": "calc-add",
                    "arguments": {"a": 1},
                    "_meta": {"progressToken": 1},
                }
            ],
        }
    ]
    picture = {"type": "image", "data": "iVBORw0=", "mimeType": "image/png"}
    result = {"content": [{"type": "text", "text": "3"}, picture], "isError": False}
    assert messages.answered("mcp_tool_call", {"result": result}) == [
        {
            "role": "assistant",
            "parts": [
                {
                    "type": "tool_call_response",
                    "response": [
                        {"type": "text", "content": "3"},
                        {
                            "type": "blob",
                            "modality": "image",
                            "mime_type": "image/png",
                            "content": "iVBORw0=",
                        },
                    ],
                    "isError": False,
                }
            ],
            "finish_reason": None,
        }
    ]


def test_what_else_an_mcp_server_gives() -> None:
    """A resource, a prompt and an error of the server stand in the response as they came."""
    for operation, body, told in (
        (
            "mcp_resource_read",
            {"result": {"contents": [{"uri": "a"}]}},
            {"contents": [{"uri": "a"}]},
        ),
        ("mcp_prompt_get", {"result": {"messages": []}}, {"messages": []}),
        ("mcp_tool_call", {"error": {"code": -32602}}, {"code": -32602}),
    ):
        (message,) = messages.answered(operation, body)
        assert message["parts"] == [{"type": "tool_call_response", "response": told}]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ('{"a": {"b": [1, "関所"]}}', {"a": {"b": [1, "関所"]}}),
        ('{"a": ', '{"a": '),
        ("[1]", "[1]"),
        ("", ""),
        ('{"id": 12345678901234567890123}', '{"id": 12345678901234567890123}'),
        ({"a": 1}, {"a": 1}),
        (None, None),
    ],
)
def test_arguments_of_tools(given: Any, told: Any) -> None:
    """Arguments are an object where that loses nothing, else the text that they are."""
    function = {"name": "f", "arguments": given}
    body = {"messages": [{"role": "assistant", "tool_calls": [{"id": "1", "function": function}]}]}
    (found,) = asked("chat", body)
    assert found["parts"][0]["arguments"] == told


def test_fields_of_the_same_name_hide_nothing() -> None:
    """A field that has the name of one of ours is in `extra`."""
    part = {"type": "text", "text": "a", "content": "b"}
    (found,) = asked("chat", {"messages": [{"role": "user", "content": [part]}]})
    assert found["parts"] == [{"type": "text", "content": "a", "extra": {"content": "b"}}]
