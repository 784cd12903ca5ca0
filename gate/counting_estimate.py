"""About how many input tokens a conversation has: never less than the truth by more than 5 %.

The text is cut by OpenAI's two latest tokenizers, which LiteLLM ships. For OpenAI's models the
newer one is right; for all others the one that makes more tokens counts, times a factor, and each
digit is a token, as several vendors have it. docs/models.md has what was measured. What isn't text
(pictures, documents) is counted by the vendors' rules, with their upper bounds.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import ceil
from typing import Any

import orjson
import tiktoken

from ..untyped import mapping, sequence
from .worst_case import media
from .worst_case.weight import Weight, weigh

_CLAUDE = 1.9
"""Claude makes up to 1.3 times as many tokens as o200k_base (measured by others for Claude 3.5:
English 1.16, Python 1.30), and since Opus 4.7 up to 1.35 times as many again (Anthropic's migration
guide). Asked only when Claude's own count can't be had."""
_OTHERS = 1.25
"""Llama 3.1, Qwen 3, DeepSeek 3, Mistral's Tekken and Gemma 3 were measured."""

_MESSAGE = 8  # the marks around a turn and its role
_TOOL = 16  # the words around a tool's declaration
_TOOLS = {"claude": 804}
"""What a model is told about tools in general (platform.claude.com, "Tool use", "Pricing")."""
_SILENT = frozenset(
    [
        *("type", "role", "id", "tool_use_id", "cache_control", "signature", "data", "media_type"),
        *("mimeType", "mime_type", "thoughtSignature", "file_id", "fileUri", "url"),
    ]
)
"""Fields of messages that are no text for the model."""
_WHOLE = ("input", "args", "response")
"""Fields that the model sees as JSON, names and all."""


def tokens(asked: Mapping[str, Any], models: Sequence[str]) -> int:
    """The estimate for a body of Messages or of Google's API; `models` are those that may answer.

    Takes about half a second for a megabyte of text.
    """
    names = [name.lower() for name in models] or [""]
    turns = [*sequence(asked.get("messages")), *sequence(asked.get("contents"))]
    tools = sequence(asked.get("tools"))
    parts = [*_texts([asked.get("system"), asked.get("systemInstruction"), *turns])]
    parts += [orjson.dumps(tool).decode() for tool in tools]
    cut = _cut("\n".join(parts))
    around = _MESSAGE * (len(turns) + 1) + _TOOL * len(tools)
    weight = weigh(asked)
    return max(
        cut.tokens(name) + around + _for_tools(tools, name) + _media(weight, name) for name in names
    )


@dataclass(frozen=True, slots=True)
class _Cut:
    """A text as it was cut: tokens of o200k_base, the most of any, and digits beyond the tokens
    that OpenAI makes of them (one of three).
    """

    newest: int
    most: int
    digits: int

    def tokens(self, model: str) -> int:
        """What a model makes of the text."""
        if "gpt" in model:
            return self.newest
        return ceil(self.most * (_CLAUDE if "claude" in model else _OTHERS)) + self.digits


def _texts(values: Sequence[Any]) -> Iterator[str]:
    waiting = list(values)
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        for name, inner in mapping(item).items():
            if name in _WHOLE:
                yield orjson.dumps(inner).decode()
            elif name not in _SILENT:
                waiting.append(inner)
        waiting += sequence(item)


def _for_tools(tools: Sequence[Any], model: str) -> int:
    return next((n for family, n in _TOOLS.items() if family in model), 0) if tools else 0


def _media(weight: Weight, model: str) -> int:
    sounds = weight.sounds // media.BYTES_OF_SOUND_SECOND * media.TOKENS_OF_SOUND_SECOND
    films = weight.films // media.BYTES_OF_FILM_SECOND * media.TOKENS_OF_FILM_SECOND
    pictures = weight.pictures * media.seen(model)
    return pictures + weight.files * media.TOKENS_OF_FILE_BYTE + sounds + films


def _cut(text: str) -> _Cut:
    newest, older = (len(encoding.encode_ordinary(text)) for encoding in _encodings())
    runs = [len(run) for run in _DIGITS.findall(text)]
    return _Cut(newest, max(newest, older), sum(runs) - sum(-(-run // 3) for run in runs))


_DIGITS = re.compile(r"\d+")


@cache
def _encodings() -> tuple[tiktoken.Encoding, tiktoken.Encoding]:
    """OpenAI's tokenizers from the files that LiteLLM ships: nothing is downloaded."""
    folder = str(files("litellm.litellm_core_utils") / "tokenizers")
    os.environ.setdefault("TIKTOKEN_CACHE_DIR", folder)
    return tiktoken.get_encoding("o200k_base"), tiktoken.get_encoding("cl100k_base")
