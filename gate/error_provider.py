"""Why a provider failed, for the caller: out of its own answer, and of LiteLLM's only else.

LiteLLM makes a status of its own from the words of an exception, and gets it wrong in places; so
the status, the words and the Retry-After that count are those which `callbacks/wire.py` has noted.
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from ..callbacks.attempts import Attempts, Heard
from ..untyped import mapping, sequence, text
from .error_words import clean
from .errors import Failure
from .readers.base import Reading
from .surface import Dialect

Json = Mapping[str, Any]

CUT_OFF = "The provider's answer was cut off."
_SILENT = "The provider did not answer in time."

# What a provider says of an answer that it has begun, as HTTP statuses; all else is 500, for it
# isn't the request that is wrong (LiteLLM calls Bedrock's failures in mid-stream, 424, so).
_IN_STREAM = {
    "429": 429,
    "503": 503,
    "504": 504,
    "529": 529,
    "content_filter": 400,
    "context_length_exceeded": 400,
    "invalid_prompt": 400,
    "overloaded_error": 529,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "timeout_error": 504,
}

# How the providers say that a prompt is too long (Anthropic, Bedrock, Nova, Gemini, OpenAI).
_TOO_LONG = re.compile(
    r"prompt is too long|input is too long|context[ _](?:length|window|limit)"
    r"|(?:input )?token count .{0,40}exceeds the maximum|input tokens? exceed"
    r"|too many input tokens|maximum number of (?:input )?tokens",
    re.IGNORECASE,
)
OVERFLOW = "context_length_exceeded"
_FILTERS = frozenset({"content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation"})

# Mistakes in a request that LiteLLM finds while translating it and answers with 500, or with words
# for its own operator.
_CALLERS_MISTAKES = (
    (
        re.compile(
            r"user_url_allowed_hosts|DNS resolution failed for|Unable to fetch (image|file)"
        ),
        "The address of a picture or file in the request can't be fetched from here: send the "
        "content itself (base64), or an address that is reachable from the internet.",
    ),
    (
        re.compile(r"^Invalid (user|assistant|tool|system) message at|^Invalid request format: "),
        "A message in the request is not of the shape that the API defines.",
    ),
)


def of_answer(attempts: Attempts, status: int, answer: bytes, dialect: Dialect) -> Failure:
    """What LiteLLM has answered with an error status, `answer` being the body, as a failure."""
    heard = attempts.failed
    message, code = _litellm_words(_parsed(answer))
    if heard is None:
        words = clean(message)
        if attempts.heard is not None:  # the answer began well, and is a failure inside
            status = _in_stream(code or str(status), words)
        later = attempts.tried[-1].retry_after if attempts.tried else None
        return _failure(status, words, code, later, dialect)
    if heard.refused:
        assert heard.status is not None
        words, own, delay = _provider_words(heard)
        found = 500 if heard.status == 424 else heard.status  # Bedrock: the model has failed
        return _failure(found, words or clean(message), own, heard.retry_after or delay, dialect)
    return lost(heard)


def of_event(attempts: Attempts, reading: Reading, dialect: Dialect) -> Failure:
    """What a stream's error event says, as a failure."""
    heard = attempts.heard
    if heard is not None and heard.lost:
        return lost(heard)
    kind = reading.error_type or ""
    code = kind if kind in (OVERFLOW, *_FILTERS) else None
    words = reading.error_message or ""
    return _failure(_in_stream(kind, words), words, code, None, dialect)


def lost(heard: Heard | None = None) -> Failure:
    """An answer that didn't come, or broke off."""
    if heard is not None and heard.lost == "timeout":
        return Failure(504, _SILENT, "timeout", refused=False)
    return Failure(502, CUT_OFF, "cut_off", refused=False)


def _in_stream(kind: str, words: str) -> int:
    """The status of a failure inside an answer that began well."""
    return 400 if _TOO_LONG.search(words) else _IN_STREAM.get(kind, 500)


def _failure(
    status: int, words: str, code: str | None, retry_after: str | None, dialect: Dialect
) -> Failure:
    for pattern, plain in _CALLERS_MISTAKES:
        if pattern.search(words):
            status, words = 400, plain
    words = words or f"The provider answered {status} without a message."
    if code in _FILTERS:
        code = "content_filter"
    elif status in (400, 413, 422) and (code == OVERFLOW or _TOO_LONG.search(words)):
        code, words = OVERFLOW, _recognisable(words, dialect)
    elif status == 429:
        code = code or "rate_limit_exceeded"
    return Failure(
        status=_overloaded(status, dialect),
        message=words,
        code=code,
        retry_after=retry_after,
        refused=False,
    )


def _overloaded(status: int, dialect: Dialect) -> int:
    """Each API's own status for an overload: Anthropic's is 529, which no other knows."""
    if status in (503, 529):
        return 529 if dialect == "anthropic" else 503
    return status


def _recognisable(words: str, dialect: Dialect) -> str:
    """The provider's words, and with them those by which clients know that they must shorten.

    Claude Code and Cline look for "prompt is too long" in Messages, aider and others with LiteLLM's
    library for "this model's maximum context length is" in Chat (docs/errors.md).
    """
    if dialect == "anthropic" and "prompt is too long" not in words.lower():
        return f"prompt is too long: {words}"
    if dialect == "openai" and "maximum context length is" not in words.lower():
        return f"{words} (This model's maximum context length is exceeded.)"
    return words


def _parsed(answer: bytes) -> object:
    try:
        return orjson.loads(answer)
    except orjson.JSONDecodeError:
        return None


def _litellm_words(parsed: object) -> tuple[str, str | None]:
    """Message and code out of the error shapes that LiteLLM's handlers produce."""
    whole = mapping(parsed)
    error = whole.get("error", whole.get("detail"))
    if not isinstance(error, dict):
        return str(error or ""), None
    found = mapping(error)
    if "message" not in found and "error" in found:
        return _litellm_words(found)
    return str(found.get("message") or ""), _name(found.get("code"))


def _provider_words(heard: Heard) -> tuple[str, str | None, str | None]:
    """Message, code and seconds to wait out of a provider's error body."""
    parsed = _parsed(heard.body)
    # Vertex AI answers streams with an array of errors.
    whole = mapping(parsed[0] if isinstance(parsed, list) and parsed else parsed)
    error = mapping(whole.get("error")) or whole
    message = text(error.get("message")) or text(error.get("Message")) or text(whole.get("error"))
    inner = mapping(error.get("innererror"))
    filtered = any(found.get("code") in _FILTERS for found in (inner, error))
    code = "content_filter" if filtered else _name(error.get("code"))
    return message or "", code, _retry_delay(error)


def _name(code: object) -> str | None:
    """A code of OpenAI's kind. Numbers repeat the status, and Azure's front has names of its own
    (`DeploymentNotFound`) that no client knows.
    """
    named = text(code)
    return named if named and re.fullmatch(r"[a-z][a-z0-9_]*", named) else None


def _retry_delay(error: Json) -> str | None:
    """Google's `RetryInfo` as seconds, rounded up: "34.07s" is "35"."""
    for detail in sequence(error.get("details")):
        found = re.fullmatch(r"(\d+)(\.\d+)?s", str(mapping(detail).get("retryDelay")))
        if found:
            return str(int(found[1]) + bool(found[2]))
    return None
