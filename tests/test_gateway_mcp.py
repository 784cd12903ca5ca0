"""MCP servers through the gateway: real servers, asked with the SDK's own client."""

import json
from contextlib import suppress
from decimal import Decimal

import httpx
import pytest
from mcp import Client
from mcp_types import CallToolResult

from .gateway import Gateway, until
from .mcp_clients import ACCEPT, CALL, call, issue, post, rows_of, said, with_client


@pytest.fixture(scope="module")
def key(with_neighbours: Gateway) -> str:
    """A person's key for the server `calc` alone."""
    return issue(with_neighbours, "saburo", owner="saburo@example.com", mcp=["calc"])


def test_a_tool_is_listed_and_called(with_neighbours: Gateway) -> None:
    """The SDK's client lists the server's tools and gets the sum; only the call has a row."""
    key = issue(with_neighbours, "shiro", owner="shiro@example.com", team="sums", mcp=["calc"])

    async def use(client: Client) -> tuple[list[str], CallToolResult]:
        tools = (await client.list_tools()).tools
        return [tool.name for tool in tools], await client.call_tool("calc-add", {"a": 2, "b": 3})

    names, result = with_client(with_neighbours, key, use)
    assert sorted(names) == ["calc-add", "calc-divide", "calc-sleep"]
    assert (said(result), result.is_error) == ("5", False)
    (row,) = rows_of(with_neighbours, "shiro", 1)
    assert (row.gen_ai_operation_name, row.route) == ("mcp_tool_call", "/mcp/{server}")
    assert (row.gen_ai_request_model, row.gen_ai_response_model) == ("calc-add", "add")
    assert (row.gen_ai_provider_name, row.deployment_id) == ("mcp", "calc")
    assert (row.status, row.http_response_status_code) == ("success", 200)
    assert (row.end_user_id, row.end_user_source) == ("shiro@example.com", "key")
    assert (row.api_key_alias, row.team, row.owner) == ("shiro", "sums", "shiro@example.com")
    assert (row.billed_cost, row.is_priced) == (Decimal(0), True)
    assert [attempt.deployment_id for attempt in row.attempts] == ["calc"]


def test_clients_are_told_the_server_they_asked_for(with_neighbours: Gateway, key: str) -> None:
    """The greeting names the server, and not what the gateway is made of."""

    async def use(client: Client) -> str:
        assert client.server_info is not None
        return client.server_info.name

    assert with_client(with_neighbours, key, use) == "calc"


def test_what_was_said_is_logged(with_neighbours: Gateway, key: str) -> None:
    """The log has the call with its arguments, and the tool's result."""
    answer = call(with_neighbours, key, "add", a=20, b=22)
    request_id = answer.headers["x-sekisho-request-id"]
    assert with_neighbours.row(answer).payload_logged == "full"
    bodies = (with_neighbours.home / "spool" / "bodies").glob("*")
    lines = [line for path in bodies for line in path.read_text().splitlines()]
    (line,) = [json.loads(line) for line in lines if request_id in line]
    assert line["asked"] == {
        "method": "tools/call",
        "params": {"name": "calc-add", "arguments": {"a": 20, "b": 22}},
    }
    assert line["answer"]["result"]["content"] == [{"type": "text", "text": "42"}]


