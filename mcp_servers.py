"""The MCP servers of the configuration: `mcp_servers:`, as LiteLLM has it, but for what would let
somebody in whom nobody has granted anything."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .untyped import mapping, sequence
from .web_address import is_http

# LiteLLM puts the name before each tool's, with a hyphen between: so a name can have none.
_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
_WORDS = ("none", "all")  # what `--mcp` means by these is no server
_TRANSPORTS = ("http", "sse")
_AUTH = ("none", "api_key", "bearer_token", "basic", "authorization", "token")
# Of LiteLLM's keys those that say where a server is, how the gateway shows itself there, and what
# of it is offered. Not `allow_all_keys` (grants are made per key and team), not what passes a
# client's headers or sign-in on, and no commands to start on the gateway's machine.
KNOWN = (
    *("url", "transport", "description", "timeout", "protocol_version"),
    *("auth_type", "auth_value", "authentication_token", "static_headers"),
    *("allowed_tools", "disallowed_tools"),
)


def trouble(section: object) -> str | None:
    """What is wrong with the section `mcp_servers:`, in one line with the remedy."""
    if section is not None and not isinstance(section, dict):
        return "must be a mapping of names to servers"
    names: set[str] = set()
    for name, server in mapping(section).items():
        wrong = _trouble(str(name), server)
        if wrong is not None:
            return f"{name}: {wrong}"
        if str(name).lower() in names:
            return f"{name}: LiteLLM takes names that differ in case only for one: change it"
        names.add(str(name).lower())
    return None


def unknown(names: Iterable[str], section: object) -> str | None:
    """The first of these names that is no server of the section, with the nearest one."""
    known = [str(name) for name in mapping(section)]
    for name in names:
        if name not in known and name != "*":
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else "name it in mcp_servers: first"
            return f"there is no MCP server {name}: {hint}"
    return None


def _trouble(name: str, server: object) -> str | None:
    if not _NAME.fullmatch(name) or name.lower() in _WORDS:
        return "a name has 1 to 64 letters, digits and underscores, and is not none or all"
    if not isinstance(server, dict):
        return "must be a mapping with a url"
    fields = mapping(server)
    for key in fields:
        if key not in KNOWN:
            near = difflib.get_close_matches(str(key), KNOWN, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(KNOWN)}"
            return f"unknown key {key}: {hint}"
    return _wrong_place(fields) or _wrong_lists(fields)


def _wrong_place(fields: Mapping[str, Any]) -> str | None:
    url = fields.get("url")
    if not isinstance(url, str) or not _is_address(url):
        return "url must be http:// or https://, as https://wiki.internal/mcp"
    for key, choices in (("transport", _TRANSPORTS), ("auth_type", _AUTH)):
        if fields.get(key, choices[0]) not in choices:
            return f"{key} must be one of {', '.join(choices)}"
    return None


def _is_address(url: str) -> bool:
    return url.startswith("os.environ/") or is_http(url)


def _wrong_lists(fields: Mapping[str, Any]) -> str | None:
    for key in ("allowed_tools", "disallowed_tools"):
        found = fields.get(key)
        if found is not None and not _are_texts(found):
            return f"{key} must be a list of names of tools"
    return None


def _are_texts(found: object) -> bool:
    items: Sequence[Any] = sequence(found)
    return isinstance(found, list) and all(isinstance(item, str) for item in items)
