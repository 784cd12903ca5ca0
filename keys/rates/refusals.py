"""What is said to who is too fast: which limit it was, and when to try again."""

from datetime import UTC, datetime, timedelta
from math import floor

from ..identity import Quota, Refusal, refuse
from ..policy import Scope


def too_many_requests(scope: Scope, limit: int, wait: float, now: datetime) -> Refusal:
    """More than `limit` requests in a minute; the next may come in `wait` seconds."""
    seconds, at = _when(wait, now)
    return refuse(
        "too_many_requests",
        f"{scope.label} may send {_count(limit, 'request')} per minute; {_again(seconds, at)}.",
        retry_after=seconds,
        quota=Quota("requests", str(limit), at),
    )


def too_many_tokens(scope: Scope, limit: int, tokens: int, wait: float, now: datetime) -> Refusal:
    """More than `limit` tokens in a minute; a prompt of `tokens` may come in `wait` seconds."""
    seconds, at = _when(wait, now)
    return refuse(
        "too_many_tokens",
        f"{scope.label} may use {_count(limit, 'token')} per minute, and this request's prompt "
        f"has about {tokens}; {_again(seconds, at)}.",
        retry_after=seconds,
        quota=Quota("tokens", str(limit), at),
    )


def prompt_too_large(scope: Scope, limit: int, tokens: int) -> Refusal:
    """A prompt of `tokens` that no minute has room for."""
    return refuse(
        "too_many_tokens",
        f"{scope.label} may use {_count(limit, 'token')} per minute, and this request's prompt "
        f"alone has about {tokens}; send a shorter one, or ask the gateway's operator for more.",
        quota=Quota("tokens", str(limit), None),
    )


def too_many_at_once(scope: Scope, limit: int, now: datetime) -> Refusal:
    """`limit` requests are running; nobody knows when one of them ends."""
    return refuse(
        "too_many_at_once",
        f"{scope.label} may have {_count(limit, 'request')} running at once; try again when one "
        "of them has ended.",
        retry_after=1,
        quota=Quota("parallel", str(limit), now + timedelta(seconds=1)),
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _when(wait: float, now: datetime) -> tuple[int, datetime]:
    """Whole seconds that are longer than `wait`, and the time in whole seconds after it."""
    at = (now + timedelta(seconds=wait + 1)).replace(microsecond=0)
    return floor(wait) + 1, at.astimezone(UTC)


def _again(seconds: int, at: datetime) -> str:
    return f"try again in {seconds} s ({at:%H:%M:%S} UTC)"
