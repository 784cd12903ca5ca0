"""Google's contents and candidates as messages of OpenTelemetry's GenAI schema."""

from typing import Any

from ...untyped import mapping, sequence, text
from . import media
from .media import Json
from .parts import text as text_part
from .parts import tool_response, unknown, with_rest, without

_ROLES = {"model": "assistant", "function": "tool"}


def system(said: Any) -> list[Json]:
    """The messages of a `systemInstruction`."""
    return [{"role": "system", "parts": _parts(mapping(said))}]


def contents(said: Any) -> list[Json]:
    """The messages of `contents`."""
    return [_message(mapping(content)) for content in sequence(said)]


def candidates(answer: Json) -> list[Json]:
    """The messages of an answer, or why there is none."""
    found = [
        {
            "role": "assistant",
            "parts": _parts(mapping(candidate.get("content"))),
            "finish_reason": candidate.get("finishReason"),
        }
        for candidate in map(mapping, sequence(answer.get("candidates")))
    ]
    blocked = mapping(answer.get("promptFeedback")).get("blockReason")
    nothing: Json = {"role": "assistant", "parts": [], "finish_reason": blocked}
    return found or [nothing]


def _message(content: Json) -> Json:
    role = text(content.get("role")) or "user"
    found = {"role": _ROLES.get(role, role), "parts": _parts(content)}
    return with_rest(found, without(content, "role", "parts"))


def _parts(content: Json) -> list[Json]:
    return [_part(mapping(part)) for part in sequence(content.get("parts"))]


def _part(part: Json) -> Json:
    for name, convert in _KINDS.items():
        if name in part:
            found = convert(part[name])
            if found is not None:
                return with_rest(found, without(part, name))
    if isinstance(part.get("text"), str):
        if part.get("thought") is True:
            found = {"type": "reasoning", "content": part["text"]}
            return with_rest(found, without(part, "text", "thought"))
        return with_rest(text_part(part["text"]), without(part, "text"))
    return unknown(part)


def _inline(given: Any) -> Json | None:
    held = mapping(given)
    data = held.get("data")
    if not isinstance(data, str):
        return None
    blob = media.blob(data, text(held.get("mimeType")))
    return with_rest(blob, without(held, "data", "mimeType"))


def _file(given: Any) -> Json | None:
    held = mapping(given)
    address = text(held.get("fileUri"))
    if address is None:
        return None
    found = media.of_url(address, text(held.get("mimeType")))
    return with_rest(found, without(held, "fileUri", "mimeType"))


def _call(given: Any) -> Json:
    call = mapping(given)
    found = {"id": call.get("id"), "name": call.get("name"), "arguments": call.get("args")}
    return with_rest({"type": "tool_call", **found}, without(call, "id", "name", "args"))


def _response(given: Any) -> Json:
    told = mapping(given)
    return tool_response(told.get("id"), told.get("response"), without(told, "id", "response"))


_KINDS = {
    "inlineData": _inline,
    "fileData": _file,
    "functionCall": _call,
    "functionResponse": _response,
}
