"""Google's request in the words that `weight` and `talk` read."""

from collections.abc import Mapping
from typing import Any

from ...untyped import mapping, sequence

Json = dict[str, Any]

_HOLDS = ("inlineData", "fileData")


def flat(asked: Mapping[str, Any]) -> Json:
    """The request with `generationConfig` beside the rest, and media as parts of a known kind."""
    rest = {name: value for name, value in asked.items() if name != "generationConfig"}
    settings = mapping(asked.get("generationConfig"))
    contents = [_content(mapping(content)) for content in sequence(asked.get("contents"))]
    return {**settings, **rest, "contents": contents}


def _content(content: Json) -> Json:
    return {**content, "parts": [_part(mapping(part)) for part in sequence(content.get("parts"))]}


def _part(part: Json) -> Json:
    for name in _HOLDS:
        held = mapping(part.get(name))
        if held:
            mime_type = str(held.get("mimeType") or "")
            kind = "image" if mime_type.startswith("image/") else "document"
            content = {"data": held.get("data"), "url": held.get("fileUri"), "format": mime_type}
            return {"type": kind, **{n: v for n, v in content.items() if v}}
    answer = mapping(part.get("functionResponse"))
    if answer.get("parts"):  # media that a tool has answered with
        return {**part, "parts": _content(answer)["parts"]}
    return part
