"""What a stream of Anthropic's messages has said: its content blocks."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from ...untyped import mapping, sequence
from .transcript import Json, Room, Text

# Proof for the provider that a thought is its own; as long as the thought, and of no other use.
_SIGNATURES = frozenset({"signature"})


class _Block:
    """One content block: how it began, and texts by the name of the field that they belong to."""

    __slots__ = ("began", "texts")

    def __init__(self, began: Json) -> None:
        self.began = began
        self.texts: dict[str, Text] = {}

    def whole(self) -> Json:
        """The block, as a complete message has it."""
        block = {name: value for name, value in self.began.items() if name not in _SIGNATURES}
        for name, text in self.texts.items():
            told = text.whole()
            if name == "partial_json":
                block["input"] = _object(told)
            else:
                before = block.get(name)
                block[name] = (before if isinstance(before, str) else "") + told
        return block


class MessagesTranscript:
    """Gathers the content blocks of a streamed message."""

    __slots__ = ("_blocks", "_stop_reason", "room")

    def __init__(self) -> None:
        self.room = Room()
        self._blocks: dict[int, _Block] = {}
        self._stop_reason: object = None

    def begin(self, event: Mapping[str, Any]) -> None:
        """Take a `content_block_start`."""
        began = mapping(event.get("content_block"))
        for name in ("text", "thinking"):
            text = began.get(name)
            if isinstance(text, str):
                self.room.seen += len(text)
        if self.room.takes_json(began):
            self._blocks[_index(event)] = _Block(began)

    def add(self, event: Mapping[str, Any]) -> None:
        """Take a `content_block_delta`."""
        delta = mapping(event.get("delta"))
        index = _index(event)
        block = self._blocks.get(index)
        if block is None:
            if not self.room.takes():
                return
            block = self._blocks[index] = _Block(_began(delta))
        for name, value in delta.items():
            if name == "type" or not value:
                continue
            if isinstance(value, str):
                if name in _SIGNATURES:
                    continue
                text = block.texts.get(name)
                if text is None:
                    text = block.texts[name] = Text(self.room)
                text.add(value)
            elif name == "citation" and self.room.takes_json(value):
                block.began["citations"] = [*sequence(block.began.get("citations")), value]

    def end(self, stop_reason: object) -> None:
        """Take the reason of a `message_delta`."""
        if stop_reason is not None:
            self._stop_reason = stop_reason

    def texts(self) -> Iterator[str]:
        """Texts, thoughts, and inputs of tools, of all blocks."""
        for block in self._blocks.values():
            yield from (text.whole() for text in block.texts.values())
            began = (block.began.get(name) for name in ("text", "thinking", "name"))
            yield from (text for text in began if isinstance(text, str))

    def answer(self) -> Json | None:
        """A message with whole blocks."""
        if not self._blocks and self._stop_reason is None:
            return None
        content = [block.whole() for _, block in sorted(self._blocks.items())]
        return {"role": "assistant", "content": content, "stop_reason": self._stop_reason}


def _index(event: Mapping[str, Any]) -> int:
    index = event.get("index")
    return index if isinstance(index, int) else 0


def _began(delta: Mapping[str, Any]) -> Json:
    """The beginning of a block that has none: its kind is that of its first delta."""
    kind = str(delta.get("type", "")).removesuffix("_delta")
    return {"type": "tool_use" if kind == "input_json" else kind}


def _object(text: str) -> object:
    """A tool's input; one that was cut off stays the text that it is."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
