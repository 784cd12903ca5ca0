"""Errors as Google's API tells them (google.aip.dev/193): a number, words, and a canonical code."""

from datetime import UTC, datetime
from typing import Any

from ..keys.identity import Quota

# google.rpc.Code and its mapping to HTTP (googleapis, google/rpc/code.proto, read 2026-11-21).
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}
_YEAR = 365 * 24 * 3600
_TYPE = "type.googleapis.com/google.rpc."


def status_of(status: int) -> str:
    """Google's canonical code for an HTTP status."""
    return _STATUS.get(status, "INTERNAL" if status >= 500 else "FAILED_PRECONDITION")


def error(
    status: int, message: str, code: str | None = None, retry_after: str | None = None
) -> dict[str, Any]:
    """The error object. `code` is our own name of the reason, `retry_after` a Retry-After header.

    Google's clients don't read that header: they look for `RetryInfo` among the details.
    """
    found: dict[str, Any] = {"code": status, "message": message, "status": status_of(status)}
    details: list[dict[str, Any]] = []
    if code:
        info = {"reason": code.upper(), "domain": "sekisho"}
        details.append({"@type": _TYPE + "ErrorInfo", **info})
    if retry_after is not None and retry_after.replace(".", "", 1).isdecimal():
        details.append({"@type": _TYPE + "RetryInfo", "retryDelay": f"{retry_after}s"})
    return {**found, "details": details} if details else found


def until(quota: Quota | None) -> str | None:
    """In how many seconds there is more of a quota; a year when there never is, None without one.

    Gemini CLI tries a 429 again, ten times, unless it has to wait for more than five minutes
    (google-gemini/gemini-cli, packages/core/src/utils/googleQuotaErrors.ts).
    """
    if quota is None:
        return None
    if quota.resets_at is None:
        return str(_YEAR)
    return str(max(int((quota.resets_at - datetime.now(UTC)).total_seconds()), 1))
