"""Tools get names that every provider takes, and the client never notices.

For MCP servers in any client: their tools' names are often longer than 64 characters or have dots
and slashes, and Bedrock, Azure and Gemini answer 400. A name that isn't up to 64 letters, digits,
`_` and `-`, the first a letter, becomes its readable beginning with a hash of the whole, which is
the same in every turn; in the answer the original stands again (originals.py), streamed or not.
LiteLLM does part of this for some routes. Done here, before it sees the request, it has nothing
left to do; its own table for Bedrock mixes up the names of different clients.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ...untyped import mapping, sequence, text
from .call import Call, Json

NAME: str = "long_tool_names"

_MOST = 64  # characters
_MOST_OF_NAMESPACE = 30  # LiteLLM writes NAMESPACE__NAME for providers without namespaces
_HASH = 10
_TAKEN = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]*")
_REFUSED = re.compile(r"[^a-zA-Z0-9_-]")


def apply(call: Call) -> None:
    """Every API; a request without tools has no names."""
    if call.names is None or not call.list("tools"):
        return
    renamed = _Renamed(call.names)
    _BY_API[call.api](call.kwargs, renamed)


def is_taken(name: str, most: int = _MOST) -> bool:
    """Whether every provider takes this name."""
    return len(name) <= most and _is_clean(name)


@lru_cache(4096)  # the names of a conversation come again in each of its turns
def _is_clean(name: str) -> bool:
    return _TAKEN.fullmatch(name) is not None


def short(name: str, most: int = _MOST) -> str:
    """A name that every provider takes, always the same for this one."""
    clean = _REFUSED.sub("_", name)
    if not clean[:1].isalpha():
        clean = f"t_{clean}"
    digest = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:_HASH]
    return f"{clean[: most - _HASH - 1]}_{digest}"


@dataclass(slots=True)
class _Renamed:
    """Gives names, and notes in `names` which it has given."""

    names: dict[str, str]

    def name(self, name: object, most: int = _MOST) -> Any:
        """The name that goes upstream."""
        if not isinstance(name, str) or not name or is_taken(name, most):
            return name
        given = short(name, most)
        self.names[given] = name
        return given

    def within(self, namespace: object, name: object) -> tuple[Any, Any]:
        """A namespace's name and that of a tool in it, which may be written as one."""
        if not text(namespace):
            return namespace, self.name(name)
        space = self.name(namespace, _MOST_OF_NAMESPACE)
        return space, self.name(name, _MOST - len("__") - len(space))

    def field(self, holder: Any, key: str) -> Any:
        """A mapping with the name under `key` replaced; itself when the name may stay."""
        name = mapping(holder).get(key)
        given = self.name(name)
        return holder if given == name else {**holder, key: given}

    def inner(self, holder: Any, key: str, name_key: str = "name") -> Any:
        """The same for a name in the mapping under `key`."""
        inside = mapping(mapping(holder).get(key))
        name = inside.get(name_key)
        given = self.name(name)
        return holder if given == name else {**holder, key: {**inside, name_key: given}}


def _each(given: Json, key: str, change: Callable[[Any], Any]) -> None:
    """Replace a list by one with changed items, if any of them changes."""
    if key in given:
        given[key] = _changed(given[key], change)


def _changed(items: Any, change: Callable[[Any], Any]) -> Any:
    if not isinstance(items, list):
        return items
    after = [change(item) for item in items]  # pyright: ignore[reportUnknownVariableType]
    same = all(new is old for new, old in zip(after, items, strict=True))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return items if same else after  # pyright: ignore[reportUnknownVariableType]


def _under(holder: Any, key: str, change: Callable[[Any], Any]) -> Any:
    """A mapping with the items of the list under `key` changed; itself when none is."""
    inside = mapping(holder).get(key)
    after = _changed(inside, change)
    return holder if after is inside else {**holder, key: after}


def _chat(given: Json, renamed: _Renamed) -> None:
    def tool(one: Any) -> Any:
        return renamed.inner(one, "function" if "function" in mapping(one) else "custom")

    def message(one: Any) -> Any:
        current = mapping(one)
        if current.get("tool_calls"):
            return _under(one, "tool_calls", tool)
        return renamed.field(one, "name") if current.get("role") == "tool" else one

    _each(given, "tools", tool)
    _each(given, "messages", message)
    if "tool_choice" in given:
        given["tool_choice"] = tool(given["tool_choice"])


def _messages(given: Json, renamed: _Renamed) -> None:
    def block(one: Any) -> Any:
        match mapping(one).get("type"):
            case "tool_use":
                return renamed.field(one, "name")
            case "tool_result":
                return _under(one, "content", block)
            case "tool_reference":
                return renamed.field(one, "tool_name")
            case _:
                return one

    _each(given, "tools", lambda one: renamed.field(one, "name"))
    _each(given, "messages", lambda one: _under(one, "content", block))
    if "tool_choice" in given:
        given["tool_choice"] = renamed.field(given["tool_choice"], "name")


def _responses(given: Json, renamed: _Renamed) -> None:
    def tool(one: Any) -> Any:
        """A function, a tool with free text, or a namespace of those."""
        if mapping(one).get("type") != "namespace":
            return renamed.field(one, "name")
        return _namespace(one, renamed)

    def item(one: Any) -> Any:
        current = mapping(one)
        if text(current.get("namespace")):
            space, name = renamed.within(current["namespace"], current.get("name"))
            return {**current, "namespace": space, "name": name}
        # Calls, and what a search for tools has found.
        called = renamed.field(one, "name") if current.get("type") in _CALLS else one
        return _under(called, "tools", tool)

    _each(given, "tools", tool)
    _each(given, "input", item)
    if "tool_choice" in given:
        given["tool_choice"] = _under(renamed.field(given["tool_choice"], "name"), "tools", tool)


_CALLS = ("function_call", "custom_tool_call")


def _namespace(one: Json, renamed: _Renamed) -> Json:
    def tool(inner: Any) -> Any:
        _, name = renamed.within(one.get("name"), mapping(inner).get("name"))
        return inner if name == mapping(inner).get("name") else {**inner, "name": name}

    space, _ = renamed.within(one.get("name"), None)
    return {**one, "name": space, "tools": _changed(one.get("tools"), tool)}


def _generate(given: Json, renamed: _Renamed) -> None:
    def part(one: Any) -> Any:
        return renamed.inner(renamed.inner(one, "functionCall"), "functionResponse")

    def tool(one: Any) -> Any:
        return _under(one, "functionDeclarations", lambda made: renamed.field(made, "name"))

    _each(given, "tools", tool)
    _each(given, "contents", lambda one: _under(one, "parts", part))
    setting = mapping(mapping(given.get("toolConfig")).get("functionCallingConfig"))
    allowed = setting.get("allowedFunctionNames")
    if allowed:
        names = [renamed.name(name) for name in sequence(allowed)]
        setting = {**setting, "allowedFunctionNames": names}
        given["toolConfig"] = {**given["toolConfig"], "functionCallingConfig": setting}


_BY_API: dict[str, Callable[[Json, _Renamed], None]] = {
    "chat": _chat,
    "messages": _messages,
    "responses": _responses,
    "generate": _generate,
}
