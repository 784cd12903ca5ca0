"""Times as people type them: `90d`, `24h`, `2027-03-31`, `2027-03-31T12:00Z`; always UTC."""

import re
from datetime import UTC, datetime, time, timedelta

from .output import Misuse

_UNITS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_DURATION = re.compile(r"(\d{1,6})([mhdw])")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def duration(option: str, text: str) -> timedelta:
    """How long: `30m`, `24h`, `90d`, `2w`, or `0`. Raises Misuse."""
    text = text.strip().lower()
    if text == "0":
        return timedelta()
    if found := _DURATION.fullmatch(text):
        return int(found[1]) * _UNITS[found[2]]
    raise Misuse(f"{option} {text!r}: write a duration (30m, 24h, 7d, 2w), or 0 for none")


def later(option: str, text: str, now: datetime) -> datetime:
    """A time ahead: a duration counts from now, a date is its first moment. Raises Misuse."""
    return _parse(option, text, now, 1)


def earlier(option: str, text: str, now: datetime) -> datetime:
    """A time past: a duration counts back from now, a date is its first moment. Raises Misuse."""
    return _parse(option, text, now, -1)


def end_of(option: str, text: str, now: datetime) -> datetime:
    """Like `earlier`, but a date is the moment after its last: the day itself belongs to it."""
    found = _parse(option, text, now, -1)
    return found + timedelta(days=1) if _DATE.fullmatch(text.strip()) else found


def _parse(option: str, text: str, now: datetime, sign: int) -> datetime:
    text = text.strip()
    try:
        if found := _DURATION.fullmatch(text.lower()):
            return now + sign * int(found[1]) * _UNITS[found[2]]
        if _DATE.fullmatch(text):
            return datetime.combine(datetime.fromisoformat(text).date(), time(), UTC)
        typed = datetime.fromisoformat(text)
        if typed.tzinfo is None:
            return typed.replace(tzinfo=UTC)
        return typed.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Misuse(
            f"{option} {text!r}: write a duration (30m, 24h, 90d, 2w), a date (2027-03-31) or a "
            "time (2027-03-31T12:00Z, UTC)"
        ) from None
