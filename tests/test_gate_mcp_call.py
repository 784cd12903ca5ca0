"""Which MCP server a message is meant for, and whether its key may use it: the decision alone."""

from typing import Any

import pytest
from sekisho.gate import mcp_call, surface
from sekisho.gate.errors import Failure
from sekisho.gate.mcp_call import Call
from sekisho.keys.check import mcp_servers
from sekisho.keys.identity import Identity

SERVERS = ("calc", "wiki", "calc_2")


def key(*mcp: str, team: str | None = None) -> Identity:
    """The holder of a key with these grants."""
    return Identity("key_1", "a", "service", team=team, mcp=mcp)


@pytest.mark.parametrize(
    ("identity", "allowed"),
    [
        (key(), ()),
        (key("calc"), ("calc",)),
        (key("*"), SERVERS),
        (key("gone"), ()),
        (key("wiki", "gone", "calc"), ("calc", "wiki")),
        (key(team="sums"), ("calc", "calc_2")),
        (key("wiki", team="sums"), SERVERS),
        (key(team="all"), SERVERS),
        (key(team="others"), ()),
        (key("CALC"), ()),
    ],
)
def test_grants(identity: Identity, allowed: tuple[str, ...]) -> None:
    """A key has its own servers and its team's, of those that there are, and no others."""
    teams = {"sums": ("calc", "calc_2"), "all": ("*",)}
    assert mcp_servers(identity, teams, SERVERS) == allowed


def read(path: str, method: str, allowed: tuple[str, ...] = SERVERS, **params: Any) -> Call:
    """A message as it is read."""
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return mcp_call.read(message, path, key(*allowed), allowed)


@pytest.mark.parametrize(
    ("path", "name", "server", "tool"),
    [
        ("/mcp", "calc-add", "calc", "add"),
        ("/mcp/", "calc-add", "calc", "add"),
        ("/mcp", "calc_2-add", "calc_2", "add"),
        ("/mcp", "calc-add-more", "calc", "add-more"),
        ("/mcp/calc", "add", "calc", "add"),
        ("/mcp/calc/", "calc-add", "calc", "add"),
        ("/mcp/calc", "wiki-page", "calc", "wiki-page"),
        ("/mcp/calc", "calc-", "calc", "calc-"),
    ],
)
def test_tools_and_their_servers(path: str, name: str, server: str, tool: str) -> None:
    """LiteLLM gets the tool with its server in front, and may ask that server alone."""
    found = read(path, "tools/call", name=name, arguments={"a": 1})
    assert (found.server, found.name, found.servers) == (server, tool, (server,))
    assert found.message["params"] == {"name": f"{server}-{tool}", "arguments": {"a": 1}}
    assert found.route is surface.MCP_TOOL_CALL
    assert found.content["params"] == found.message["params"]


@pytest.mark.parametrize(
    ("path", "method", "params", "status"),
    [
        ("/mcp", "tools/call", {"name": "add"}, 400),
        ("/mcp", "tools/call", {"name": "nope-add"}, 403),
        ("/mcp", "tools/call", {"name": "wiki-page"}, 403),
        ("/mcp/wiki", "tools/call", {"name": "page"}, 403),
        ("/mcp/wiki", "initialize", {}, 403),
        ("/mcp/nope", "tools/list", {}, 403),
        ("/mcp", "tools/call", {}, 400),
        ("/mcp", "tools/call", {"name": 5}, 400),
        ("/mcp", "tools/call", {"name": ""}, 400),
        ("/mcp", "prompts/get", {"name": "wiki-ask"}, 403),
        ("/mcp", "resources/read", {"uri": "wiki://x"}, 400),
        ("/mcp/calc", "resources/read", {}, 400),
        ("/mcp", "sampling/createMessage", {}, 400),
        ("/mcp", "server/discover", {}, 400),
        ("/mcp", "tools/call2", {"name": "calc-add"}, 400),
    ],
)
def test_refusals(path: str, method: str, params: dict[str, Any], status: int) -> None:
    """A key for calc and calc_2: 403 for every other server, 400 for what nobody can mean."""
    with pytest.raises(Failure) as failure:
        read(path, method, ("calc", "calc_2"), **params)
    assert failure.value.status == status


def test_lists_are_for_all_servers_of_the_key() -> None:
    """A list at /mcp is of every server that the key may use; at /mcp/NAME of that one."""
    assert read("/mcp", "tools/list").servers == SERVERS
    assert read("/mcp/wiki", "tools/list").servers == ("wiki",)
    assert read("/mcp", "tools/list").route is None


def test_resources_and_prompts() -> None:
    """A resource is read from the server of the path, a prompt is named as tools are."""
    resource = read("/mcp/wiki", "resources/read", uri="wiki://start")
    prompt = read("/mcp", "prompts/get", name="wiki-ask")
    assert (resource.server, resource.name) == ("wiki", "wiki://start")
    assert resource.message["params"] == {"uri": "wiki://start"}
    assert (prompt.server, prompt.name, prompt.route) == ("wiki", "ask", surface.MCP_PROMPT_GET)


def test_a_reply_passes() -> None:
    """What a client answers to a server that asks it something is no call."""
    reply = {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert mcp_call.read(reply, "/mcp", key("calc"), ("calc",)).route is None


@pytest.mark.parametrize(
    ("method", "path", "served"),
    [
        ("POST", "/mcp", True),
        ("POST", "/mcp/", True),
        ("POST", "/mcp/calc", True),
        ("POST", "/mcp/calc/", True),
        ("GET", "/mcp", False),
        ("DELETE", "/mcp/calc", False),
        ("POST", "/mcp/calc/x", False),
        ("POST", "/mcp/a,b", False),
        ("POST", "/mcp/%2e", False),
        ("POST", "/mcp//", False),
        ("POST", "/mcpx", False),
        ("POST", "/calc/mcp", False),
        ("POST", "/mcp/" + "x" * 65, False),
    ],
)
def test_the_paths(method: str, path: str, served: bool) -> None:
    """Only POST to /mcp and /mcp/NAME is served, with or without a slash at the end."""
    assert (surface.find(method, path) is surface.MCP) is served
