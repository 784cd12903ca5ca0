"""What a stream of Google's generateContent has said: the parts of each candidate."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from ...untyped import mapping, sequence
from .transcript import Json, Room, Text

# Proof for the provider that a thought is its own; as long as the thought, and of no other use.
_SIGNATURES = frozenset({"thoughtSignature", "thought_signature"})
# Texts that follow each other are one, as long as they are the same kind of part.
_TEXT = frozenset({"text", "thought"}) | _SIGNATURES


class _Part:
    """A text that comes in pieces, or a part that comes whole."""

    __slots__ = ("text", "whole")

    def __init__(self, whole: Json, text: Text | None = None) -> None:
        self.whole = whole
        self.text = text

    def told(self) -> Json:
        """The part, as a complete answer has it."""
        return self.whole if self.text is None else {"text": self.text.whole(), **self.whole}


class _Candidate:
    __slots__ = ("finish_reason", "parts")

    def __init__(self) -> None:
        self.parts: list[_Part] = []
        self.finish_reason: object = None


class GenerateTranscript:
    """Gathers the candidates of a streamed answer."""

    __slots__ = ("_candidates", "room")

    def __init__(self) -> None:
        self.room = Room()
        self._candidates: dict[int, _Candidate] = {}

    def add(self, candidate: Mapping[str, Any]) -> None:
        """Take one candidate of an event."""
        index = candidate.get("index")
        number = index if isinstance(index, int) else 0
        into = self._candidates.get(number)
        if into is None:
            if not self.room.takes():
                return
            into = self._candidates[number] = _Candidate()
        for part in sequence(mapping(candidate.get("content")).get("parts")):
            self._part(into, mapping(part))
        into.finish_reason = candidate.get("finishReason") or into.finish_reason

    def _part(self, into: _Candidate, part: Json) -> None:
        said = part.get("text")
        if not isinstance(said, str) or part.keys() - _TEXT:
            kept = {name: value for name, value in part.items() if name not in _SIGNATURES}
            if self.room.takes_json(kept):
                into.parts.append(_Part(kept))
            return
        if not said:
            return  # it carries a signature alone
        kind: Json = {"thought": True} if part.get("thought") else {}
        last = into.parts[-1] if into.parts else None
        if last is None or last.text is None or last.whole != kind:
            if not self.room.takes():
                return
            last = _Part(kind, Text(self.room))
            into.parts.append(last)
        assert last.text is not None
        last.text.add(said)

    def texts(self) -> Iterator[str]:
        """Texts, thoughts, and names and arguments of tools, of all candidates."""
        for candidate in self._candidates.values():
            for part in candidate.parts:
                call = mapping(part.whole.get("functionCall"))
                if part.text is not None:
                    yield part.text.whole()
                elif call:
                    yield from (str(call.get("name") or ""), _json(call.get("args")))

    def answer(self) -> Json | None:
        """An answer with whole candidates."""
        if not self._candidates:
            return None
        candidates = [
            {
                "index": index,
                "content": {"role": "model", "parts": [part.told() for part in candidate.parts]},
                "finishReason": candidate.finish_reason,
            }
            for index, candidate in sorted(self._candidates.items())
        ]
        return {"candidates": candidates}


def _json(value: object) -> str:
    try:
        return orjson.dumps(value).decode() if value else ""
    except TypeError:  # nested too deep, or with halves of characters
        return ""
