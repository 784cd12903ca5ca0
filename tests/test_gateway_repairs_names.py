"""Names of tools on the real gateway: the provider gets one that it takes, the client its own."""

import json

import httpx
import pytest

from .asking import API, SCHEMA, Asked, with_tool
from .simulators import Simulator

CLAUDE = "claude-sonnet-4-6-bedrock"
CLAUDE_VERTEX = "claude-sonnet-4-6-vertex"
LONG = "mcp__a_server_with_a_rather_long_name__find_customer_orders_by_date_and_region"
GIVEN = "mcp__a_server_with_a_rather_long_name__find_customer_"  # and a hash


@pytest.fixture
def asked(client: httpx.Client, clouds: Simulator) -> Asked:
    """The gateway with Hanako's key."""
    return Asked(client, clouds)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("api", API)
@pytest.mark.parametrize("model", [CLAUDE, CLAUDE_VERTEX, "gemini-3.8-flash", "gpt-4.1", "gpt-5.5"])
def test_long_tool_names(asked: Asked, model: str, api: str, stream: bool) -> None:
    """The provider gets a short name, the client its own again, on every route and in streams."""
    path, body = with_tool(api, LONG, "[[sim:tools 1]]", stream)
    answer = asked.post(path, model, **body)
    sent = json.dumps(asked.upstream())
    assert LONG not in sent
    assert GIVEN in sent
    assert f'"{LONG}"' in answer.text
    assert GIVEN not in answer.text.replace(LONG, "")


@pytest.mark.parametrize("api", API)
def test_names_with_other_characters(asked: Asked, api: str) -> None:
    """Dots and slashes are MCP's, and Bedrock takes neither."""
    path, body = with_tool(api, "files.read/all", "[[sim:tools 1]]", stream=False)
    answer = asked.post(path, CLAUDE, **body)
    assert '"files_read_all_' in json.dumps(asked.upstream())
    assert '"files.read/all"' in answer.text


def test_a_namespace_of_codex_keeps_its_names(asked: Asked) -> None:
    """Names of namespace and tool come back apart, as Codex has sent them."""
    space, name = "mcp__a_server_with_a_rather_long_name", "find_customer_orders_by_date_and_region"
    tool = {"type": "function", "name": name, "description": "x", "parameters": SCHEMA}
    tools = [{"type": "namespace", "name": space, "description": "y", "tools": [tool]}]
    answer = asked.post("/v1/responses", CLAUDE, input="[[sim:tools 1]]", tools=tools)
    (call,) = [item for item in answer.json()["output"] if item["type"] == "function_call"]
    assert (call["namespace"], call["name"]) == (space, name)
