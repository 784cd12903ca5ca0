"""`.env` files: a line `NAME=value` for each variable."""

import re
from typing import Any

from .paths import Path, Unmergeable, Value

_LINE = re.compile(
    r"^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)[ \t]*=[ \t]*(.*?)[ \t]*\r?$", re.MULTILINE
)
_PLAIN = re.compile(r"[\w./:@+,-]*")


def read(text: str) -> Any:
    """The variables; of two lines with one name the last counts."""
    return {found[1]: _unquoted(found[2]) for found in _LINE.finditer(text)}


def put(text: str, path: Path, value: Value) -> str:
    """The text with this value of the variable that the path names. Raises Unmergeable."""
    if not isinstance(value, str) or _PLAIN.fullmatch(value) is None:
        raise Unmergeable(f"{value!r} can't stand in a .env file")
    found = _last(text, path)
    if found is not None:
        return text[: found.start(2)] + value + text[found.end(2) :]
    line = "\r\n" if "\r\n" in text else "\n"
    gap = line if text and not text.endswith("\n") else ""
    return f"{text}{gap}{path[0]}={value}{line}"


def drop(text: str, path: Path) -> str:
    """The text without the variable's lines."""
    while (found := _last(text, path)) is not None:
        end = found.end() + (1 if text[found.end() : found.end() + 1] == "\n" else 0)
        text = text[: found.start()] + text[end:]
    return text


def _last(text: str, path: Path) -> "re.Match[str] | None":
    return next((f for f in reversed([*_LINE.finditer(text)]) if f[1] == path[0]), None)


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return re.sub(r"[ \t]+#.*$", "", text)
