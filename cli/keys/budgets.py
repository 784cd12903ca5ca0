"""`sekisho keys budgets`: every budget that is being used, the fullest first."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from ...keys.limits import PERIODS, Period
from .. import output
from . import views
from .store import KeyPlaces, as_json_option, opened

if TYPE_CHECKING:
    from ...keys.budgets.fullest import Budget

_TABLE_LINES = 100
_Ends = Mapping[Period, datetime | None]


@click.command("budgets")
@click.option("--all", "everything", is_flag=True, help=f"More than {_TABLE_LINES}, too.")
@as_json_option
@click.pass_obj
def budgets(places: KeyPlaces, everything: bool, as_json: bool) -> None:
    """List the budgets of keys, users, teams and the gateway that are being used, fullest first.

    A budget that nothing was spent of in its current day, month or ever is not listed.
    """
    now, zone = datetime.now(UTC), places.time_zone
    with opened(places) as store:
        from ...keys.budgets import windows
        from ...keys.budgets.fullest import fullest

        most = None if everything or as_json else _TABLE_LINES
        found, total = fullest(store.database, places.policy, now, zone, most)
        ends: _Ends = {period: windows.ends(period, now, zone) for period in PERIODS}
    if as_json:
        output.print_json_list(_object(b, ends) | {"time_zone": str(zone)} for b in found)
        return
    if not found:
        click.echo("No budget has been used yet.")
        return
    columns = ("scope", "name", "period", "spent (USD)", "reserved", "budget", "used")
    rows = [_cells(budget, ends, places) for budget in found]
    output.print_table((*columns, f"resets ({zone})"), rows, numbers=columns[3:])
    if len(found) < total:
        click.echo(f"{total - len(found):,} more; see them with --all.", err=True)


def _object(budget: "Budget", ends: _Ends) -> dict[str, object]:
    return {
        "scope": budget.kind,
        "name": budget.name,
        "id": budget.id,
        "period": budget.period,
        "spent": views.number(budget.spent),
        "reserved": views.number(budget.reserved),
        "limit": views.number(budget.limit),
        "used_percent": budget.used_percent,
        "resets_at": ends[budget.period],
    }


def _cells(budget: "Budget", ends: _Ends, places: KeyPlaces) -> tuple[str, ...]:
    return (
        budget.kind.replace("_", " "),
        budget.name or "-",
        budget.period,
        output.rough_money(budget.spent),
        output.rough_money(budget.reserved),
        output.money(budget.limit),
        f"{budget.used_percent} %",
        views.local(ends[budget.period], places.time_zone),
    )
