"""A body on its way to the lake: media become hashes, patterns are blotted out, the long is cut."""

from typing import Any, Literal

from ...untyped import mapping
from . import media
from .gentle import DEEPEST, TOO_DEEP
from .media import Blob, Json
from .redaction import Patterns, redacted

# Characters of one text, and of all texts of a column: engines of Athena's family read rows of at
# most 32 MB.
MOST_TEXT = 2 * 1024 * 1024
MOST = 3 * MOST_TEXT
# What an item of a list counts for itself: a number has so many digits, with its comma.
_ITEM = 8
# Names of roles and kinds are not worth cutting.
_SHORT = 64


class Scrubber:
    """Goes through JSON values of one column; `cut` tells whether something had to be cut."""

    def __init__(self, keep: Literal["hash", "full"], redact: Patterns) -> None:
        """`keep` is what stays of media."""
        self.cut = False
        self._hashes = keep == "hash"
        self._redact = redact
        self._left = MOST

    def value(self, value: Any, depth: int = 0) -> Any:
        """The value as the lake may have it."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return self._object(mapping(value), depth)
        if isinstance(value, list):
            if depth > DEEPEST:
                return self._too_deep()
            return [self.value(item, depth + 1) for item in self._items(value)]
        return value

    def _items(self, items: list[Any]) -> list[Any]:
        """As many items as there is room for."""
        room = max(self._left // _ITEM, 0)
        self._left -= len(items) * _ITEM
        if len(items) > room:
            self.cut = True
            return items[:room]
        return items

    def _object(self, value: Json, depth: int) -> Any:
        if depth > DEEPEST:
            return self._too_deep()
        if self._hashes and "data" in value and not isinstance(value, Blob):
            value = media.in_object(value) or value
        if isinstance(value, Blob):
            return self._blob(value, depth + 1)
        self._left -= len(value) * _ITEM
        text, deeper = self._text, depth + 1
        return {
            name: text(item) if isinstance(item, str) else self.value(item, deeper)
            for name, item in value.items()
        }

    def _too_deep(self) -> str:
        self.cut = True
        return TOO_DEEP

    def _blob(self, value: Json, depth: int) -> Json:
        content: str = value["content"]
        if self._hashes or len(content) > min(MOST_TEXT, self._left):
            self.cut = self.cut or not self._hashes
            value, content = media.hashed(value), ""
        self._left -= len(content)
        rest = {n: self.value(item, depth) for n, item in value.items() if n != "content"}
        return {**rest, "content": content} if content else rest

    def _text(self, text: str) -> Any:
        size = len(text)
        if self._hashes and (size >= media.LEAST or ";base64," in text):
            found = media.in_text(text)
            if not isinstance(found, str):
                return self._object(found, 0)
            text = found
        if self._redact:
            text = redacted(text, self._redact)
            size = len(text)
        self._left -= size
        return text if size <= MOST_TEXT and self._left >= 0 else self._cut(text)

    def _cut(self, text: str) -> str:
        most = max(min(MOST_TEXT, self._left + len(text)), 0)
        if len(text) <= max(most, _SHORT):
            return text
        self.cut = True
        return f"{text[:most]}[cut: {len(text) - most} characters more]"