def test_the_newest_version_is_refused_in_the_way_that_clients_fall_back_on(
    with_neighbours: Gateway, key: str
) -> None:
    """`server/discover` is answered 400 with a JSON-RPC error, and has no row."""
    before = len(with_neighbours.rows())
    message = {"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {}}
    newest = {"mcp-protocol-version": "2026-07-28"}
    answers = [
        post(with_neighbours, key, message, **newest),
        post(with_neighbours, key, message),
    ]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert [answer.json()["error"]["code"] for answer in answers] == [-32600, -32600]
    assert answers[0].json()["id"] == 1
    assert len(with_neighbours.rows()) == before


def test_every_server_that_a_key_may_use_is_at_one_address(with_neighbours: Gateway) -> None:
    """At /mcp a key with two servers finds the tools of both, and calls them by their names."""
    key = issue(with_neighbours, "goro", owner="goro@example.com", mcp=["calc", "wiki"])

    async def use(client: Client) -> tuple[set[str], str, str]:
        names = {tool.name for tool in (await client.list_tools()).tools}
        total = await client.call_tool("calc-add", {"a": 1, "b": 1})
        page = await client.call_tool("wiki-page", {"title": "Trains"})
        return names, said(total), said(page)

    names, total, page = with_client(with_neighbours, key, use, "/mcp")
    assert {"calc-add", "wiki-page"} <= names
    assert (total, page) == ("2", "Trains: no page has that name yet.")
    rows = rows_of(with_neighbours, "goro", 2)
    assert [(row.deployment_id, row.gen_ai_response_model) for row in rows] == [
        ("calc", "add"),
        ("wiki", "page"),
    ]
    assert {row.route for row in rows} == {"/mcp"}


def test_prompts_and_resources_have_rows_too(with_neighbours: Gateway) -> None:
    """Whatever a server gives away is recorded: a prompt, and what a resource holds."""
    key = issue(with_neighbours, "rokuro", owner="rokuro@example.com", mcp=["wiki"])

    async def use(client: Client) -> tuple[str, str]:
        prompt = await client.get_prompt("wiki-ask", {"topic": "tea"})
        resource = await client.read_resource("wiki://start")
        return str(prompt.messages[0].content), str(resource.contents[0])

    prompt, resource = with_client(with_neighbours, key, use, "/mcp/wiki")
    assert "What does the wiki say about tea?" in prompt
    assert "Welcome." in resource
    rows = rows_of(with_neighbours, "rokuro", 2)
    assert [(row.gen_ai_operation_name, row.gen_ai_response_model) for row in rows] == [
        ("mcp_prompt_get", "ask"),
        ("mcp_resource_read", "wiki://start"),
    ]


def test_a_message_that_is_nested_too_deep(with_neighbours: Gateway, key: str) -> None:
    """It is the client's mistake, and told as one."""
    deep: object = 1
    for _ in range(260):
        deep = [deep]
    answer = call(with_neighbours, key, "add", a=deep, b=1)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "The message is nested too deep."


def test_a_tool_that_fails(with_neighbours: Gateway, key: str) -> None:
    """The client gets the tool's own error as MCP has it; the row says that, without its words."""
    answer = call(with_neighbours, key, "divide", a=1, b=0)
    assert answer.status_code == 200
    (event,) = [line for line in answer.text.splitlines() if line.startswith("data: {")]
    assert json.loads(event.removeprefix("data: "))["result"]["isError"] is True
    row = with_neighbours.row(answer)
    assert (row.status, row.error_type) == ("failure", "mcp_tool_error")
    assert row.error_message == "The tool says that it has failed."
    assert (row.http_response_status_code, row.billed_cost) == (200, Decimal(0))


@pytest.mark.parametrize(
    ("tool", "words"),
    [("nothing", "nothing"), ("hidden", "hidden"), ("litellm_tool_search", "litellm_tool_search")],
)
def test_tools_that_there_are_not(
    with_neighbours: Gateway, key: str, tool: str, words: str
) -> None:
    """A tool that the server hasn't, that isn't offered, or that LiteLLM makes up is an error."""
    answer = call(with_neighbours, key, tool)
    row = with_neighbours.row(answer)
    assert (row.status, row.gen_ai_response_model) == ("failure", words)


def test_a_server_that_is_away(with_neighbours: Gateway) -> None:
    """A call of a server that doesn't answer is an error in MCP's form, with a row."""
    key = issue(with_neighbours, "away", owner="away@example.com", mcp=["*"])
    answer = call(with_neighbours, key, "anything", "/mcp/gone")
    row = with_neighbours.row(answer)
    assert (row.status, row.deployment_id) == ("failure", "gone")


def test_a_client_that_leaves(with_neighbours: Gateway) -> None:
    """A call whose client goes away has a row that says so, and its place is free again."""
    key = issue(with_neighbours, "leaver", owner="leaver@example.com", mcp=["calc"], parallel=1)
    message = {**CALL, "params": {"name": "sleep", "arguments": {}}}
    for _ in range(2):
        with with_neighbours.client(key) as client, suppress(httpx.ReadTimeout):
            client.post("/mcp/calc", json=message, headers=ACCEPT, timeout=0.5)
    until("the place", lambda: call(with_neighbours, key, "add", a=1, b=1).status_code == 200, 10)
    rows = [row for row in rows_of(with_neighbours, "leaver", 2) if row.status == "cancelled"]
    assert {(row.gen_ai_response_model, row.billed_cost) for row in rows} == {("sleep", Decimal(0))}
