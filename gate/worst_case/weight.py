"""How many input tokens the parts of a request can become: its text, and what it shows and plays.

Text. A byte counts as a token, an ASCII letter as half a one, four blanks in a row as two, and each
string and key of the body as two more, for the quotes, roles and turns around it. A token has at
least one byte in every tokenizer that falls back to bytes, and words have fewer. Measured with what
litellm 1.106.2 ships, bytes for each token of o200k_base, cl100k_base, Anthropic's first tokenizer,
and here (the texts of tests/texts.py):

    Python              4.2  4.2  3.8   here 1.6      emoji              2.2  1.5  1.6   here 1.0
    English, Markdown   3.0  3.0  2.8   here 1.5      digits and blanks  1.0  1.0  2.0   here 1.0
    YAML                2.6  2.6  2.4   here 1.4      numbers, commas    1.5  1.5  1.5   here 1.0
    compact JSON        2.0  2.0  2.1   here 1.1      hex digits         1.8  1.8  1.7   here 1.2
    Japanese prose      3.4  2.7  2.6   here 1.0      base64             1.5  1.4  1.4   here 1.7
    Chinese             4.1  2.4  2.6   here 1.0      capitals, random   1.8  1.7  1.7   here 2.0

The room left is for Claude, whose tokenizer since Opus 4.7 makes 1 to 1.35 times as many tokens
(Anthropic's migration guide), 1.46 times of a system prompt (aitf.today, 2026-04-22), and one of
each blank between words (devaa.dev, "the hidden cost of opus 4.7's tokenizer").
NO bound for base64 and other letters at random that are written as text, and barely one for hex:
up to twice the tokens, as a token has at least a byte.
"""

import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from ...untyped import mapping

_LETTERS = string.ascii_letters.encode()
_AROUND = 2  # tokens around each string: `","`, a role, the marks between turns
_LONG = 10**30  # no number of a JSON body that a provider takes is longer

_KINDS = {
    "image": "picture",
    "image_url": "picture",
    "input_image": "picture",
    "computer_screenshot": "picture",
    "document": "file",
    "file": "file",
    "input_file": "file",
    "audio_url": "sound",
    "input_audio": "sound",
    "video": "film",
    "video_url": "film",
}
"""Content parts of Chat Completions, Messages and Responses, by their `type`."""
_CARRIERS = frozenset(
    ["data", "file_data", "file_id", "file_url", "image_url", "uri", "url", "video_url"]
)
"""Where such a part has its content, or the address of it."""
_OTHER_KINDS = (
    ("pdf", "file"),
    ("video", "film"),
    ("audio", "sound"),
    *((ending, "film") for ending in (".mp4", ".mov", ".mpg", ".mpeg", ".webm", ".avi", ".flv")),
    *((ending, "sound") for ending in (".mp3", ".wav", ".ogg", ".flac", ".m4a", ".aac")),
)
"""Gemini and Claude are also sent documents, films and sounds as `image_url` and `file`."""
_ELSEWHERE = (
    *("previous_response_id", "conversation", "cached_content", "cachedContent", "mcp_servers"),
)
"""Fields that add what isn't in the body: earlier turns, a cache, what other servers answer."""


@dataclass(slots=True)
class Weight:
    """What of a body can become input tokens; media in bytes, as they are before base64.

    `unseen` tells that something counts that isn't in the body: only the model's window bounds it.
    `caches` is the time to live of the prompt cache that is asked for: `5m`, `1h` or nothing.
    """

    text: int = 0
    pictures: int = 0
    files: int = 0
    sounds: int = 0
    films: int = 0
    unseen: bool = False
    caches: str = ""
    texts: list[str] = field(default_factory=list[str])

    def add(self, kind: str, content: str, *, is_address: bool) -> None:
        """Add a picture, file, sound or film: base64, a data URL or the address of one."""
        size = len(content) * 3 // 4
        match kind:
            case "picture":
                self.pictures += 1
            case _ if is_address:
                self.unseen = True
            case "file":
                self.files += size
            case "sound":
                self.sounds += size
            case _:
                self.films += size


def weigh(body: Mapping[str, Any]) -> Weight:
    """The weight of a body, whatever is in it. Takes about a millisecond for a megabyte."""
    weight = Weight()
    texts = weight.texts
    waiting: list[Any] = [body]
    for item in waiting:  # it grows: a loop over a stack costs a third more
        if type(item) is str:
            texts.append(item)
        elif isinstance(item, dict):
            fields = cast("dict[str, Any]", item)
            if "cache_control" in fields and weight.caches != "1h":
                weight.caches = _time_to_live(fields["cache_control"])
            kind = fields.get("type")
            if type(kind) is str and kind in _KINDS:
                waiting += _part(weight, _KINDS[kind], fields)
            else:
                texts += fields
                waiting += fields.values()
        elif isinstance(item, list):
            items: list[Any] = item
            waiting += items
        elif isinstance(item, int | float):
            texts.append(str(item) if abs(item) < _LONG else "9" * 30)
    return _finished(weight, body)


def _finished(weight: Weight, body: Mapping[str, Any]) -> Weight:
    content = "\n".join(weight.texts).encode("utf-8", "surrogatepass")
    weight.text = tokens_in(content) + _AROUND * len(weight.texts)
    if body.get("cache_control_injection_points"):  # LiteLLM makes cache_control of them
        weight.caches = "1h"
    told = isinstance(body.get("prompt"), dict)  # a prompt that is stored at the provider
    weight.unseen = weight.unseen or told or any(body.get(name) for name in _ELSEWHERE)
    weight.texts.clear()
    return weight


def _time_to_live(control: object) -> str:
    return "1h" if mapping(control).get("ttl") == "1h" else "5m"


def tokens_in(content: bytes) -> int:
    """The most tokens of a text in UTF-8 (see the module's docstring for what they rest on)."""
    others = len(content.translate(None, _LETTERS))
    letters = len(content) - others
    return others - 2 * content.count(b"    ") + (letters + 1) // 2


def _part(weight: Weight, kind: str, part: Mapping[str, Any]) -> list[Any]:
    """Add a media part; returns what else is in it, to be weighed as text."""
    others: list[Any] = []
    found: list[tuple[str, str]] = []
    holders = [part, *(mapping(value) for value in part.values() if isinstance(value, dict))]
    plain = any(holder.get("type") == "text" for holder in holders)
    for holder in holders:
        weight.texts += holder
        for name, value in holder.items():
            if isinstance(value, str) and name in _CARRIERS and not plain:
                found.append((name, value))
            elif holder is not part or not isinstance(value, dict):
                others.append(value)
    for name, value in found:
        is_address = name in ("file_id", "file_url") or "://" in value[:12]
        hints = f"{value[:32]} {value[-8:]} {part.get('format')} {part.get('filename')}"
        hints += "".join(f" {h.get('format')} {h.get('media_type')}" for h in holders[1:])
        weight.add(_kind_of(kind, hints.lower()), value, is_address=is_address)
    if not found and not plain:
        weight.pictures += 1  # of a kind that is not known here, or none at all
    return others


def _kind_of(kind: str, hints: str) -> str:
    if kind in ("picture", "file"):
        return next((other for sign, other in _OTHER_KINDS if sign in hints), kind)
    return kind
