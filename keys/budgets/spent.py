"""What has been spent, for lists: figures of the windows that are open now."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, get_args
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select

from ..database import Database
from ..limits import Period
from ..policy import ScopeKind
from ..tables import spend
from .windows import period_of, usd, windows_of

_MOST_NAMES = 1000  # of more it is quicker to read everybody's, in one statement still


class Spent(NamedTuple):
    """USD: what was spent in a window, and what running requests hold of it."""

    spent: Decimal
    reserved: Decimal


class Used(NamedTuple):
    """The figures (USD) of one scope, as in `policy.Scope`, in one period."""

    kind: ScopeKind
    name: str
    period: Period
    spent: Decimal
    reserved: Decimal


def spent_of(
    database: Database, kind: ScopeKind, names: Sequence[str], now: datetime, zone: ZoneInfo
) -> dict[str, dict[Period, Spent]]:
    """The figures of these names by period; who spent nothing is left out.

    Of more than a thousand names others' figures may be among them. Raises KeyStoreError.
    """
    found: dict[str, dict[Period, Spent]] = {}
    some = _current(now, zone).where(spend.c.scope == kind)
    if len(names) <= _MOST_NAMES:
        some = some.where(spend.c.name.in_(names))
    for used in _used(database, some):
        found.setdefault(used.name, {})[used.period] = Spent(used.spent, used.reserved)
    return found


def all_budgets(
    database: Database,
    now: datetime,
    zone: ZoneInfo,
    kinds: Sequence[ScopeKind] = get_args(ScopeKind),
) -> list[Used]:
    """The figures of everybody of these kinds who spent something, by kind, name and window.

    Raises KeyStoreError.
    """
    key = (spend.c.scope, spend.c.name, spend.c.window)
    return _used(database, _current(now, zone).where(spend.c.scope.in_(kinds)).order_by(*key))


def _current(now: datetime, zone: ZoneInfo) -> Select[ScopeKind, str, str, int, int]:
    figures = select(spend.c.scope, spend.c.name, spend.c.window, spend.c.spent, spend.c.reserved)
    return figures.where(spend.c.window.in_(windows_of(now, zone)))


def _used(database: Database, statement: Select[ScopeKind, str, str, int, int]) -> list[Used]:
    with database.reading() as connection:
        return [
            Used(kind, name, period_of(window), usd(spent), usd(reserved))
            for kind, name, window, spent, reserved in connection.execute(statement)
        ]
