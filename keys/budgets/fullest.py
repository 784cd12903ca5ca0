"""The budgets that are being used, the fullest first: what is in force is decided by the database.

Of 100,000 keys only those come here that are shown. Which limit is in force is said here in SQL as
`Policy.of_key` says it in Python; a test holds them together.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Float,
    Select,
    String,
    and_,
    case,
    cast,
    column,
    func,
    literal,
    null,
    select,
    values,
)

from ..database import Database
from ..limits import PERIODS, Limits, Period
from ..policy import Policy, ScopeKind
from ..tables import keys, spend
from . import spent as spent_figures
from .windows import period_of, pico, usd, windows_of

# scope, id, name, window, spent, reserved, limit
_Found = Select[*tuple[Any, ...]]
_Windows = Mapping[Period, str]


class Budget(NamedTuple):
    """A budget (USD) that something was spent of, or is held of.

    `id` is a scope's name as in `policy.Scope`, `name` is what people call it: a key's alias.
    """

    kind: ScopeKind
    id: str
    name: str
    period: Period
    spent: Decimal
    reserved: Decimal
    limit: Decimal

    @property
    def used_percent(self) -> Decimal:
        """How much of it is spent, with one decimal."""
        return (100 * self.spent / self.limit).quantize(Decimal("0.1"))


def fullest(
    database: Database, policy: Policy, now: datetime, zone: ZoneInfo, most: int | None = None
) -> tuple[list[Budget], int]:
    """At most `most` budgets that are used in the windows of `now`, and how many there are.

    None is all. Revoked keys are left out. Raises KeyStoreError.
    """
    windows = dict(zip(PERIODS, windows_of(now, zone), strict=True))
    found = _of_few(database, policy, now, zone)
    total = len(found)
    with database.reading() as connection:
        for statement in _of_many(policy, windows):
            of = statement.subquery().c
            used = cast(of.spent, Float) / of.limit
            fullest_first = select(*of).order_by(used.desc(), of.id, of.window).limit(most)
            rows = connection.execute(fullest_first).all()
            found += [_budget(*row) for row in rows]
            count = len(rows)
            if count == most:
                every = select(func.count(of.id))
                count = connection.execute(every).scalar_one()
            total += count
    found.sort(key=lambda b: (-b.used_percent, b.kind, b.name, b.period))
    return found[:most], total


def _budget(
    kind: ScopeKind, name_id: str, name: str, window: str, spent: int, reserved: int, limit: int
) -> Budget:
    return Budget(kind, name_id, name, period_of(window), usd(spent), usd(reserved), usd(limit))


def _of_few(database: Database, policy: Policy, now: datetime, zone: ZoneInfo) -> list[Budget]:
    """The budgets of the teams and the gateway."""
    found: list[Budget] = []
    for used in spent_figures.all_budgets(database, now, zone, kinds=("team", "gateway")):
        of_team = policy.teams.get(used.name, policy.each_team)
        limits = of_team if used.kind == "team" else policy.gateway
        limit = limits.budgets.get(used.period)
        if limit is not None:
            name, figures = used.name, (used.spent, used.reserved, limit)
            found.append(Budget(used.kind, name, name, used.period, *figures))
    return found


def _of_many(policy: Policy, windows: _Windows) -> list[_Found]:
    """Statements for the budgets of the keys and the end users."""
    statements = [_of_keys(policy, windows)]
    each = _by_window(policy.each_end_user, windows)
    if each:
        limit = case(each, value=spend.c.window)
        users = _figures("end_user", spend.c.name, spend.c.name, limit)
        statements.append(users.where(spend.c.window.in_(each)))
    return statements


def _of_keys(policy: Policy, windows: _Windows) -> _Found:
    """A key's own limit, else its team's default, else its kind's."""
    own = {
        windows["day"]: keys.c.budget_day,
        windows["month"]: keys.c.budget_month,
        windows["total"]: keys.c.budget_total,
    }
    limits: list[ColumnElement[int]] = [case(own, value=spend.c.window)]
    joined = spend.join(keys, keys.c.id == spend.c.name)
    teams = _team_defaults(policy, windows)
    if teams is not None:
        same = and_(teams.c.team == keys.c.team, teams.c.window == spend.c.window)
        joined = joined.outerjoin(teams, same)
        limits.append(teams.c.budget)
    kinds = [
        (and_(keys.c.kind == kind, spend.c.window == window), budget)
        for kind, defaults in policy.keys.items()
        for window, budget in _by_window(defaults, windows).items()
    ]
    if kinds:
        limits.append(case(*kinds))
    limit = func.coalesce(*limits, null())  # it wants two at least
    return (
        _figures("key", keys.c.id, keys.c.alias, limit)
        .select_from(joined)
        .where(
            spend.c.window.in_(windows.values()), keys.c.revoked_at.is_(None), limit.is_not(None)
        )
    )


def _team_defaults(policy: Policy, windows: _Windows) -> CTE | None:
    """The defaults of teams for their keys as a table; None without any."""
    rows = [
        (team, window, budget)
        for team, limits in policy.team_keys.items()
        for window, budget in _by_window(limits, windows).items()
    ]
    if not rows:
        return None
    columns = (column("team", String), column("window", String), column("budget", BigInteger))
    return values(*columns, name="team_defaults").data(rows).cte("team_defaults")


def _figures(
    kind: ScopeKind, name_id: ColumnElement[str], name: ColumnElement[str], limit: Any
) -> _Found:
    scope = literal(kind).label("kind")
    figures = (spend.c.window, spend.c.spent, spend.c.reserved, limit.label("limit"))
    columns = (scope, name_id.label("id"), name.label("name"), *figures)
    return select(*columns).where(spend.c.scope == kind)


def _by_window(limits: Limits, windows: _Windows) -> dict[str, int]:
    return {windows[period]: pico(budget) for period, budget in limits.budgets.items()}
