"""What a caller reads when a request fails: one shape for each dialect, one place for the words."""

import ast
import re
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from ..keys.identity import Quota, Refusal
from ..untyped import mapping, text
from .surface import Dialect

# Error types by HTTP status: OpenAI's API reference, "Error codes", and Anthropic's API reference,
# "Errors" (both read 2026-11-21).
_OPENAI_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "timeout_error",
    413: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
}
_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "timeout_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


@dataclass(slots=True, eq=False)
class Failure(Exception):
    """A request that ends in an error: HTTP status, words, and each dialect's own type.

    `code` is OpenAI's `error.code` and the row's `error_type`; `refused` tells that Sekisho said
    no, before any provider was asked.
    """

    status: int
    message: str
    code: str | None = None
    openai_type: str | None = None
    anthropic_type: str | None = None
    retry_after: str | None = None
    refused: bool = True
    quota: Quota | None = None


def of_refusal(refusal: Refusal) -> Failure:
    """The failure that a refused key is answered with."""
    return Failure(
        status=refusal.status,
        message=refusal.message,
        code=refusal.openai_code,
        openai_type=refusal.openai_type,
        anthropic_type=refusal.anthropic_type,
        retry_after=None if refusal.retry_after is None else str(refusal.retry_after),
        quota=refusal.quota,
    )


def headers(failure: Failure, dialect: Dialect) -> list[tuple[bytes, bytes]]:
    """What a client's SDK reads of a failure: when to try again, and which limit was reached."""
    found: dict[str, str] = {}
    quota = failure.quota
    if failure.retry_after is not None:
        found["retry-after"] = failure.retry_after
    elif quota is not None:
        # The SDKs of both vendors try a 429 again, unless this says that it is no use.
        found["x-should-retry"] = "false"
    if quota is not None and quota.what in ("requests", "tokens") and quota.resets_at is not None:
        seconds = max((quota.resets_at - datetime.now(UTC)).total_seconds(), 0.0)
        when = quota.resets_at.isoformat(timespec="seconds").replace("+00:00", "Z")
        if dialect == "anthropic":
            reset, name = when, f"anthropic-ratelimit-{quota.what}-{{}}"
        else:
            reset, name = f"{seconds:.3f}s", f"x-ratelimit-{{}}-{quota.what}"
        parts = {"limit": quota.limit, "remaining": "0", "reset": reset}
        found |= {name.format(part): value for part, value in parts.items()}
    return [(name.encode(), value.encode()) for name, value in found.items()]


def body(failure: Failure, dialect: Dialect, request_id: str) -> bytes:
    """The JSON body of a failure in the caller's dialect."""
    if dialect == "anthropic":
        kind = failure.anthropic_type or _ANTHROPIC_TYPES.get(failure.status, "api_error")
        error = {"type": kind, "message": failure.message}
        return orjson.dumps({"type": "error", "error": error, "request_id": request_id})
    kind = failure.openai_type or _OPENAI_TYPES.get(failure.status, "server_error")
    return orjson.dumps(
        {
            "error": {
                "message": failure.message,
                "type": kind,
                "param": None,
                "code": failure.code,
            }
        }
    )


def of_litellm(status: int, answer: bytes, retry_after: str | None = None) -> Failure:
    """What LiteLLM answered (an OpenAI, Anthropic or FastAPI error body) as a failure."""
    try:
        parsed = orjson.loads(answer)
    except orjson.JSONDecodeError:
        parsed = None
    message, code = _words(parsed)
    words = clean(message)
    for pattern, plain in _CALLERS_MISTAKES:
        if pattern.search(words):
            status, words = 400, plain
    return Failure(
        status=status,
        message=words or f"the provider answered {status} without a message",
        code=code,
        retry_after=retry_after,
        refused=False,
    )


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


def _words(parsed: object) -> tuple[str, str | None]:
    """Message and code out of the error shapes that LiteLLM's handlers produce."""
    whole = mapping(parsed)
    error = whole.get("error", whole.get("detail"))
    if not isinstance(error, dict):
        return str(error or ""), None
    found = mapping(error)
    if "message" not in found and "error" in found:
        return _words(found)
    code = text(found.get("code"))
    named = code is not None and not code.isdigit() and code != "None"
    return str(found.get("message") or ""), code if named else None


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
