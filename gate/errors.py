"""What a caller reads when a request fails: one shape for each dialect."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from ..keys.identity import Quota, Refusal
from . import google_error
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
    402: "billing_error",
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
    return orjson.dumps(told(failure, dialect, request_id))


def event(failure: Failure, dialect: Dialect, request_id: str) -> bytes:
    """The same as the last event of a stream (see error_responses.py for the Responses API's)."""
    name = b"event: error\n" if dialect == "anthropic" else b""
    return name + b"data: " + body(failure, dialect, request_id) + b"\n\n"


def told(failure: Failure, dialect: Dialect, request_id: str) -> dict[str, Any]:
    """A failure in the caller's dialect."""
    if dialect == "google":
        wait = failure.retry_after or google_error.until(failure.quota)
        return {"error": google_error.error(failure.status, failure.message, failure.code, wait)}
    if dialect == "anthropic":
        kind = failure.anthropic_type or _ANTHROPIC_TYPES.get(failure.status, "api_error")
        error = {"type": kind, "message": failure.message}
        return {"type": "error", "error": error, "request_id": request_id}
    other = "invalid_request_error" if failure.status < 500 else "server_error"
    kind = failure.openai_type or _OPENAI_TYPES.get(failure.status, other)
    about = {"message": failure.message, "type": kind, "param": None, "code": failure.code}
    return {"error": about}
