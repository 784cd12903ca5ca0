"""What a streamed response has said: its output items, or the complete one that ended it."""

from collections.abc import Iterator, Mapping, Set
from typing import Any

from ...untyped import mapping, sequence
from .transcript import Json, Room, Text

_KEPT = ("status", "output", "incomplete_details", "error")

# Deltas by the end of their event's name: the kind of item they belong to, where its text is.
_PLACES = {
    "output_text": ("message", "content", "output_text", "text"),
    "refusal": ("message", "content", "refusal", "refusal"),
    "reasoning_text": ("reasoning", "content", "reasoning_text", "text"),
    "reasoning_summary_text": ("reasoning", "summary", "summary_text", "text"),
}
_FIELDS = {
    "function_call_arguments": ("function_call", "arguments"),
    "mcp_call_arguments": ("mcp_call", "arguments"),
    "custom_tool_call_input": ("custom_tool_call", "input"),
    "code_interpreter_call_code": ("code_interpreter_call", "code"),
}
_SOUND = "response.audio.delta"

_Place = tuple[str, int]


class _Item:
    """One output item: how it began, and its texts by the kind of delta and their number."""

    __slots__ = ("began", "texts")

    def __init__(self, began: Json) -> None:
        self.began = began
        self.texts: dict[_Place, Text] = {}

    def whole(self) -> Json:
        """The item, as a complete response has it."""
        item = dict(self.began)
        for (kind, _), text in sorted(self.texts.items(), key=lambda pair: pair[0]):
            place = _PLACES.get(kind)
            if place is not None:
                type_, container, part, field = place
                item.setdefault("type", type_)
                parts = sequence(item.get(container))
                item[container] = [*parts, {"type": part, field: text.whole()}]
                continue
            type_, field = _FIELDS.get(kind, (kind, "text"))
            item.setdefault("type", type_)
            item[field] = text.whole()
        if item.get("type") == "message":
            item.setdefault("role", "assistant")
        return item


class ResponsesTranscript:
    """Gathers the output of a streamed response."""

    __slots__ = ("_items", "_response", "room")

    def __init__(self) -> None:
        self.room = Room()
        self._items: dict[int, _Item] = {}
        self._response: Json | None = None

    def delta(self, kind: str, event: Mapping[str, Any]) -> None:
        """Take an event whose name ends in `.delta`."""
        value = event.get("delta")
        if not isinstance(value, str) or kind == _SOUND:
            return
        index = event.get("output_index")
        item = self._items.get(index) if isinstance(index, int) else None
        if item is None:
            item = self._begin(index, {})
            if item is None:
                return
        number = event.get("content_index")
        if number is None:
            number = event.get("summary_index")
        place = (kind[9:-6], number if isinstance(number, int) else 0)  # response.X.delta
        text = item.texts.get(place)
        if text is None:
            if not self.room.takes():
                return
            text = item.texts[place] = Text(self.room)
        text.add(value)

    def item(self, event: Mapping[str, Any], *, done: bool) -> None:
        """Take an item as it begins, or, whole, as it ends."""
        found = mapping(event.get("item"))
        index = event.get("output_index")
        if not done:
            known = self._items.get(index) if isinstance(index, int) else None
            if known is None or not known.texts:
                # Its texts come as deltas; some providers send them here as well.
                self._begin(index, {**found, **{n: [] for n in ("content",) if n in found}})
            return
        number = index if isinstance(index, int) else len(self._items)
        known = self._items.get(number)
        if known is not None:
            self.room.left += sum(map(len, known.texts.values()))
        if self.room.takes_json(found):
            self._items[number] = _Item(found)

    def end(self, response: Mapping[str, Any]) -> None:
        """Take the response object of the last event."""
        self._response = {name: response[name] for name in _KEPT if response.get(name)}

    def _begin(self, index: object, began: Json) -> _Item | None:
        if not self.room.takes_json(began):
            return None
        number = index if isinstance(index, int) else 0
        known = self._items.get(number)
        if known is not None and not began:
            return known
        item = self._items[number] = _Item(began)
        return item

    def texts(self) -> Iterator[str]:
        """Texts, reasoning, and arguments of tools, of all items."""
        for item in self._items.values():
            yield from (text.whole() for text in item.texts.values())
            yield from _strings(
                item.began, {_FIELDS.get(kind, ("", ""))[1] for kind, _ in item.texts}
            )

    def answer(self) -> Json | None:
        """The response that ended the stream, or what had come of it."""
        gathered = [item.whole() for _, item in sorted(self._items.items())]
        if self._response is None:
            return {"status": "in_progress", "output": gathered} if gathered else None
        return {"output": gathered, **self._response}


def _strings(item: Json, gathered: Set[str]) -> Iterator[str]:
    """The texts of an item as it began, or as it is when it is complete."""
    for container in ("content", "summary"):
        for part in sequence(item.get(container)):
            text = mapping(part).get("text") or mapping(part).get("refusal")
            if isinstance(text, str):
                yield text
    for field in ("name", "arguments", "input", "code"):
        if isinstance(item.get(field), str) and field not in gathered:
            yield item[field]
