"""What an MCP client asks: one JSON-RPC message, the server that it is meant for, and whether the
key may use that server."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..keys.identity import Identity, refuse
from ..untyped import mapping, text
from . import errors, surface
from .errors import Failure
from .surface import Route

# What a client may ask. Those with a route of their own reach what a server has or does, and have
# a row each; the others say hello and list.
_ASKED: Mapping[str, Route | None] = {
    "initialize": None,
    "ping": None,
    "notifications/initialized": None,
    "notifications/cancelled": None,
    "notifications/progress": None,
    "notifications/roots/list_changed": None,
    "tools/list": None,
    "prompts/list": None,
    "resources/list": None,
    "resources/templates/list": None,
    "tools/call": surface.MCP_TOOL_CALL,
    "prompts/get": surface.MCP_PROMPT_GET,
    "resources/read": surface.MCP_RESOURCE_READ,
}
_SEPARATOR = "-"  # LiteLLM's, between a server's name and that of its tool or prompt
_PATH = re.compile(r"/mcp/([A-Za-z0-9_]{1,64})/?")

_NONE_ALLOWED = (
    "This key may use no MCP server. Ask the gateway's operator for one: "
    "sekisho keys update KEY --mcp NAME."
)
_NOT_ALLOWED = (
    "This key may not use the MCP server {!r}, only: {}. Choose one of those, or ask the gateway's "
    "operator: sekisho keys update KEY --mcp {}."
)


@dataclass(frozen=True, slots=True)
class Call:
    """A message that may pass.

    `servers` are those that it may reach. `route` is what its row is about, None without a row;
    `server` and `name` are then whom it goes to and the tool, prompt or resource there.
    """

    message: Mapping[str, Any]
    servers: tuple[str, ...]
    route: Route | None = None
    server: str | None = None
    name: str | None = None
    content: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def full_name(self) -> str:
        """The name by which clients know it: `SERVER-TOOL`."""
        return f"{self.server}{_SEPARATOR}{self.name}"[:200]


def asked_for(message: Mapping[str, Any]) -> tuple[Route | None, str | None]:
    """What a message is about, for its row, whether it may pass or not; and what it names."""
    method = message.get("method")
    route = _ASKED.get(method) if isinstance(method, str) else None
    if route is None:
        return None, None
    named = text(mapping(message.get("params")).get(_field_of(route)))
    return route, named[:200] if named else None


def read(message: Mapping[str, Any], path: str, identity: Identity, allowed: Sequence[str]) -> Call:
    """The message as LiteLLM may have it; `allowed` are the servers that the key may use.

    What is called is named with its server in front, so that LiteLLM looks nowhere else. Raises
    Failure: 403 when the key may not, 400 when nobody can tell what is meant.
    """
    servers = _servers(path, identity, allowed)
    method = message.get("method")
    if method is None and ("result" in message or "error" in message):
        return Call(message, servers)  # a reply, which nobody waits for
    if not isinstance(method, str) or method not in _ASKED:
        words = f"There is no method {str(method)[:100]!r} on this gateway's MCP routes."
        raise Failure(400, words, "mcp_method_not_found")
    route = _ASKED[method]
    if route is None:
        return Call(message, servers)
    return _call(message, route, servers, identity, allowed)


def _call(
    message: Mapping[str, Any],
    route: Route,
    servers: tuple[str, ...],
    identity: Identity,
    allowed: Sequence[str],
) -> Call:
    params = mapping(message.get("params"))
    field_name = _field_of(route)
    named = text(params.get(field_name))
    if not named:
        raise Failure(400, f"The call has no params.{field_name}.", "mcp_invalid_params")
    if field_name == "uri":
        server, name = _only(servers), named
    else:
        server, name = _split(named, servers, identity, allowed)
        params = {**params, "name": f"{server}{_SEPARATOR}{name}"}
    content = {"method": message["method"], "params": params}
    return Call({**message, "params": params}, (server,), route, server, name, content)


def _field_of(route: Route) -> str:
    return "uri" if route is surface.MCP_RESOURCE_READ else "name"


def _servers(path: str, identity: Identity, allowed: Sequence[str]) -> tuple[str, ...]:
    """The servers that a path means, all of which the key may use."""
    named = _PATH.fullmatch(path)
    if named is None and allowed:
        return tuple(allowed)
    if named is None:
        raise errors.of_refusal(refuse("mcp_server_not_allowed", _NONE_ALLOWED, identity))
    _check(named[1], identity, allowed)
    return (named[1],)


def _check(server: str, identity: Identity, allowed: Sequence[str]) -> None:
    """Raise Failure 403, the same whether there is such a server or not."""
    if server in allowed:
        return
    words = _NOT_ALLOWED.format(server[:64], ", ".join(allowed), server[:64])
    words = words if allowed else _NONE_ALLOWED
    raise errors.of_refusal(refuse("mcp_server_not_allowed", words, identity))


def _split(
    named: str, servers: tuple[str, ...], identity: Identity, allowed: Sequence[str]
) -> tuple[str, str]:
    """The server, and what it calls the thing itself, of `SERVER-NAME`; a path that names the
    server needs no prefix."""
    before, separator, rest = named.partition(_SEPARATOR)
    if separator and rest and before in servers:
        return before, rest
    if len(servers) == 1:
        return servers[0], named
    if separator:
        _check(before, identity, allowed)
    words = f"{named[:100]!r} names no MCP server: call it by the name that the list gives."
    raise Failure(400, words, "mcp_invalid_params")


def _only(servers: tuple[str, ...]) -> str:
    if len(servers) == 1:
        return servers[0]
    words = f"A resource needs its server in the path: POST /mcp/{servers[0]}."
    raise Failure(400, words, "mcp_invalid_params")
