"""A provider's own words, out of what LiteLLM puts around them."""

import ast
import re

import orjson

from ..untyped import mapping, text

# LiteLLM wraps a provider's words in its own: class names before them; router state, or a whole
# traceback, behind them.
_PREFIX = re.compile(
    r"^(?:litellm\.)?(?:[A-Za-z_]*(?:Error|Exception)s?\b[:\s]+(?:- )?|[A-Z]+ - |- )"
)
_CLASS = re.compile(r"\blitellm\.\w*(?:Error|Exception)s?\b:?\s*")
_BEHIND = re.compile(
    r"(?:Passed model=|\.? ?Received Model Group=|Available Model Group Fallbacks="
    r"|No fallback model group found|LiteLLM: model group|LiteLLM Retried:|LiteLLM Max Retries:"
    r"|Deployment Info:|Traceback \(most recent call last\)|\.? Handle with `litellm).*",
    re.DOTALL,
)


# Some errors quote the whole request back; nobody reads on after this many characters.
_LONGEST = 4_000


def clean(message: str) -> str:
    """A provider's own words, without LiteLLM's class names, router state and tracebacks."""
    words = _CLASS.sub("", _BEHIND.sub("", message[:_LONGEST])).rstrip()
    previous = None
    while previous != words:
        previous = words
        words = _PREFIX.sub("", words.strip(), count=1)
    return _inner_message(words) or words


def _inner_message(words: str) -> str | None:
    """The `message` of a provider's JSON error that LiteLLM has left as text."""
    try:
        parsed = orjson.loads(_shown_bytes(_LABEL.sub("", words)))
    except orjson.JSONDecodeError:
        return None
    # Vertex AI answers streams with an array of errors.
    found = mapping(parsed[0] if isinstance(parsed, list) and parsed else parsed)
    inner = mapping(found.get("error")) or found
    return text(inner.get("message")) or text(inner.get("Message"))


# "Context Window Error - {...}", as LiteLLM calls some of Bedrock's.
_LABEL = re.compile(r"^[\w ]{1,60} - (?=\{)")


def _shown_bytes(words: str) -> str | bytes:
    """The bytes that LiteLLM wrote as Python shows them (`b'{...}'`); other words as they are."""
    if not words.startswith(("b'", 'b"')):
        return words
    try:
        shown = ast.literal_eval(words)
    except (ValueError, SyntaxError):
        return words
    return shown if isinstance(shown, bytes) else words
