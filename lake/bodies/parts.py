"""Parts of messages, of every dialect, in OpenTelemetry's GenAI schema.

What it has no name for stays: a part of an unknown kind as it came, an unknown field beside ours.
"""

import re
from collections.abc import Callable
from typing import Any

import orjson

from ...untyped import mapping, sequence
from . import media
from .media import Json

# A whole number that no reader of JSON can be trusted to keep.
_FLAT = ("type", "file_data", "file_id")
_LONG_NUMBER = re.compile(r"\d{16}")


def with_rest(part: Json, rest: Json) -> Json:
    """The part and what else was said; in `extra` when one would hide the other."""
    if not rest:
        return part
    if rest.keys() & part.keys():
        return type(part)({**part, "extra": rest})
    return type(part)({**part, **rest})


def without(item: Json, *names: str) -> Json:
    """The fields that are not in `names`, and that say something."""
    return {n: v for n, v in item.items() if n not in names and v not in (None, "", [], {})}


def text(content: str) -> Json:
    """A text."""
    return {"type": "text", "content": content}


def parts(content: Any) -> list[Json]:
    """The parts of a message's content: a text, or a list of parts."""
    if isinstance(content, str):
        return [text(content)]
    if content is None:
        return []
    if isinstance(content, list):
        return [part(item) for item in sequence(content)]
    return [part(content)]


def part(item: Any) -> Json:
    """One part, whatever its dialect."""
    if isinstance(item, str):
        return text(item)
    if not isinstance(item, dict):
        return {"type": "value", "content": item}
    found = mapping(item)
    kind = found.get("type")
    convert = _KNOWN.get(kind) if isinstance(kind, str) else None
    known = convert(found) if convert is not None else None
    return known if known is not None else unknown(found)


def unknown(item: Json) -> Json:
    """A part that OpenTelemetry has no name for, with its own."""
    return item if isinstance(item.get("type"), str) else with_rest({"type": "unknown"}, item)


def arguments(given: Any) -> Any:
    """Arguments of a tool as an object, when their text is one and nothing is lost by it."""
    if not isinstance(given, str) or given[:1] != "{" or _LONG_NUMBER.search(given):
        return given
    try:
        return orjson.loads(given)
    except ValueError:
        return given


def tool_call(call: Json) -> Json:
    """A tool call of a chat message."""
    kind = "custom" if isinstance(call.get("custom"), dict) else "function"
    inner = mapping(call.get(kind))
    if not inner:
        return with_rest({"type": "tool_call"}, without(call, "type"))
    field = "input" if kind == "custom" else "arguments"
    found = _call(call.get("id"), inner.get("name"), inner.get(field))
    extra = without(call, "id", "type", "index", kind)
    return with_rest(found, _both(extra, without(inner, "name", field)))


def _call(id_: Any, name: Any, given: Any) -> Json:
    return {"type": "tool_call", "id": id_, "name": name, "arguments": arguments(given)}


def tool_response(id_: Any, response: Any, rest: Json) -> Json:
    """What a tool has answered."""
    if isinstance(response, list):
        response = parts(response)
    return with_rest({"type": "tool_call_response", "id": id_, "response": response}, rest)


def _text(item: Json) -> Json | None:
    content = item.get("text")
    if not isinstance(content, str):
        return None
    found = {"type": "text", "content": content}
    return found if len(item) == 2 else with_rest(found, without(item, "type", "text"))


def _refusal(item: Json) -> Json | None:
    if not isinstance(item.get("refusal"), str):
        return None
    found = {"type": "refusal", "content": item["refusal"]}
    return with_rest(found, without(item, "type", "refusal"))


def _thinking(item: Json) -> Json | None:
    if not isinstance(item.get("thinking"), str):
        return None
    found = {"type": "reasoning", "content": item["thinking"]}
    return with_rest(found, without(item, "type", "thinking"))


def _image_url(item: Json) -> Json | None:
    """OpenAI's picture: `image_url` is an object in chats, a text in responses."""
    given = item.get("image_url")
    inner = mapping(given)
    url = inner.get("url") if inner else given
    if not isinstance(url, str):
        return None
    found = media.of_url(url, "image/*")
    return with_rest(found, _both(without(item, "type", "image_url"), without(inner, "url")))


def _input_audio(item: Json) -> Json | None:
    inner = mapping(item.get("input_audio"))
    if not isinstance(inner.get("data"), str):
        return None
    kind = inner.get("format")
    mime_type = f"audio/{kind}" if isinstance(kind, str) else "audio/*"
    known = ("data", "format") if isinstance(kind, str) else ("data",)
    rest = _both(without(item, "type", "input_audio"), without(inner, *known))
    return with_rest(media.blob(inner["data"], mime_type), rest)


def _file(item: Json) -> Json | None:
    """OpenAI's file: in an object `file` in chats, flat in responses."""
    inner = mapping(item.get("file"))
    fields = inner or item
    data, id_ = fields.get("file_data"), fields.get("file_id")
    outer = without(item, "type", "file") if inner else {}
    rest = _both(outer, without(fields, *(("file_data", "file_id") if inner else _FLAT)))
    if isinstance(data, str) and id_ is None:
        found = media.of_url(data)
        if found["type"] == "uri":  # base64 without the beginning of a URL
            found = media.blob(data, None)
        return with_rest(found, rest)
    if isinstance(id_, str) and data is None:
        return with_rest({"type": "file", "modality": None, "file_id": id_}, rest)
    return None


def _source(item: Json) -> Json | None:
    """Anthropic's picture or document."""
    source = mapping(item.get("source"))
    rest = without(item, "type", "source")
    kind, mime_type = source.get("type"), source.get("media_type")
    mime_type = mime_type if isinstance(mime_type, str) else None
    inner = without(source, "type", "media_type", "data", "url")
    if kind == "base64" and isinstance(source.get("data"), str) and "url" not in source:
        return with_rest(media.blob(source["data"], mime_type), _both(rest, inner))
    if kind == "url" and isinstance(source.get("url"), str) and "data" not in source:
        like = mime_type or ("image/*" if item.get("type") == "image" else "application/*")
        return with_rest(media.of_url(source["url"], like), _both(rest, inner))
    return None


def _both(rest: Json, inner: Json) -> Json:
    return with_rest(rest, inner) if rest else inner


def _tool_use(item: Json) -> Json:
    found = _call(item.get("id"), item.get("name"), item.get("input"))
    return with_rest(found, without(item, "type", "id", "name", "input"))


def _tool_result(item: Json) -> Json:
    rest = without(item, "type", "tool_use_id", "content")
    return tool_response(item.get("tool_use_id"), item.get("content"), rest)


_KNOWN: dict[str, Callable[[Json], Json | None]] = {
    "text": _text,
    "input_text": _text,
    "output_text": _text,
    "summary_text": _text,
    "reasoning_text": _text,
    "refusal": _refusal,
    "thinking": _thinking,
    "image_url": _image_url,
    "input_image": _image_url,
    "input_audio": _input_audio,
    "file": _file,
    "input_file": _file,
    "image": _source,
    "document": _source,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
}
