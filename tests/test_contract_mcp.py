"""What gate/mcp_app.py takes for granted of LiteLLM's MCP gateway and of the MCP SDK."""

import inspect
from typing import Any

from litellm.proxy._experimental.mcp_server import mcp_context, utils
from litellm.proxy._experimental.mcp_server import server as litellm_mcp
from litellm.proxy._types import UserAPIKeyAuth
from mcp.server import Server
from mcp.server.auth.middleware.auth_context import auth_context_var
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from sekisho.gate import mcp_app, mcp_call
from sekisho.keys.identity import Identity

KEY = Identity("key_1", "a", "service")


def test_litellms_server_is_one_of_the_sdk() -> None:
    """LiteLLM's handlers are those of a `Server` of the SDK, which any session manager serves."""
    assert isinstance(litellm_mcp.server, Server)
    parameters = inspect.signature(StreamableHTTPSessionManager).parameters
    assert {"app", "stateless", "max_request_body_size"} <= set(parameters)


def test_the_caller_is_told_by_a_context_variable() -> None:
    """`set_auth_context` is all that LiteLLM's handlers know of who asks, and for which servers."""
    before = auth_context_var.set(None)
    user = mcp_app.caller(KEY, ["calc"])
    litellm_mcp.set_auth_context(user_api_key_auth=user, mcp_servers=["calc"], raw_headers={})
    found: Any = litellm_mcp.get_auth_context()
    auth_context_var.reset(before)
    assert isinstance(found[0], UserAPIKeyAuth)
    assert found == (user, None, ["calc"], {}, None, {}, None)


def test_the_name_that_clients_are_told() -> None:
    """A context variable is what LiteLLM calls itself in its answer to `initialize`."""
    told = mcp_context.mcp_gateway_server_name.set("wiki")
    name = litellm_mcp.server.create_initialization_options().server_name
    mcp_context.mcp_gateway_server_name.reset(told)
    assert name == "wiki"


def test_grants_are_lists_of_names() -> None:
    """`object_permission.mcp_servers` is where LiteLLM looks for what a key may use."""
    user = mcp_app.caller(KEY, ["calc", "wiki"])
    assert user.object_permission.mcp_servers == ["calc", "wiki"]
    assert (user.api_key, user.user_role, user.team_id, user.end_user_id) == (
        "key_1",
        None,
        None,
        None,
    )


def test_tools_are_named_after_their_server() -> None:
    """`SERVER-TOOL`, by which the gate finds the server; and a name has no hyphen."""
    assert utils.MCP_TOOL_PREFIX_SEPARATOR == "-"
    assert utils.add_server_prefix_to_name("add", "calc") == "calc-add"
    found = mcp_call.read(
        {"method": "tools/call", "params": {"name": "calc-add"}}, "/mcp", KEY, ("calc", "wiki")
    )
    assert (found.server, found.name) == ("calc", "add")


def test_versions_with_a_greeting() -> None:
    """The SDK knows which versions begin with `initialize`; the newest does not."""
    app = mcp_app.McpApp((), 1)
    assert {"2025-03-26", "2025-06-18"} <= set(HANDSHAKE_PROTOCOL_VERSIONS)
    assert app.speaks("2025-06-18")
    assert not app.speaks("2026-07-28")
