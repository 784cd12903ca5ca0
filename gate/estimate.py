"""Tokens of an answer that was cut off before the provider told: counted here, and marked so."""

import re
from typing import Any

from ..pricing.usage import Usage
from ..untyped import mapping, sequence
from .exchange import Exchange
from .readers.base import parse

# A token is about 4 characters of English and 1 of Japanese in the current tokenizers (OpenAI,
# "What are tokens and how to count them?"). The estimate is for the log of a broken answer.
_WORD = re.compile(r"[\x00-\x7f]{1,4}|[^\x00-\x7f]")


def tokens_of(text: str) -> int:
    """About how many tokens a text has."""
    return len(_WORD.findall(text))


def usage_of(exchange: Exchange) -> Usage:
    """What the request and the pieces of its answer amount to.

    The provider's own count of the prompt is kept where the stream began with it (Messages).
    """
    assert exchange.reader is not None
    reported = exchange.reader.reading.usage or Usage()
    output = max(reported.output_tokens, tokens_of(_text_of(exchange.pieces)))
    if reported.input_tokens:
        return reported + Usage(output_tokens=output - reported.output_tokens)
    prompt = " ".join(_strings(exchange.asked))
    return Usage(input_tokens=tokens_of(prompt), output_tokens=output)


_SILENT = frozenset({"role", "type", "model", "url", "data", "id", "object"})


def _strings(value: Any) -> list[str]:
    """The texts of a request body, without names of roles, types and models."""
    if isinstance(value, str):
        return [value]
    inner = [item for name, item in mapping(value).items() if name not in _SILENT]
    return [said for item in (*inner, *sequence(value)) for said in _strings(item)]


def _text_of(pieces: list[bytes]) -> str:
    """What a stream's pieces have said: text, reasoning and tool arguments, of any dialect."""
    said: list[str] = []
    for line in b"".join(pieces).split(b"\n"):
        event = parse(line[5:].strip()) if line.startswith(b"data:") else None
        if event is None:
            continue
        kind = str(event.get("type", ""))
        if kind.endswith(".delta") and isinstance(event.get("delta"), str):
            said.append(event["delta"])
        elif kind == "content_block_delta":
            said += _strings(event.get("delta"))
        for choice in event.get("choices") or ():
            said += _strings(choice.get("delta"))
    return "".join(said)
