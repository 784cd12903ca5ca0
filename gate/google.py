"""Google's own requests (Gemini API), in the one spelling that the gate and LiteLLM read.

Google's JSON may name a field in two ways (`generationConfig`, `generation_config`), may leave out
the list around a single item, and the API has the model in the path. What is read in one place and
not in another would be asked but not counted; so there is one spelling from here on. Of the fields
only those pass that LiteLLM sends on, and none that would steer it.
"""

import re
from collections.abc import Mapping
from typing import Any

from ..untyped import mapping, sequence
from .errors import Failure

Json = dict[str, Any]

# ai.google.dev, "GenerateContentRequest", and Vertex AI's; what LiteLLM sends on of them.
FIELDS = frozenset(
    [
        "cachedContent",
        "contents",
        "generationConfig",
        "labels",
        "safetySettings",
        "systemInstruction",
        "toolConfig",
        "tools",
    ]
)
_LISTS = ("contents", "safetySettings", "tools")
_PARTS = ("inlineData", "fileData", "functionCall", "functionResponse", "videoMetadata")
_SNAKE = re.compile("_([a-z0-9])")

_WRONG = "'{}' must be a list of objects{}."


def read(body: Mapping[str, Any], alias: str, streams: bool) -> Json:
    """A request's fields, with the alias of its path as `model`. Raises Failure 400."""
    outer = _camel(body)
    # What is counted may stand in the request that it is counted for.
    inner = _camel(mapping(outer.get("generateContentRequest")))
    asked = {name: value for name, value in {**outer, **inner}.items() if name in FIELDS}
    for name in _LISTS:
        if isinstance(asked.get(name), dict):
            asked[name] = [asked[name]]
    asked["contents"] = [_content(item) for item in _objects(asked.get("contents"), "contents")]
    if asked.get("systemInstruction") is not None:
        asked["systemInstruction"] = _system(asked["systemInstruction"])
    for name in ("generationConfig", "toolConfig"):
        if asked.get(name) is not None:
            asked[name] = _settings(asked[name], name)
    if asked.get("tools") is not None:
        asked["tools"] = [_tool(tool) for tool in _objects(asked["tools"], "tools")]
    return {"model": alias, **({"stream": True} if streams else {}), **asked}


def _camel(fields: Mapping[str, Any]) -> Json:
    """The fields in camel case; of one that is there in both spellings that one counts."""
    if not any("_" in name for name in fields):
        return dict(fields)
    renamed = {_SNAKE.sub(lambda found: found[1].upper(), name): v for name, v in fields.items()}
    return renamed | {name: value for name, value in fields.items() if "_" not in name}


def _settings(given: object, name: str) -> Json:
    if not isinstance(given, dict):
        raise Failure(400, f"'{name}' must be an object.", "invalid_request")
    found = _camel(mapping(given))
    for inner in ("functionCallingConfig", "thinkingConfig"):
        if isinstance(found.get(inner), dict):
            found[inner] = _camel(mapping(found[inner]))
    return found


def _tool(tool: Json) -> Json:
    found = _camel(tool)
    declared = found.get("functionDeclarations")
    if isinstance(declared, dict):
        declared = [declared]
    if declared is not None:
        given = _objects(declared, "functionDeclarations")
        found["functionDeclarations"] = [_camel(function) for function in given]
    return found


def _system(given: object) -> Json:
    """Instructions as an object with parts; Google takes a plain text and a list of parts, too."""
    if isinstance(given, str):
        return {"parts": [{"text": given}]}
    return _content({"parts": given} if isinstance(given, list) else given)


def _content(given: object) -> Json:
    found = dict(mapping(given))
    parts = found.get("parts")
    if isinstance(parts, dict | str):
        parts = [parts]
    texts = ({"text": part} if isinstance(part, str) else part for part in sequence(parts))
    if parts is not None and not isinstance(parts, list):
        raise Failure(400, _WRONG.format("parts", ""), "invalid_messages")
    found["parts"] = [_part(part) for part in _objects([*texts], "parts")]
    if isinstance(found.get("role"), str):
        found["role"] = found["role"].lower()
    return found


def _part(part: Json) -> Json:
    found = _camel(part)
    for name in _PARTS:
        if isinstance(found.get(name), dict):
            found[name] = _camel(mapping(found[name]))
    return found


def _objects(given: object, name: str) -> list[Json]:
    items = sequence(given)
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in items):
        hint = " with 'parts'" if name == "contents" else ""
        raise Failure(400, _WRONG.format(name, hint), "invalid_messages")
    return items
