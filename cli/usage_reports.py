"""Canned reports on the screen: any columns, as table, CSV or JSON, every figure exact."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import click

from . import output

if TYPE_CHECKING:
    from ..keys.identity import Identity
    from ..keys.policy import Policy
    from ..lake.asking.athena import Result, Value
    from .keys.store import KeyPlaces

Shape = str
BUDGETS = "month-to-date"
_BUDGET_COLUMNS = ("budget_usd", "left_usd", "used_percent")


def titles() -> None:
    """List the reports."""
    from ..lake.asking import reports

    output.print_table(
        ["report", "shows"], [(report.name, report.title) for report in reports.every()]
    )


def show(result: "Result", shape: Shape) -> None:
    """Print a result; an empty one is a sentence for people."""
    if shape == "json":
        rows = [dict(zip(result.columns, map(_plain, row), strict=True)) for row in result.rows]
        output.print_json(rows)
    elif shape == "csv":
        output.print_csv(result.columns, [tuple(map(_plain, row)) for row in result.rows])
    elif result.rows:
        _table(result)
    else:
        click.echo("Nothing to report.")


def with_budgets(result: "Result", places: "KeyPlaces") -> "Result":
    """The report `month-to-date` with each line's monthly budget, what is left of it and used.

    Budgets are in the key store and the configuration, which SQL doesn't see.
    """
    from .keys.store import opened

    with opened(places) as store:
        known = {row.identity.key_id: row.identity for row in store.list()}
    scope, id_, spent = map(result.columns.index, ("scope", "id", "spent_usd"))
    rows = [
        (*row, *_used(row[spent], _budget(places.policy, known, str(row[scope]), str(row[id_]))))
        for row in result.rows
    ]
    return replace(result, columns=(*result.columns, *_BUDGET_COLUMNS), rows=rows)


def _budget(
    policy: "Policy", known: "dict[str, Identity]", scope: str, name: str
) -> Decimal | None:
    from ..keys.limits import NO_LIMITS

    if scope == "key":
        limits = policy.of_key(known[name]) if name in known else NO_LIMITS
    elif scope == "end_user":
        limits = policy.each_end_user
    elif scope == "team":
        limits = policy.teams.get(name, NO_LIMITS).over(policy.each_team)
    else:
        limits = policy.gateway
    return limits.budget_month


def _used(spent: "Value", budget: Decimal | None) -> "tuple[Value, ...]":
    if budget is None or not isinstance(spent, Decimal):
        return None, None, None
    return budget, budget - spent, (100 * spent / budget).quantize(Decimal("0.1"))


def month_start(places: "KeyPlaces", now: datetime) -> datetime:
    """When the month of `now` began where the budgets are (UTC)."""
    local = now.astimezone(places.time_zone)
    first = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)
    return first.astimezone(UTC)


def _table(result: "Result") -> None:
    numbers = [
        column
        for number, column in enumerate(result.columns)
        if any(_is_number(row[number]) for row in result.rows)
    ]
    shown: list[Sequence[str]] = [tuple(map(_cell, row)) for row in result.rows]
    output.print_table(result.columns, shown, numbers=numbers)


def _is_number(value: "Value") -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _cell(value: "Value") -> str:
    if isinstance(value, Decimal):
        return output.money(value)
    if isinstance(value, datetime):
        return output.moment(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "-" if value is None else str(value)


def _plain(value: "Value") -> object:
    # The sum as text: neither CSV nor JSON readers may make a float of it.
    if isinstance(value, Decimal):
        return output.money(value).replace(",", "")
    return output.plain(value) if isinstance(value, datetime) else value
