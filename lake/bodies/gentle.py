"""Values as JSON, UTF-8 and 64 bits can carry them; for the rare value that orjson refuses."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

# Whatever is nested deeper is no conversation; orjson gives up at 254.
DEEPEST = 100
TOO_DEEP = "[nested too deep]"


class Gentle:
    """Makes values gentle; `cut` tells whether the deepest parts of one had to be cut."""

    def __init__(self) -> None:
        self.cut = False

    def value(self, value: object, depth: int = 0) -> Any:
        """The same value, with other kinds of objects left out."""
        if isinstance(value, str):
            return mended(value)
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, int):
            return value if -(2**63) <= value < 2**64 else str(value)
        if depth >= DEEPEST:
            self.cut = True
            return TOO_DEEP
        if isinstance(value, Mapping):
            items = cast("Mapping[object, object]", value).items()
            found: dict[str, Any] = {}
            for name, item in items:
                found[_free(mended(str(name)), found)] = self.value(item, depth + 1)
            return found
        if isinstance(value, list | tuple):
            return [self.value(item, depth + 1) for item in cast("Sequence[object]", value)]
        return None


def _free(name: str, taken: Mapping[str, object]) -> str:
    """The name, or a longer one: two that differed in halves of characters may be the same now."""
    while name in taken:
        name += "\ufffd"
    return name


def mended(text: str) -> str:
    """The text with halves of characters (surrogates) joined, and U+FFFD for those left alone."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
