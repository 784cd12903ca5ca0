"""Conversations with Claude get prompt-cache markers when their client sends none.

For Cline, Codex, aider, Gemini CLI and others on Chat, Responses and Google's API, which pay the
full price for the whole conversation at each turn. Claude, on every cloud, caches only what ends at
a marker; the same prefix then costs a tenth. Marked are the tools, the system prompt, the end of
the request before (where its cache was written) and the end of this one: four, which is the most
that Anthropic takes. A request with a marker of its own is left alone. So is one without tools or
earlier turns, as writing a cache that nobody reads costs a quarter more, and one that is shorter
than the least that Anthropic caches (1,024 tokens).
"""

from collections.abc import Iterable
from typing import Any

from ...untyped import mapping, text
from .call import Call, Json

NAME: str = "cache_markers"

_CLOUDS = ("bedrock", "vertex_ai", "azure_ai")
_MARKER = "cache_control"
_MARKED = {"type": "ephemeral"}
_LEAST_CHARACTERS = 4 * 1024  # about four characters are a token
_CACHEABLE = ("text", "image", "image_url", "document", "tool_result")


def apply(call: Call) -> None:
    """Chat and Messages, whichever Claude's own form is made of."""
    if not call.is_claude or call.provider not in _CLOUDS or call.api not in ("chat", "messages"):
        return
    given = call.kwargs
    messages, tools = call.list("messages"), call.list("tools")
    if not tools and not any(_role(message) == "assistant" for message in messages):
        return
    if given.get("cache_control_injection_points") or given.get(_MARKER):
        return
    if _has_marker(given, messages, tools) or not _is_long(given, messages, tools):
        return
    if tools:
        given["tools"] = _with_tools_marked(tools)
    if call.api == "messages" and given.get("system"):
        given["system"] = _marked_content(given["system"])
    given["messages"] = _with_messages_marked(messages, call.api == "chat")


def _role(message: object) -> Any:
    return mapping(message).get("role")


def _blocks(content: object) -> Iterable[Any]:
    return content if isinstance(content, list) else ()  # pyright: ignore[reportUnknownVariableType]


def _has_marker(given: Json, messages: list[Any], tools: list[Any]) -> bool:
    if any(_MARKER in mapping(block) for block in _blocks(given.get("system"))):
        return True
    if any(_MARKER in mapping(one) or _MARKER in _function(one) for one in tools):
        return True
    return any(
        _MARKER in current
        or any(_MARKER in mapping(block) for block in _blocks(current.get("content")))
        for current in map(mapping, messages)
    )


def _function(tool: Any) -> Json:
    return mapping(mapping(tool).get("function"))


def _is_long(given: Json, messages: list[Any], tools: list[Any]) -> bool:
    """Whether there is enough to cache; counts no further than it has to."""
    characters = 0
    for size in _sizes(given, messages, tools):
        characters += size
        if characters >= _LEAST_CHARACTERS:
            return True
    return False


def _sizes(given: Json, messages: list[Any], tools: list[Any]) -> Iterable[int]:
    yield from _text_sizes(given.get("system"))
    for message in messages:
        yield from _text_sizes(mapping(message).get("content"))
    for tool in tools:
        yield len(str(tool))


def _text_sizes(content: Any) -> Iterable[int]:
    if isinstance(content, str):
        yield len(content)
    for block in _blocks(content):
        yield len(text(mapping(block).get("text")) or "")


def _with_tools_marked(tools: list[Any]) -> list[Any]:
    """The last tool that is sent with the prompt: not one that is loaded later."""
    for place in range(len(tools) - 1, -1, -1):
        tool = mapping(tools[place])
        if tool and not tool.get("defer_loading"):
            marked = {**tool, _MARKER: _MARKED}
            return [*tools[:place], marked, *tools[place + 1 :]]
    return tools


def _with_messages_marked(messages: list[Any], on_chat: bool) -> list[Any]:
    marked = list(messages)
    for place in _places([_role(message) for message in messages]):
        message = messages[place]  # a mapping, as it has a role
        content = message.get("content")
        if on_chat and isinstance(content, str) and content:
            # LiteLLM's own form for a text, which stays one (a tool's result has to).
            marked[place] = {**message, _MARKER: _MARKED}
        else:
            marked[place] = {**message, "content": _marked_content(content)}
    return marked


def _places(roles: list[object]) -> set[int]:
    """The end of the system prompt, of this request, and of the one before the last answer."""
    found: set[int] = set()
    first = next((n for n, role in enumerate(roles) if role not in ("system", "developer")), 0)
    if first:
        found.add(first - 1)
    asked = [place for place, role in enumerate(roles) if role in ("user", "tool")]
    answered = [place for place, role in enumerate(roles) if role == "assistant"]
    found.update(asked[-1:])
    if answered:
        found.update([place for place in asked if place < answered[-1]][-1:])
    return found


def _marked_content(content: Any) -> Any:
    """A text or list of blocks with its last block marked, if that can be."""
    if isinstance(content, str) and content:
        return [{"type": "text", "text": content, _MARKER: _MARKED}]
    blocks = list(_blocks(content))
    last = mapping(blocks[-1]) if blocks else {}
    if last.get("type") not in _CACHEABLE or last.get("text") == "":
        return content
    return [*blocks[:-1], {**last, _MARKER: _MARKED}]
