"""Prompt caches of Claude and Nova: a marked prefix is written once and read from then on.

Tokens are counted as everywhere here, 4 characters each, without tools; tools do belong to the
prefix, so that other tools are another prefix. A prefix shorter than the model's minimum is not
cached. From a marker the cache looks back over up to 20 blocks for the longest prefix that it
knows. Nothing expires: no test lasts five minutes.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from .pretend import Json, Piece, Prompt
from .shapes import blocks, content, inner, items

LOOK_BACK = 20  # blocks
# Tokens of the shortest prefix that is cached; Anthropic's "Prompt caching", AWS's for Nova.
SHORTEST = (
    (r"claude-(opus-5|fable-5|mythos-5)(?!-5)", 512),
    (r"claude-opus-4-7", 2048),
    (r"claude-(opus-4-[56]|haiku-4-5)", 4096),
    (r"claude-(3-5-)?haiku-3", 2048),
    (r"nova", 1000),
)


def shortest(model: str) -> int:
    """Tokens that a prefix needs to be cached by this model."""
    return next((tokens for name, tokens in SHORTEST if re.search(name, model)), 1024)


@dataclass(slots=True)
class Cache:
    """The prefixes that a simulator has written, of all models."""

    known: set[str] = field(default_factory=set[str])

    def used(self, prompt: Prompt) -> dict[str, int]:
        """Tokens read and written for this prompt, whose marked prefixes are known from now on."""
        ends = _ends(prompt)
        markers = [number for number, end in enumerate(ends) if end.marker]
        least = shortest(prompt.model)
        found = max((self._longest(ends, marker) for marker in markers), default=0)
        used = {"cache_read": found, "cache_write_5m": 0, "cache_write_1h": 0}
        for marker in markers:
            end = ends[marker]
            if end.tokens >= max(least, found + 1):
                used[f"cache_write_{end.marker}"] += end.tokens - found
                found = end.tokens
            if end.tokens >= least:
                self.known.add(end.prefix)
        return used if any(used.values()) else {}

    def _longest(self, ends: Sequence["_End"], marker: int) -> int:
        near = ends[max(0, marker - LOOK_BACK) : marker + 1]
        return max((end.tokens for end in near if end.prefix in self.known), default=0)


@dataclass(frozen=True, slots=True)
class _End:
    """The end of a block, and with it of a prefix."""

    prefix: str  # hash of all up to here
    tokens: int
    marker: str | None


def _ends(prompt: Prompt) -> list[_End]:
    grown, characters, ends = hashlib.sha256(prompt.model.encode()), 0, list[_End]()
    for piece in prompt.pieces:
        grown.update(piece.content.encode())
        characters += piece.characters
        ends.append(_End(grown.hexdigest(), characters // 4, piece.marker))
    return ends


def of_messages(body: Json) -> Iterator[Piece]:
    """The blocks of a request in Anthropic's form."""
    for tool in items(body, "tools"):
        yield _piece("tool", tool, 0)
    for block in blocks(body.get("system") or []):
        yield _piece("system", block, len(content([block])))
    for message in items(body, "messages"):
        for block in blocks(message.get("content")):
            is_result = block.get("type") == "tool_result"
            text = content(block.get("content")) if is_result else str(block.get("text") or "")
            yield _piece(str(message.get("role")), block, len(text))


def _piece(place: str, block: Json, characters: int) -> Piece:
    marker: Json | None = block.get("cache_control")
    plain = {key: value for key, value in block.items() if key != "cache_control"}
    ttl = str(marker.get("ttl", "5m")) if marker else None
    return Piece(f"{place} {json.dumps(plain, sort_keys=True)}", characters, ttl)


def of_converse(body: Json) -> Iterator[Piece]:
    """The blocks of a request to Converse, where a marker is a block of its own."""
    places: list[tuple[str, list[Any]]] = [
        ("tool", items(inner(body, "toolConfig"), "tools")),
        ("system", items(body, "system")),
    ]
    places += [(str(m.get("role")), items(m, "content")) for m in items(body, "messages")]
    for place, given in places:
        for number, block in enumerate(given):
            if "cachePoint" not in block:
                after = inner(given[number + 1], "cachePoint") if number + 1 < len(given) else {}
                ttl = str(after.get("ttl", "5m")) if after else None
                yield Piece(f"{place} {json.dumps(block, sort_keys=True)}", _length(block), ttl)


def _length(block: Json) -> int:
    result = items(inner(block, "toolResult"), "content")
    parts = [json.dumps(p["json"]) if "json" in p else p.get("text", "") for p in result]
    return len("".join(parts) + str(block.get("text") or ""))
