"""Calls of MCP servers as messages of OpenTelemetry's GenAI schema: a call and its response."""

from typing import Any

from ...untyped import mapping
from . import media
from .media import Json
from .parts import parts, with_rest, without


def call(params: Any) -> list[Json]:
    """The message of a call's `params`: a tool or a prompt with its arguments, or a resource."""
    given = mapping(params)
    named: Json = {name: given[name] for name in ("name", "arguments") if name in given}
    rest = without(given, "name", "arguments")
    return [{"role": "assistant", "parts": [with_rest({"type": "tool_call", **named}, rest)]}]


def response(body: Json) -> list[Json]:
    """The parts of an answer: what the tool, prompt or resource has said, or the server's error."""
    result = mapping(body.get("result"))
    said: Any = body.get("error") if "error" in body else result
    rest: Json = {}
    if isinstance(result.get("content"), list):
        said = [_content(item) for item in result["content"]]
        rest = without(result, "content")
    return [with_rest({"type": "tool_call_response", "response": said}, rest)]


def _content(item: Any) -> Json:
    """A piece of a tool's result; pictures and sound are media."""
    found = mapping(item)
    if found.get("type") in ("image", "audio") and isinstance(found.get("data"), str):
        rest = without(found, "type", "data", "mimeType")
        return media.blob(found["data"], found.get("mimeType"), rest)
    (part,) = parts([item])
    return part
