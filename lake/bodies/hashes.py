"""What the log has of a body in mode `hash`: whether two were the same, how long, and no word.

Parameters stay when they are numbers, switches, or words out of a list that an API defines; all
others, descriptions of tools among them, are hashed as well.
"""

import hashlib
import hmac
import re
from typing import Any

import orjson

from ...untyped import mapping, sequence
from . import messages
from .media import Json

# Fields whose values are words that the APIs define.
_WORDS = frozenset(
    {
        "background",
        "effort",
        "encoding_format",
        "format",
        "include",
        "input_fidelity",
        "input_type",
        "language",
        "mediaResolution",
        "modalities",
        "mode",
        "model",
        "moderation",
        "output_format",
        "quality",
        "reasoning_effort",
        "responseMimeType",
        "responseModalities",
        "response_format",
        "role",
        "service_tier",
        "size",
        "style",
        "thinkingLevel",
        "summary",
        "timestamp_granularities",
        "tool_choice",
        "truncation",
        "type",
        "verbosity",
        "voice",
    }
)
# Objects of such fields; any other object is hashed as one.
_OBJECTS = frozenset(
    {
        "audio",
        "context_management",
        "functionCallingConfig",
        "generationConfig",
        "output_config",
        "reasoning",
        "response_format",
        "stream_options",
        "text",
        "thinking",
        "thinkingConfig",
        "toolConfig",
        "tool_choice",
    }
)
_WORD = re.compile(r"[A-Za-z0-9][\w.:/@-]{0,99}", re.ASCII)
_NAME = re.compile(r"[a-z][A-Za-z0-9_]{0,39}")
# Of a part: ids, which differ although what was said does not, and proofs of who said it.
_NOT_SAID = frozenset(
    {"id", "item_id", "signature", "thoughtSignature", "status", "annotations", "logprobs"}
)


def told(operation: str, asked: Json | None, answer: Json | None, uploads: Any, key: bytes) -> Json:
    """What a line of the spool has in place of `asked` and `answer`.

    With `key` the hashes are HMAC-SHA-256, without SHA-256, in hexadecimal.
    """
    found: Json = {"algorithm": "hmac-sha256" if key else "sha256"}
    if asked is not None:
        said: Any = messages.asked(operation, asked)
        found["input"] = _hash([said, uploads] if uploads else said, key)
        found["parameters"] = {
            _name(name, key): _parameter(name, value, key)
            for name, value in messages.parameters(operation, asked).items()
        }
    if answer is not None:
        found["output"] = _hash(_only_said(messages.answered(operation, answer)), key)
    return found


def as_messages(line: Json, field: str, role: str) -> list[Json] | None:
    """What a row has in place of messages."""
    found = mapping(line.get(field))
    if not found:
        return None
    part = {"type": "hash", "algorithm": line.get("algorithm"), **found}
    return [{"role": role, "parts": [part]}]


def _hash(value: Any, key: bytes) -> Json:
    content = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return {"hash": _digest(content, key), "size": len(content)}


def _digest(content: bytes, key: bytes) -> str:
    if key:
        return hmac.new(key, content, hashlib.sha256).hexdigest()
    return hashlib.sha256(content).hexdigest()


def _only_said(answered: list[Json]) -> list[Json]:
    """An answer without what differs each time, or from one API to another."""
    return [
        {
            "role": "assistant",
            "parts": [
                {name: value for name, value in mapping(part).items() if name not in _NOT_SAID}
                for part in sequence(message["parts"])
            ],
        }
        for message in answered
    ]


def _name(name: str, key: bytes) -> str:
    return name if _NAME.fullmatch(name) else "hash:" + _digest(name.encode(), key)[:16]


def _parameter(name: str, value: Any, key: bytes) -> Any:
    """A parameter as it is, or its hash."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str) and name in _WORDS and _WORD.fullmatch(value):
        return value
    if isinstance(value, list) and name in _WORDS:
        return [_parameter(name, item, key) for item in sequence(value)]
    if isinstance(value, dict) and name in _OBJECTS:
        items = mapping(value).items()
        return {_name(inner, key): _parameter(inner, item, key) for inner, item in items}
    return _hash(value, key)
