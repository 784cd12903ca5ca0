"""The calendar and the money of budgets: which window a cost belongs to, in whole pico-USD."""

import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ..limits import Period
from ..policy import ScopeKind


class Counter(NamedTuple):
    """What is counted: the spend of a scope (as in `policy.Scope`) in a window."""

    scope: ScopeKind
    name: str
    window: str


def windows_of(now: datetime, zone: ZoneInfo) -> tuple[str, str, str]:
    """The windows that `now` (aware) lies in, in the order of PERIODS.

    A day is `2026-11-21`, a month `2026-11`, all time `total`.
    """
    day = now.astimezone(zone).date().isoformat()
    return day, day[:7], "total"


def window_of(period: Period, now: datetime, zone: ZoneInfo) -> str:
    """The window of one period that `now` (aware) lies in."""
    day, month, total = windows_of(now, zone)
    return {"day": day, "month": month, "total": total}[period]


def period_of(window: str) -> Period:
    """The period that a window is one of."""
    if window == "total":
        return "total"
    return "day" if len(window) == len("2026-11-21") else "month"


def ends(period: Period, now: datetime, zone: ZoneInfo) -> datetime | None:
    """When (UTC) the window of `now` ends and the next begins; None is never."""
    return end_of(window_of(period, now, zone), zone)


def end_of(window: str, zone: ZoneInfo) -> datetime | None:
    """When (UTC) a window ends: the first moment of the next local day or month; None is never."""
    period = period_of(window)
    if period == "total":
        return None
    if period == "day":
        return _begin(date.fromisoformat(window) + timedelta(days=1), zone)
    first = date.fromisoformat(f"{window}-01")
    return _begin((first + timedelta(days=31)).replace(day=1), zone)


def pico(usd: Decimal) -> int:
    """USD as whole pico-USD (1e-12 USD), as the database keeps them; fractions are rounded up."""
    return math.ceil(usd.scaleb(12))


def usd(pico: int) -> Decimal:
    """Pico-USD as USD."""
    return Decimal(pico).scaleb(-12)


def _begin(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of a local day (UTC).

    Where clocks jump over midnight, the first reading (fold 0) is the moment of the jump. Where
    they are put back from midnight to 23:00, that moment is still the day before, and the second
    reading (fold 1) is the right one.
    """
    moment = datetime.combine(day, time.min, zone).astimezone(UTC)
    if moment.astimezone(zone).date() < day:
        return datetime.combine(day, time(fold=1), zone).astimezone(UTC)
    return moment
