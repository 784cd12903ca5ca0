"""The way back of `long_tool_names`: an answer has the names that the client knows."""

import json
from dataclasses import dataclass, field


@dataclass(slots=True)
class Originals:
    """Puts the original names back into an answer's bytes, piece by piece.

    A given name has nothing that JSON would write otherwise, and its hash makes it unmistakable, so
    it is looked for in the bytes. A line that isn't whole yet waits for its rest: events end with
    one, and no name goes over a line's end.
    """

    names: dict[str, str]
    _waiting: bytes = field(default=b"", init=False)

    def feed(self, piece: bytes, more: bool) -> bytes:
        """What of the answer is ready, with the original names."""
        ready = self._waiting + piece
        self._waiting = b""
        if more:
            end = ready.rfind(b"\n") + 1
            ready, self._waiting = ready[:end], ready[end:]
        for given, name in self.names.items():
            if given.encode() in ready:
                written = json.dumps(name, ensure_ascii=False)[1:-1]
                ready = ready.replace(given.encode(), written.encode("utf-8", "replace"))
        return ready
