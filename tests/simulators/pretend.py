"""The pretended model: a neutral prompt goes in, a neutral reply comes out; no provider in sight.

Deterministic usage, unless a `usage` directive says otherwise:

* input = characters of all text in the prompt (system, turns, tool results; not the tools) // 4 + 1
* output = words of the answer + words of the thinking + 10 for each tool call
* reasoning = words of the thinking; cache, audio and image tokens are 0

`input` is ALL of the prompt's tokens, cached ones included, and `output` ALL of the answer's,
reasoning included. Each provider's file turns this into the provider's own fields and sums.
"""

import base64
import hashlib
import itertools
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .script import Behaviour

Json = dict[str, Any]

TEXT = "This is a simulated answer."
THINKING = "Let me think."
TOOL_CALL_TOKENS = 10

_numbers = itertools.count(1)


class MalformedError(ValueError):
    """The request breaks the provider's format; answered with a native 400."""


@dataclass(frozen=True, slots=True)
class Turn:
    role: str  # system, user, assistant, tool
    text: str


@dataclass(frozen=True, slots=True)
class Tool:
    name: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Piece:
    """A block of a prompt: what it is, its characters that count, and a marker after it."""

    content: str
    characters: int
    marker: str | None = None  # time to live: "5m" or "1h"


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a request asks for, whatever its dialect."""

    model: str
    body: Json
    turns: Sequence[Turn]
    tools: Sequence[Tool] = ()
    forced: str | None = None  # a tool's name, or "*" for any tool
    schema: Mapping[str, Any] | None = None  # of a structured answer
    thinking: bool = False
    stream: bool = False
    tier: str | None = None  # of service: priority, flex ...; None was not asked for
    base_usage: Mapping[str, int] = field(
        default_factory=dict[str, int]
    )  # media, counted by the dialect; tokens that a cache had
    pieces: Sequence["Piece"] = ()  # in the order in which a prompt cache's prefixes grow

    @property
    def text(self) -> str:
        return "".join(turn.text for turn in self.turns)

    def fresh(self, role: str) -> list[str]:
        """Texts of `role` after the model's last turn."""
        after = itertools.takewhile(lambda turn: turn.role != "assistant", reversed(self.turns))
        return [turn.text for turn in after if turn.role == role][::-1]


@dataclass(frozen=True, slots=True)
class Call:
    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens; `input` and `output` include all the others."""

    input: int
    output: int
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    reasoning: int = 0
    audio_input: int = 0
    audio_output: int = 0
    image_input: int = 0
    image_output: int = 0

    @property
    def cache_write(self) -> int:
        return self.cache_write_5m + self.cache_write_1h

    @property
    def uncached_input(self) -> int:
        return self.input - self.cache_read - self.cache_write


@dataclass(frozen=True, slots=True)
class Reply:
    id: str
    created: int
    thinking: str | None
    pieces: Sequence[str]
    calls: Sequence[Call]
    usage: Usage
    stop: str  # end, tools, length, filter
    tier: str | None

    @property
    def text(self) -> str:
        return "".join(self.pieces)


def answer(prompt: Prompt, behaviour: Behaviour) -> Reply:
    """The reply to `prompt` under `behaviour`."""
    calls = _calls(prompt, behaviour)
    pieces = _pieces(_text(prompt, behaviour, bool(calls)), behaviour)
    thinking = THINKING if prompt.thinking or behaviour.usage.get("reasoning") else None
    words = len("".join(pieces).split()) + TOOL_CALL_TOKENS * len(calls)
    thoughts = len((thinking or "").split())
    counted: dict[str, int] = {
        "input": count(prompt.text),
        "output": words + thoughts,
        "reasoning": thoughts,
        **prompt.base_usage,
        **behaviour.usage,
    }
    return Reply(
        id=unique("sim"),
        created=int(time.time()),
        thinking=thinking,
        pieces=pieces,
        calls=calls,
        usage=Usage(**counted),
        stop=behaviour.stop or ("tools" if calls else "end"),
        tier=behaviour.tier or prompt.tier,
    )


def sign(text: str) -> str:
    """The signature of a thought, base64: it fits this text and an empty one, no other."""
    return base64.b64encode(f"simulated {_digest(text)}".encode()).decode()


def signed(text: str, signature: str) -> bool:
    """Whether `signature` was made by `sign` for `text`, which may have been left out."""
    try:
        made = base64.b64decode(signature, validate=True).decode()
    except ValueError:
        return False
    return made.startswith("simulated ") and (not text or made.endswith(_digest(text)))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def count(text: str) -> int:
    """Input tokens of `text`."""
    return len(text) // 4 + 1


def unique(prefix: str) -> str:
    return f"{prefix}_{next(_numbers):08d}"


def minimal(schema: Mapping[str, Any]) -> Any:
    """The smallest value of a JSON schema, for tool arguments and structured answers."""
    if "enum" in schema:
        return schema["enum"][0]
    given: str | list[str] = schema.get("type", "object" if "properties" in schema else "string")
    kind = (given if isinstance(given, str) else given[0]).lower()
    if kind == "object":
        properties = schema.get("properties", {})
        return {name: minimal(properties.get(name, {})) for name in schema.get("required", ())}
    plain: Json = {"integer": 1, "number": 1.5, "boolean": True, "array": [], "null": None}
    return plain.get(kind, "x")


def _calls(prompt: Prompt, behaviour: Behaviour) -> list[Call]:
    if not prompt.tools:
        return []
    wanted: list[tuple[str, Mapping[str, Any]]] = list(behaviour.tool)
    offered = [(tool.name, minimal(tool.schema)) for tool in prompt.tools]
    wanted += itertools.islice(itertools.cycle(offered), behaviour.tools)
    if not wanted and prompt.forced:
        wanted = [pair for pair in offered if prompt.forced in ("*", pair[0])][:1]
    return [Call(unique("call"), name, arguments) for name, arguments in wanted]


def _text(prompt: Prompt, behaviour: Behaviour, calling: bool) -> str:
    if behaviour.text is not None:
        return behaviour.text
    if behaviour.chunks is not None:
        return " ".join(f"word{number}" for number in range(1, behaviour.chunks + 1))
    if calling:
        return ""
    if prompt.schema is not None:
        return json.dumps(minimal(prompt.schema))
    results = prompt.fresh("tool")
    return f"Tool result: {' '.join(results)}" if results else TEXT


def _pieces(text: str, behaviour: Behaviour) -> list[str]:
    """Chunks of the text, one word each; enough of them for a fault after N chunks to come true."""
    words = text.split(" ")
    wanted = max(behaviour.cut or 0, behaviour.midstream or 0)
    words += [f"more{number}" for number in range(wanted - len(words) + 2)] if wanted else []
    return [word if last else f"{word} " for word, last in _with_last(words) if word or not last]


def _with_last(words: Sequence[str]) -> list[tuple[str, bool]]:
    return [(word, index == len(words) - 1) for index, word in enumerate(words)]
