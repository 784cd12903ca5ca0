"""What a stream of chat completions has said: text, reasoning, refusals, tool calls, per choice."""

from collections.abc import Iterator, Mapping
from typing import Any

from ...untyped import mapping, sequence
from .transcript import Json, Room, Text

# LiteLLM's doubles of what other fields say; signatures are of use to the provider alone.
_DOUBLES = frozenset({"provider_specific_fields", "thinking_blocks"})


class _Call:
    """One tool call: its name and id come first, its arguments in pieces."""

    __slots__ = ("arguments", "fields", "inner", "kind")

    def __init__(self, room: Room, kind: str) -> None:
        self.fields: Json = {}
        self.inner: Json = {}
        self.kind = kind
        self.arguments = Text(room)

    def add(self, delta: Mapping[str, Any]) -> None:
        """Take a piece; `function` (or `custom`) holds the name and the arguments."""
        for name, value in delta.items():
            if name == "function" or name == "custom":
                self.kind = name
                self.add_inner(mapping(value))
            elif value is not None and name != "index":
                self.fields[name] = value

    def add_inner(self, inner: Mapping[str, Any]) -> None:
        """Take a piece of what is called."""
        for name, value in inner.items():
            if name in ("arguments", "input") and isinstance(value, str):
                self.arguments.add(value)
            elif value:
                self.inner[name] = value

    def called(self) -> Json:
        """What is called, as a complete answer has it."""
        argument = "input" if self.kind == "custom" else "arguments"
        return {**self.inner, argument: self.arguments.whole()}


class _Choice:
    __slots__ = ("_room", "calls", "fields", "finish_reason", "legacy", "texts")

    def __init__(self, room: Room) -> None:
        self._room = room
        self.texts: dict[str, Text] = {}
        self.calls: dict[int, _Call] = {}
        self.legacy: _Call | None = None
        self.fields: Json = {}
        self.finish_reason: object = None

    def add(self, name: str, value: Any) -> None:
        """Take one field of a delta, but for the frequent ones."""
        if name == "tool_calls":
            for call in sequence(value):
                self._call(mapping(call))
        elif name == "function_call":
            self.legacy = self.legacy or _Call(self._room, "function")
            self.legacy.add_inner(mapping(value))
        elif name == "role":
            self.fields[name] = value
        elif isinstance(value, str):
            text = self.texts.get(name)
            if text is None and self._room.takes():
                text = self.texts[name] = Text(self._room)
            if text is not None:
                text.add(value)
        elif name not in _DOUBLES and self._room.takes_json(value):
            known = self.fields.get(name)
            both = isinstance(known, list) and isinstance(value, list)
            self.fields[name] = [*sequence(known), *value] if both else value

    def _call(self, delta: Json) -> None:
        index = delta.get("index")
        if not isinstance(index, int):
            index = len(self.calls) - (0 if delta.get("id") else 1)
        call = self.calls.get(index)
        if call is None:
            if not self._room.takes():
                return
            call = self.calls[index] = _Call(self._room, "function")
        call.add(delta)

    def message(self) -> Json:
        """The message, as a complete answer has it."""
        texts = {name: text.whole() for name, text in self.texts.items()}
        message: Json = {"role": "assistant", "content": None, **self.fields, **texts}
        if self.calls:
            message["tool_calls"] = [
                {**call.fields, call.kind: call.called()} for call in self.calls.values()
            ]
        if self.legacy is not None:
            message["function_call"] = self.legacy.called()
        return message


class ChatTranscript:
    """Gathers the deltas of a stream of chat completions, and texts of legacy completions."""

    __slots__ = ("_choices", "room")

    def __init__(self) -> None:
        self.room = Room()
        self._choices: dict[int, _Choice] = {}

    def add(self, choice: Mapping[str, Any]) -> None:
        """Take one choice of a chunk."""
        index = choice.get("index")
        if not isinstance(index, int):
            index = 0
        into = self._choices.get(index)
        if into is None:
            if not self.room.takes():
                return
            into = self._choices[index] = _Choice(self.room)
        reason = choice.get("finish_reason")
        if reason is not None:
            into.finish_reason = reason
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            delta = {"text": choice.get("text")}
        for name, value in delta.items():
            if not value:
                continue
            if name == "content" and (text := into.texts.get(name)) and isinstance(value, str):
                text.add(value)
            else:
                into.add(name, value)

    def texts(self) -> Iterator[str]:
        """Texts, names and arguments of tools, of all choices."""
        for choice in self._choices.values():
            yield from (text.whole() for text in choice.texts.values())
            calls = [*choice.calls.values(), *([choice.legacy] if choice.legacy else [])]
            for call in calls:
                yield from (str(call.inner.get("name") or ""), call.arguments.whole())

    def answer(self) -> Json | None:
        """Choices with whole messages."""
        if not self._choices:
            return None
        choices = [
            {"index": index, "message": choice.message(), "finish_reason": choice.finish_reason}
            for index, choice in sorted(self._choices.items())
        ]
        return {"choices": choices}
