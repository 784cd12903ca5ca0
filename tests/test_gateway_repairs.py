"""What goes upstream of requests that providers would refuse, on the real gateway.

The simulators refuse as the providers do, and their journal has what they were sent.
"""

import json
from typing import Any

import httpx
import pytest

from .asking import API, SCHEMA, Asked, say, with_tool
from .simulators import Simulator

CLAUDE = "claude-sonnet-4-6-bedrock"
CLAUDE_VERTEX = "claude-sonnet-4-6-vertex"


@pytest.fixture
def asked(client: httpx.Client, clouds: Simulator) -> Asked:
    """The gateway with Hanako's key."""
    return Asked(client, clouds)


# Parameters


def test_a_thinking_budget_as_large_as_the_answer(asked: Asked) -> None:
    """Qwen Code's 32,000 for both: three quarters are left for thinking."""
    thinking = {"type": "enabled", "budget_tokens": 32_000}
    body = {"messages": say("Good day"), "max_tokens": 32_000, "thinking": thinking}
    asked.post("/v1/messages", "claude-haiku-4-5", **body)
    assert asked.upstream()["thinking"] == {"type": "enabled", "budget_tokens": 24_000}


@pytest.mark.parametrize("model", [CLAUDE, CLAUDE_VERTEX])
@pytest.mark.parametrize("api", API)
def test_temperature_and_top_p(asked: Asked, model: str, api: str) -> None:
    """Gemini CLI's two parameters: Claude gets the temperature, by every API."""
    path, body = with_tool(api, "look", "Good day", stream=False)
    both = {"temperature": 0.5, "top_p": 0.9}
    if api == "generate":
        body["generationConfig"] = {"temperature": 0.5, "topP": 0.9}
    asked.post(path, model, **body, **({} if api == "generate" else both))
    sent = asked.upstream()
    sent |= sent.get("inferenceConfig", {})
    assert sent["temperature"] == 0.5
    assert "top_p" not in sent
    assert "topP" not in sent


@pytest.mark.parametrize(
    ("path", "fields", "field"),
    [
        ("/v1/messages", {"messages": say("Good day"), "max_tokens": 32_000}, "maxTokens"),
        ("/v1/chat/completions", {"messages": say("Good day"), "max_tokens": 32_000}, "maxTokens"),
        ("/v1/responses", {"input": "Good day", "max_output_tokens": 32_000}, "maxTokens"),
        (
            "/v1beta/models/{model}:generateContent",
            {
                "contents": [{"role": "user", "parts": [{"text": "Good day"}]}],
                "generationConfig": {"maxOutputTokens": 32_000},
            },
            "maxTokens",
        ),
    ],
)
def test_an_answer_of_32000_tokens_of_nova(
    asked: Asked, path: str, fields: dict[str, Any], field: str
) -> None:
    """Claude Code's usual limit becomes Nova's 10,000."""
    asked.post(path, "nova-pro", **fields)
    assert asked.upstream()["inferenceConfig"][field] == 10_000


def test_sampling_beside_thinking(asked: Asked) -> None:
    """A temperature of 0 beside adaptive thinking is left out."""
    body = {"messages": say("Good day"), "max_tokens": 100, "temperature": 0}
    asked.post("/v1/messages", CLAUDE, **body, thinking={"type": "adaptive"})
    assert "temperature" not in asked.upstream()


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("nova-pro", {"temperature": 1.5}),
        ("claude-haiku-4-5", {"reasoning_effort": "high", "max_tokens": 500}),
        (CLAUDE_VERTEX, {"reasoning_effort": "xhigh"}),
        ("gemini-3.8-flash", {"reasoning_effort": "xhigh"}),
        ("claude-haiku-5-5-azure", {"thinking": {"type": "disabled"}}),
    ],
)
def test_parameters_that_a_model_does_not_have(
    asked: Asked, model: str, fields: dict[str, Any]
) -> None:
    """Each of these is a 400 without the repair."""
    asked.post("/v1/chat/completions", model, messages=say("Good day"), **fields)


def test_an_empty_list_of_tools(asked: Asked) -> None:
    """Azure refuses it, and a choice among none."""
    body = {"messages": say("Good day"), "tools": [], "tool_choice": "auto"}
    asked.post("/v1/chat/completions", "gpt-4.1", **body)
    assert not {"tools", "tool_choice"} & set(asked.upstream())


