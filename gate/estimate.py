"""Tokens of an answer that was cut off before the provider told: counted here, and marked so."""

from collections.abc import Iterator, Mapping
from typing import Any

from ..pricing.usage import Usage
from ..untyped import mapping, sequence
from .exchange import Exchange

# What of a request is text for the model, and what inside it is not.
_TEXTS = (
    *("system", "instructions", "messages", "input", "prompt", "tools", "query", "documents"),
    *("systemInstruction", "contents"),
)
_SILENT = frozenset(
    {"role", "type", "model", "url", "image_url", "data", "file_data", "b64_json", "id", "object"}
    | {"mimeType", "fileUri", "thoughtSignature"}
)


def tokens_of(text: str) -> int:
    """About how many tokens a text has.

    A token is about 4 characters of English and 1 of Japanese in the current tokenizers (OpenAI,
    "What are tokens and how to count them?"). The estimate is for the log of a broken answer.
    """
    plain = len(text.encode("ascii", "ignore"))
    return -(-plain // 4) + len(text) - plain


def usage_of(exchange: Exchange) -> Usage:
    """What the request and what has come of its answer amount to.

    The provider's own count of the prompt is kept where the stream began with it (Messages).
    """
    reading = exchange.reader.reading if exchange.reader else None
    reported = (reading.usage if reading else None) or Usage()
    output = max(reported.output_tokens, _said(exchange))
    if reported.input_tokens:
        return reported + Usage(output_tokens=output - reported.output_tokens)
    return Usage(input_tokens=prompt_of(exchange.asked), output_tokens=output)


def prompt_of(asked: Mapping[str, Any]) -> int:
    """About how many tokens the texts of a request have; a list of numbers is as many tokens."""
    texts = sum(tokens_of(text) for text in _strings(_texts(asked)))
    return texts + _numbers(asked.get("input"))


def _numbers(given: object) -> int:
    """The tokens of texts that come as such (embeddings)."""
    lists = [given, *sequence(given)]
    return sum(len(one) for one in map(sequence, lists) if one and isinstance(one[0], int))


def _said(exchange: Exchange) -> int:
    """Tokens of what the client was sent; of a very long stream its beginning stands for all."""
    if exchange.reader is None:
        return 0
    transcript = exchange.reader.transcript
    text = "".join(transcript.texts())
    if not text:
        return 0
    return tokens_of(text) * max(transcript.room.seen, len(text)) // len(text)


def _texts(asked: Mapping[str, Any]) -> list[Any]:
    return [asked[name] for name in _TEXTS if name in asked]


def _strings(value: Any) -> Iterator[str]:
    """The texts in a value of any depth, without names of roles, and without pictures and files."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            if not item.startswith("data:"):
                yield item
            continue
        waiting += [inner for name, inner in mapping(item).items() if name not in _SILENT]
        waiting += sequence(item)
