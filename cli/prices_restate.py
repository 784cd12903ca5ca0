"""`sekisho prices restate`: costs of the past by the present prices."""

import difflib
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import click

from ..pricing import catalog
from ..settings import Settings
from . import output, progress, when
from .models_of import configuration

if TYPE_CHECKING:
    from ..lake.upkeep.restate import Restated, Wanted

_COLUMNS = ("day", "rows", "restated", "skipped", "before USD", "after USD", "difference USD")
_BUDGETS = "Budgets are not changed: what keys have spent stays as it was counted then."


@click.command("restate")
@click.option("--model", required=True, metavar="ALIAS", help="The alias whose price was wrong.")
@click.option("--since", required=True, metavar="TIME", help="From when on: 30d or 2027-03-01.")
@click.option("--until", metavar="TIME", help="Until when; a date is included.")
@click.option("--reason", metavar="TEXT", help="Kept in the rows.")
@click.option(
    "--tier",
    metavar="NAME",
    help="Service tier of rows that don't tell theirs: standard, priority or flex.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.pass_context
def restate(
    ctx: click.Context,
    model: str,
    since: str,
    until: str | None,
    reason: str | None,
    tier: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Compute the costs of a model's past requests anew, with the present prices.

    Run it where the gateway's configuration and environment are. Rows whose cost is right stay as
    they are, so doing it again changes nothing.
    """
    from ..lake.stores.store import open_store
    from ..lake.upkeep import restate as restating
    from ..lake.upkeep.reprice import Prices

    now = datetime.now(UTC)
    wanted = restating.Wanted(
        model,
        when.earlier("--since", since, now),
        None if until is None else when.end_of("--until", until, now),
    )
    places: Settings = ctx.obj
    prices = Prices(configuration(ctx).deployments, catalog.load(), _tier(tier))
    with output.one_line(), progress.bar("days", hidden=as_json) as told:
        # Counted first: a row that is shipped meanwhile is restated, and told of once too often.
        waiting = restating.waiting(places.spool, wanted, prices)
        found = restating.run(
            open_store(places.lake),
            places.home / "cache" / "work",
            now,
            wanted,
            prices,
            reason=reason,
            dry_run=dry_run,
            told=told,
        )
    if not found and not waiting and model not in prices.aliases():
        near = difflib.get_close_matches(model, prices.aliases(), n=1)
        hint = f"did you mean {near[0]}?" if near else "'sekisho models list' lists aliases"
        raise output.Problem(f"there are no rows of {model} since then, and no such model: {hint}")
    if as_json:
        output.print_json(_plain(wanted, found, waiting, dry_run))
    else:
        _print(wanted, found, waiting, dry_run)


def _tier(name: str | None) -> str | None:
    known = ("standard", *catalog.TIERS)
    if name is not None and name not in known:
        raise output.Misuse(f"--tier {name!r}: write one of {', '.join(known)}")
    return name


def _print(wanted: "Wanted", found: "list[Restated]", waiting: int, dry_run: bool) -> None:
    total = _total(found)
    if not found:
        click.echo(f"There are no rows of {wanted.model} in the lake in this time.")
    else:
        output.print_table(
            _COLUMNS,
            [_cells(one) for one in found],
            numbers=_COLUMNS[1:],
            footer=_cells(total),
        )
        click.echo()
        did = "would be" if dry_run else "were"
        click.echo(
            f"{output.counted(total.restated, 'row')} {did} restated, of which "
            f"{total.newly_priced:,} had no cost before."
        )
    for reason, count in sorted(total.skipped.items()):
        click.echo(f"{output.counted(count, 'row')} left as it is: {reason}.")
    if total.prices:
        known = catalog.load()
        for price_id in sorted(total.prices):
            price = known.price(price_id)
            source = f" ({price.date}, {price.source})" if price else ""
            click.echo(f"Priced by {price_id}{source}.")
    if waiting:
        click.echo(
            f"{output.counted(waiting, 'row')} of this machine's spool are not in the lake yet and "
            "keep their cost: 'sekisho logs flush' brings them there, then do this again."
        )
    click.echo(_BUDGETS)


def _cells(one: "Restated") -> tuple[str, ...]:
    return (
        one.day,
        f"{one.rows:,}",
        f"{one.restated:,}",
        f"{sum(one.skipped.values()):,}",
        output.money(one.before),
        output.money(one.after),
        output.money(one.after - one.before),
    )


def _total(found: "list[Restated]") -> "Restated":
    from ..lake.upkeep.restate import Restated

    skipped: Counter[str] = Counter()
    for one in found:
        skipped.update(one.skipped)
    return Restated(
        "total",
        sum(one.rows for one in found),
        sum(one.restated for one in found),
        sum(one.newly_priced for one in found),
        sum((one.before for one in found), Decimal(0)),
        sum((one.after for one in found), Decimal(0)),
        dict(skipped),
        frozenset().union(*(one.prices for one in found)),
    )


def _plain(
    wanted: "Wanted", found: "list[Restated]", waiting: int, dry_run: bool
) -> dict[str, object]:
    total = {**asdict(_total(found)), "prices": sorted(_total(found).prices)}
    del total["day"]
    return {
        "model": wanted.model,
        "since": wanted.since,
        "until": wanted.until,
        "dry_run": dry_run,
        "days": [{**asdict(one), "prices": sorted(one.prices)} for one in found],
        "total": total,
        "waiting_in_spool": waiting,
        "budgets": "not changed",
    }