@pytest.mark.parametrize(
    "schema",
    [{"properties": {}}, {"type": ["object", "null"]}, {"anyOf": [SCHEMA, {"type": "object"}]}],
    ids=["no type", "two types", "forms"],
)
@pytest.mark.parametrize("api", ["chat", "messages", "responses"])
@pytest.mark.parametrize("model", [CLAUDE, "nova-pro", "gpt-5.5"])
def test_schemas_that_are_no_plain_objects(
    asked: Asked, model: str, api: str, schema: dict[str, Any]
) -> None:
    """What MCP servers declare is taken on every route."""
    path, body = with_tool(api, "look", "Good day", stream=False)
    (tool,) = body["tools"]
    name = "input_schema" if api == "messages" else "parameters"
    (tool["function"] if api == "chat" else tool)[name] = schema
    assert asked.post(path, model, **body).status_code == 200


# Tools of the provider, reasoning, labels, ids


@pytest.mark.parametrize(
    ("model", "kept"), [(CLAUDE, ["edit"]), (CLAUDE_VERTEX, ["search", "edit"])]
)
def test_a_server_tool(asked: Asked, model: str, kept: list[str]) -> None:
    """Cline's web search is left out on Bedrock, and stays on Vertex AI."""
    search = {"type": "web_search_20250305", "name": "web_search"}
    tools = [search, {"name": "edit", "input_schema": SCHEMA}]
    asked.post("/v1/messages", model, messages=say("Good day"), max_tokens=50, tools=tools)
    sent = [tool["name"].removeprefix("web_") for tool in asked.upstream()["tools"]]
    assert sent == kept


def test_encrypted_reasoning(asked: Asked) -> None:
    """Codex on GPT-4.1: neither reasoning nor what another model has thought is sent."""
    include = ["reasoning.encrypted_content"]
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "of another"}
    turns = [thought, *say("Good day")]
    body = {"input": turns, "include": include, "reasoning": {"effort": "low"}}
    asked.post("/v1/responses", "gpt-4.1", **body)
    sent = asked.upstream()
    assert not sent.get("include")
    assert not sent.get("reasoning")
    assert [item["role"] for item in sent["input"]] == ["user"]
    asked.post("/v1/responses", "gpt-5.5", **{**body, "input": "Good day"})
    assert asked.upstream()["include"] == include


def test_labels(asked: Asked) -> None:
    """A client's labels of a Gemini request fit Google's rules; the user's hash does anyway."""
    contents = [{"role": "user", "parts": [{"text": "Good day"}]}]
    path = "/v1beta/models/{model}:generateContent"
    asked.post(path, "gemini-3.8-flash", contents=contents, labels={"Team": "R & D"})
    assert asked.upstream()["labels"] == {"team": "r___d"}
    body = {"messages": say("Good day"), "max_tokens": 50, "metadata": {"user_id": '{"a": "B"}'}}
    asked.post("/v1/messages", "gemini-3.8-flash", **body)
    assert asked.upstream().get("labels", {}).get("user_id", "u-").startswith("u-")


@pytest.mark.parametrize("model", ["nova-pro", "gpt-4.1", CLAUDE])
def test_parallel_calls_through_googles_api(asked: Asked, model: str) -> None:
    """Two calls of one tool and their results arrive as two, each result at its call."""

    def call(one: str) -> dict[str, Any]:
        return {"functionCall": {"id": one, "name": "look", "args": {"city": one}}}

    def result(one: str) -> dict[str, Any]:
        return {"functionResponse": {"id": one, "name": "look", "response": {"output": one}}}

    contents = [
        {"role": "user", "parts": [{"text": "Look at both"}]},
        {"role": "model", "parts": [call("Kyoto"), call("Osaka")]},
        {"role": "user", "parts": [result("Osaka"), result("Kyoto")]},
    ]
    tools = [{"functionDeclarations": [{"name": "look", "parameters": SCHEMA}]}]
    asked.post("/v1beta/models/{model}:generateContent", model, contents=contents, tools=tools)
    assert _pairs(asked.upstream()) == {"Kyoto": "Kyoto", "Osaka": "Osaka"}


def _pairs(body: dict[str, Any]) -> dict[str, str]:
    """What was asked of each call, and what its result says."""
    calls: dict[str, str] = {}
    results: dict[str, str] = {}
    for message in body["messages"]:
        for one in message.get("tool_calls") or ():
            calls[one["id"]] = json.loads(one["function"]["arguments"])["city"]
        if message["role"] == "tool":
            results[message["tool_call_id"]] = json.loads(message["content"])["output"]
        content = message.get("content")
        for block in content if isinstance(content, list) else ():
            if "toolUse" in block:
                calls[block["toolUse"]["toolUseId"]] = block["toolUse"]["input"]["city"]
            if "toolResult" in block:
                (said,) = block["toolResult"]["content"]
                output = said["json"] if "json" in said else json.loads(said["text"])
                results[block["toolResult"]["toolUseId"]] = output["output"]
    assert len(calls) == 2
    return {city: results[one] for one, city in calls.items()}
