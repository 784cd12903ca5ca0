"""What an answer has said, gathered as it passes in pieces, in the shape of a complete answer."""

import io
from collections.abc import Iterator
from typing import Any, Protocol

import orjson

from ...lake.bodies.gentle import mended

Json = dict[str, Any]

# Characters of one answer that are kept: longer than any model's, and little enough for memory.
MOST = 4_000_000
# What a part of an answer counts for itself, so that a million empty ones have a bound, too.
_PART = 64


class Room:
    """How much of one answer may still be kept; all its texts share it."""

    __slots__ = ("cut", "left", "seen")

    def __init__(self, most: int = MOST) -> None:
        self.left = most
        self.seen = 0
        """Characters that have passed, kept or not."""
        self.cut = False
        """Whether something was not kept; then nothing is from there on."""

    def takes(self, size: int = 0) -> bool:
        """Whether there is room for one part more, of so many characters."""
        self.left -= size + _PART
        self.cut = self.cut or self.left < 0
        return not self.cut

    def takes_json(self, value: object) -> bool:
        """The same for any JSON value."""
        try:
            return self.takes(len(orjson.dumps(value)))
        except TypeError:  # nested too deep, or with halves of characters
            self.cut = True
            return False


class Text:
    """A text that comes in pieces."""

    __slots__ = ("_room", "_text")

    def __init__(self, room: Room) -> None:
        self._room = room
        self._text = io.StringIO(newline="")

    def add(self, piece: str) -> None:
        """Append a piece, when there is room for it."""
        size = len(piece)
        room = self._room
        room.seen += size
        room.left -= size
        if room.left >= 0 and not room.cut:
            self._text.write(piece)
        else:
            room.cut = True

    def __len__(self) -> int:
        """Characters that were kept."""
        return self._text.tell()

    def whole(self) -> str:
        """All pieces in one, with the halves of characters joined that came in different ones.

        A provider may cut a stream in the middle of an emoji and send its halves as `\\ud83d` and
        `\\ude00`. A half that stays alone, which no UTF-8 can carry, becomes U+FFFD.
        """
        return mended(self._text.getvalue())


class Transcript(Protocol):
    """What an answer has said so far."""

    room: Room

    def texts(self) -> Iterator[str]:
        """Everything that the model has written and that was kept."""
        ...

    def answer(self) -> Json | None:
        """The same in the shape of the API's complete answer; None when nothing was gathered."""
        ...


class Told:
    """The transcript of what does not come in pieces, or is no text: whatever its reader tells."""

    def __init__(self) -> None:
        self.room = Room()
        self.instead: Json | None = None
        """What the log has instead of the answer's bytes, when those are vectors or sound."""

    def texts(self) -> Iterator[str]:
        """None."""
        return iter(())

    def answer(self) -> Json | None:
        """What the reader has told."""
        return self.instead
