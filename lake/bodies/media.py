"""Pictures, sound and files in prompts and answers: how they are found, and their hash and size.

A log keeps the SHA-256 of the decoded bytes, so that a picture can be found again by whoever has
it, and nobody can see it who has only the log.
"""

import binascii
import hashlib
import re
from typing import Any

from ...untyped import mapping

Json = dict[str, Any]

# Shorter ones in places that we don't know may be words; they stay.
LEAST = 1024
_STRIDE = LEAST // 2
# Not from within a run: looking at the same letters again and again would take minutes.
_RUN = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{1024,}={0,2}")
# What every run of `LEAST` has at one place in `_STRIDE`: found without looking at all places.
_SAMPLE = re.compile(r"[A-Za-z0-9+/_-]{480}")
# All of a text: in one line, or in lines of one length as MIME and GNU's base64 write them.
_ALL = re.compile(r"(?:[A-Za-z0-9+/_-]{60,}\r?\n)*[A-Za-z0-9+/_-]+={0,2}\s*")
# Its type and parameters have bounds: looking for their end from each `data:` of a long text that
# has nothing else would take hours.
_WORD = r"[\w.+-]{1,127}"
_URL = re.compile(rf"data:({_WORD}/{_WORD})?((?:;{_WORD}=[^;,\s]{{0,255}}){{0,8}});base64,")
_INSIDE = re.compile(_URL.pattern + r"([A-Za-z0-9+/_-]+={0,2})")
_TYPES = frozenset({"mimeType", "mime_type", "media_type", "mediaType"})
_MEDIA = ("image/", "audio/", "video/", "application/pdf", "application/octet-stream")


class Blob(dict[str, Any]):
    """A part with base64 `content`, which becomes hash and size unless it is to be kept."""


def blob(content: str, mime_type: str | None, rest: Json | None = None) -> Blob:
    """A part of OpenTelemetry's kind `blob`; `content` is base64."""
    part = Blob(type="blob", modality=modality(mime_type), mime_type=mime_type, content=content)
    return Blob(part | {"extra": rest}) if rest else part


def of_url(url: str, mime_type: str | None = None) -> Json:
    """A part for a URL: of its content when it is a `data:` URL, else of the URL."""
    found = _URL.match(url)
    if found is None:
        return {"type": "uri", "modality": modality(mime_type), "uri": url}
    parameters = {"parameters": found[2]} if found[2] else None
    return blob(url[found.end() :], found[1] or mime_type, parameters)


def modality(mime_type: str | None) -> str | None:
    """OpenTelemetry's word for a kind of medium."""
    if mime_type is None:
        return None
    kind = mime_type.partition("/")[0].lower()
    return kind if kind in ("image", "audio", "video", "text") else "document"


def hashed(part: Json) -> Json:
    """A blob with hash and size in bytes in place of its content."""
    kept = {name: value for name, value in part.items() if name != "content" and value is not None}
    return kept | digest(part["content"])


def digest(base64: str) -> Json:
    """SHA-256 and size of what base64 stands for; of the text itself when it is no base64."""
    try:
        content = _decoded(base64)
    except (binascii.Error, ValueError):
        content = base64.encode(errors="replace")
    return {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}


def _decoded(base64: str) -> bytes:
    plain = base64.encode("ascii").translate(None, b" \t\r\n").replace(b"-", b"+")
    plain = plain.replace(b"_", b"/").rstrip(b"=")
    return binascii.a2b_base64(plain + b"=" * (-len(plain) % 4))


def in_object(value: Json) -> Json | None:
    """An object that says of which type its data is, as Gemini's `inlineData`, as a blob."""
    data = value.get("data")
    if not isinstance(data, str) or not data:
        return None
    kinds = [value[name] for name in _TYPES if isinstance(value.get(name), str)]
    if not kinds or not (kinds[0].startswith(_MEDIA) or _is_base64(data)):
        return None
    if _ALL.fullmatch(data) is None:
        return None
    rest = {name: v for name, v in value.items() if name != "data" and name not in _TYPES}
    return blob(data, kinds[0], mapping(rest))


def in_text(text: str) -> str | Json:
    """The text without media: a blob when it is nothing else, words in place of each inside it."""
    if ";base64," in text:
        whole = _URL.match(text)
        if whole is not None and _ALL.fullmatch(text, whole.end()):
            return of_url(text)
        text = _INSIDE.sub(lambda found: _words(found[3], found[1]), text)
    if len(text) < LEAST:
        return text
    if _is_base64(text):
        return blob(text, None)
    if any(_SAMPLE.match(text, at) for at in range(0, len(text), _STRIDE)):
        return _RUN.sub(_run, text)
    return text


def _run(found: re.Match[str]) -> str:
    return _words(found[0], None) if _looks_random(found[0]) else found[0]


def _words(base64: str, mime_type: str | None) -> str:
    told = digest(base64)
    return f"[blob {mime_type or 'of unknown type'}, {told['size']} bytes, {told['sha256']}]"


def _is_base64(text: str) -> bool:
    return len(text) >= LEAST and _ALL.fullmatch(text) is not None and _looks_random(text)


def _looks_random(text: str) -> bool:
    """Whether a long run has as many kinds of letters as encoded bytes: a DNA sequence, a number
    in hexadecimal or a drawn line has not, and is text.
    """
    first = text[:LEAST]
    return len(set(first)) >= 40 and first.lower() != first != first.upper()
