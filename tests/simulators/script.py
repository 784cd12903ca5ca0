"""What the next answer should look like: directives in the prompt, or behaviours queued by a test.

A directive stands in the text of the last user turn (or in the raw bytes of an audio file), so any
client can carry it unchanged::

    [[sim:status 429 retry_after=2 message="slow down"]]   a native error
    [[sim:status 429 times=1]]              only for the first so many requests with these words
    [[sim:overflow]]                        the native error for a prompt that is too long
    [[sim:slow 2.0]]                        wait so many seconds before the answer begins
    [[sim:cut 3]]                           close the connection after 3 content chunks (0: at once)
    [[sim:midstream 3]]                     a native error event after 3 content chunks
    [[sim:usage input=100 output=10 cache_read=20 cache_write_5m=30 reasoning=4]]
    [[sim:text Any words]]                  the answer's text
    [[sim:chunks 50 delay=0.01]]            50 words, each its own chunk, seconds between them
    [[sim:tool get_weather={"city": "Kyoto"}]]   call this tool (may be repeated); `=b64:...` has
                                            the JSON as base64, for clients that change quotes
    [[sim:tools 2]]                         call two of the offered tools, in their order
    [[sim:stop length]]                     stop reason: length or filter
    [[sim:tier flex]]                       served as priority or flex (default: as asked)

The same words are the keys of a queued behaviour: ``{"status": 429, "retry_after": 2}``. A queued
behaviour replaces the directives of the request that takes it; ``{}`` asks for a normal answer.
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

UNITS = frozenset(
    {
        "input",
        "output",
        "cache_read",
        "cache_write_5m",
        "cache_write_1h",
        "reasoning",
        "audio_input",
        "audio_output",
        "image_input",
        "image_output",
    }
)
_OPEN = re.compile(r"\[\[sim:(\w+)[ ]?")
_PAIR = re.compile(r'(\w+)=("[^"]*"|\S+)')


class ScriptError(ValueError):
    """A directive or a queued behaviour that the simulator does not understand."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How to answer one request. The default is a short, successful, deterministic answer."""

    status: int = 200
    times: int | None = None  # None: always
    overflow: bool = False
    retry_after: float | None = None  # seconds
    message: str | None = None
    slow: float = 0.0  # seconds
    cut: int | None = None
    midstream: int | None = None
    usage: Mapping[str, int] = field(default_factory=dict[str, int])
    text: str | None = None
    chunks: int | None = None
    delay: float = 0.0  # seconds
    tool: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    tools: int = 0
    stop: str | None = None
    tier: str | None = None


_NAMES = frozenset(item.name for item in fields(Behaviour))


def from_mapping(raw: Mapping[str, Any]) -> Behaviour:
    """A queued behaviour. Raises `ScriptError` for unknown keys."""
    unknown = (set(raw) - _NAMES) | (set(raw.get("usage", {})) - UNITS)
    if unknown:
        raise ScriptError(f"unknown in a behaviour: {', '.join(sorted(unknown))}")
    calls: list[Any] = raw.get("tool") or []
    given: dict[str, Any] = {**raw, "tool": tuple((call[0], call[1]) for call in calls)}
    return Behaviour(**given)


def from_text(text: str) -> Behaviour:
    """The directives found in `text`, later ones over earlier ones. Raises `ScriptError`."""
    found: dict[str, Any] = {"tool": []}
    for match in _OPEN.finditer(text):
        name, rest = match.group(1), text[match.end() :]
        if name == "tool":
            found["tool"].append(_tool(rest))
        else:
            found |= _directive(name, rest.split("]]", 1)[0].strip())
    return from_mapping(found)


def _tool(rest: str) -> tuple[str, Any]:
    """`name={json}`: read by a JSON decoder, since the arguments may hold `]]` themselves."""
    name, _, arguments = rest.partition("=")
    try:
        if arguments.startswith("b64:"):
            arguments = base64.b64decode(arguments[4:].split("]]", 1)[0]).decode()
        return name, json.JSONDecoder().raw_decode(arguments)[0]
    except ValueError as error:
        raise ScriptError(f"the tool directive for {name!r} has no JSON arguments") from error


def _directive(name: str, rest: str) -> dict[str, Any]:
    if name == "text":
        return {"text": rest}
    pairs = {key: _value(raw) for key, raw in _PAIR.findall(rest)}
    words = _PAIR.sub("", rest).split()
    if name == "overflow":
        return {"overflow": True}
    if name == "usage":
        return {"usage": pairs}
    return {name: _value(words[0]) if words else None, **pairs}


def _value(raw: str) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw
