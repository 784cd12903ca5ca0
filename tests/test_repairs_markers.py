"""Prompt-cache markers for Claude: where they are set, and where they are not."""

from typing import Any

import pytest
from sekisho.callbacks.repairs import cache_markers
from sekisho.callbacks.repairs.call import Api, Call

BEDROCK = "bedrock/global.anthropic.claude-sonnet-4-6"
VERTEX = "vertex_ai/claude-sonnet-4-6"
MARKED = {"type": "ephemeral"}
LONG = "Be helpful. " * 400  # 4,800 characters, about 1,200 tokens


def marked(api: Api, model: str, **kwargs: Any) -> dict[str, Any]:
    """The arguments after the repair."""
    call = Call.of(api, {"model": model, **kwargs})
    cache_markers.apply(call)
    return call.kwargs


def _turn(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "content": text}


CHAT = [
    _turn("system", LONG),
    _turn("user", "first"),
    _turn("assistant", "answer"),
    _turn("tool", "result"),
    _turn("assistant", "another"),
    _turn("user", "second"),
]
TOOLS = [{"type": "function", "function": {"name": "a"}}, {"type": "function", "function": {}}]


@pytest.mark.parametrize("model", [BEDROCK, VERTEX, "azure_ai/claude-haiku-4-5"])
def test_four_markers_on_chat(model: str) -> None:
    """The tools, the system prompt, the end of the request before, and the end of this one."""
    given = marked("chat", model, messages=CHAT, tools=TOOLS)
    assert given["tools"] == [TOOLS[0], {**TOOLS[1], "cache_control": MARKED}]
    places = [n for n, message in enumerate(given["messages"]) if "cache_control" in message]
    assert places == [0, 3, 5]


def test_the_place_of_the_next_request() -> None:
    """What was the end of one request is marked in the next one: its cache is found there."""
    before = marked("chat", BEDROCK, messages=CHAT[:4], tools=TOOLS)["messages"]
    after = marked("chat", BEDROCK, messages=CHAT, tools=TOOLS)["messages"]
    assert before[3]["cache_control"] == after[3]["cache_control"] == MARKED


def test_four_markers_on_messages() -> None:
    """In Anthropic's own form: on blocks."""
    messages = [message for message in CHAT if message["role"] not in ("system", "tool")]
    tools: list[dict[str, Any]] = [{"name": "a"}, {"name": "b"}, {"name": "c", "defer_loading": 1}]
    given = marked("messages", BEDROCK, system=LONG, messages=messages, tools=tools)
    assert given["system"] == [{"type": "text", "text": LONG, "cache_control": MARKED}]
    block = {"type": "text", "text": "second", "cache_control": MARKED}
    assert given["messages"][-1] == {"role": "user", "content": [block]}
    assert given["messages"][0]["content"][0]["cache_control"] == MARKED
    assert given["tools"] == [tools[0], {**tools[1], "cache_control": MARKED}, tools[2]]


def test_the_last_block_is_marked() -> None:
    """Of several blocks the last one, whatever it is, but for empty texts and thoughts."""
    blocks = [{"type": "text", "text": "a"}, {"type": "tool_result", "content": "b"}]
    messages = [_turn("assistant", LONG), {"role": "user", "content": blocks}]
    given = marked("messages", VERTEX, messages=messages)["messages"]
    assert given[1]["content"] == [blocks[0], {**blocks[1], "cache_control": MARKED}]
    messages[1]["content"] = [{"type": "text", "text": ""}]
    assert marked("messages", VERTEX, messages=messages)["messages"] == messages


@pytest.mark.parametrize(
    "own",
    [
        {"cache_control": MARKED},
        {"cache_control_injection_points": [{"location": "message", "index": -1}]},
        {"tools": [{"name": "a", "cache_control": MARKED}]},
        {"system": [{"type": "text", "text": LONG, "cache_control": MARKED}]},
        {"messages": [{**_turn("user", LONG), "cache_control": MARKED}]},
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "text", "text": LONG, "cache_control": MARKED}],
                }
            ]
        },
    ],
)
def test_a_clients_own_markers_are_enough(own: dict[str, Any]) -> None:
    """A request with a marker anywhere, or with the operator's points, is left alone."""
    asked = {"system": LONG, "messages": CHAT[1:], "tools": [{"name": "a"}], **own}
    assert marked("messages", BEDROCK, **asked) == {"model": BEDROCK, **asked}


@pytest.mark.parametrize(
    ("api", "model", "messages"),
    [
        ("chat", BEDROCK, CHAT[:2]),  # one question, no tools: nobody would read the cache
        ("chat", BEDROCK, [_turn("system", "Brief."), *CHAT[1:]]),
        ("chat", "bedrock/us.amazon.nova-pro-v1:0", CHAT),
        ("chat", "vertex_ai/gemini-3.8-flash", CHAT),
        ("chat", "openrouter/claude-sonnet-4-6", CHAT),
        ("responses", BEDROCK, CHAT),
    ],
)
def test_no_markers(api: Api, model: str, messages: list[Any]) -> None:
    """None where they would cost and save nothing, or nobody knows what they are."""
    asked = {"messages": messages, "input": messages}
    assert marked(api, model, **asked) == {"model": model, **asked}


def test_a_long_list_of_tools_is_worth_it() -> None:
    """Tools count too: 1,024 tokens of them are a prefix."""
    tools = [{"name": "a", "description": LONG}]
    given = marked("messages", BEDROCK, messages=[_turn("user", "Good day")], tools=tools)
    assert given["tools"][0]["cache_control"] == MARKED
