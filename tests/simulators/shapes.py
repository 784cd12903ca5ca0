"""Reading loose JSON: small helpers shared by the dialects."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .pretend import Json, MalformedError, Turn


def need(body: Json, key: str, kind: type[Any], message: str) -> Any:
    """`body[key]`, which must be a non-empty `kind`. Raises `MalformedError` with `message`."""
    value = body.get(key)
    if not isinstance(value, kind) or not value:
        raise MalformedError(message)
    return value


def inner(body: Json, *keys: str) -> Json:
    """The object at `body[key][key]...`, empty when there is none on the way."""
    for key in keys:
        body = body.get(key) or {}
    return body


def items(body: Json, key: str) -> list[Json]:
    """The list of objects at `body[key]`, empty when there is none."""
    found: list[Json] = body.get(key) or []
    return found


def content(value: Any, key: str = "text") -> str:
    """Text of a content that is a string or a list of blocks."""
    if isinstance(value, str):
        return value
    return "".join(str(block.get(key) or "") for block in blocks(value))


def blocks(value: Any) -> list[Json]:
    """A content as a list of blocks; a plain string becomes one text block."""
    if isinstance(value, str):
        return [{"type": "text", "text": value}]
    return [block for block in value or () if isinstance(block, dict)]


def system(*texts: str) -> list[Turn]:
    return [Turn("system", text) for text in texts if text]


def slices(text: str, parts: int = 3) -> Iterator[str]:
    """`text` in about `parts` pieces, as providers stream tool arguments."""
    size = max(1, -(-len(text) // parts))
    return (text[start : start + size] for start in range(0, len(text), size))


def overlap(query: str, documents: Sequence[str]) -> list[tuple[int, float]]:
    """(index, relevance): share of the query's words found in the document, best first."""
    words = set(query.lower().split())
    scores = [len(words & set(text.lower().split())) / max(1, len(words)) for text in documents]
    return sorted(enumerate(scores), key=lambda pair: (-pair[1], pair[0]))


def user_turns(texts: Iterable[str]) -> list[Turn]:
    return [Turn("user", text) for text in texts]
