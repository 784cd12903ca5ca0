"""`sekisho usage`: requests, tokens and USD, by whatever you ask for; and canned reports."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol, cast

import click
from click.core import ParameterSource

from . import engines, output, usage_reports, when
from .keys.store import KeyPlaces

if TYPE_CHECKING:
    from ..lake.asking.query import By, UsageRow
    from ..lake.asking.span import Span

_GROUPINGS = ("user", "model", "key", "team", "day", "app", "status")
_NUMBERS = {
    "requests": "requests",
    "errors": "errors",
    "input_tokens": "input",
    "output_tokens": "output",
    "cache_read_tokens": "cache read",
    "cache_write_tokens": "cache write",
    "cost_usd": "USD",
    "unpriced": "unpriced",
}
_BACK = timedelta(days=7)


class Places(engines.LakePlaces, KeyPlaces, Protocol):
    """The part of `Settings` that this command uses."""


@click.command("usage")
@click.option(
    "--by",
    default="user,model",
    show_default=True,
    metavar="LIST",
    help=f"Any of {', '.join(_GROUPINGS)}, with commas between.",
)
@click.option(
    "--report",
    metavar="NAME",
    help="A canned report instead of --by; --list-reports tells which there are.",
)
@click.option("--list-reports", is_flag=True, help="List the canned reports.")
@click.option(
    "--since",
    metavar="WHEN",
    help="24h or 7d ago, or 2027-03-01, or a UTC time. Default: 7d, or for --report "
    f"{usage_reports.BUDGETS} the beginning of the month. With --engine athena it must be said.",
)
@click.option(
    "--until",
    metavar="WHEN",
    help="The same; a date includes its whole day (UTC). Default: now.",
)
@click.option(
    "--format",
    "shape",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="For people, for spreadsheets, for programs.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--engine",
    type=click.Choice(["duckdb", "athena"]),
    default="duckdb",
    show_default=True,
    help="DuckDB on this machine sees what is still in the spool too; Amazon Athena sees the lake.",
)
@click.option("--sql", "only_sql", is_flag=True, help="Print the SQL instead of running it.")
@click.pass_context
def usage(
    ctx: click.Context,
    by: str,
    report: str | None,
    list_reports: bool,
    since: str | None,
    until: str | None,
    shape: str,
    as_json: bool,
    engine: engines.EngineName,
    only_sql: bool,
) -> None:
    """Show who used what and what it cost.

    Requests without a price are in the column unpriced, never in USD as 0. Input tokens include
    cached ones. Errors don't include what the client itself cancelled.
    """
    places: Places = ctx.obj
    if list_reports:
        return usage_reports.titles()
    if report and ctx.get_parameter_source("by") is not ParameterSource.DEFAULT:
        raise output.Misuse("--by and --report don't go together; leave one of them out")
    if engine == "athena" and since is None:
        raise output.Misuse(
            "--engine athena bills what it reads: say how far back it shall, as --since 7d"
        )
    shape = "json" if as_json else shape
    span = _span(places, report, since, until)
    if report:
        _report(places, report, engine, span, shape, only_sql)
    else:
        _usage(places, _groups(by), engine, span, shape, only_sql)
    return None


def _span(places: Places, report: str | None, since: str | None, until: str | None) -> "Span":
    from ..lake.asking.span import Span

    now = datetime.now(UTC)
    if since is not None:
        start = when.earlier("--since", since, now)
    elif report == usage_reports.BUDGETS:
        start = usage_reports.month_start(places, now)
    else:
        start = now - _BACK
    end = when.end_of("--until", until, now) if until is not None else None
    if end is not None and end <= start:
        raise output.Misuse(
            f"--until {until} is not after --since {since or output.moment(start)}; swap them"
        )
    return Span(start, end)


def _report(
    places: Places, name: str, engine: engines.EngineName, span: "Span", shape: str, only_sql: bool
) -> None:
    from ..lake.asking import reports

    try:
        report = reports.get(name)
    except LookupError as error:
        raise output.Misuse(f"--report {name}: {error.args[0]}") from None
    if only_sql:
        return click.echo(span.fill(report.sql).rstrip())
    with output.one_line():
        result = reports.run(report, engines.engine(places, engine), span)
    if name == usage_reports.BUDGETS:
        result = usage_reports.with_budgets(result, places)
    return usage_reports.show(result, shape)


def _usage(
    places: Places,
    groups: "tuple[By, ...]",
    engine: engines.EngineName,
    span: "Span",
    shape: str,
    only_sql: bool,
) -> None:
    from ..lake.asking import query

    if only_sql:
        return click.echo(query.usage_sql(groups, span))
    with output.one_line():
        rows = query.usage(
            places.lake,
            places.spool,
            groups,
            span.since,
            span.until,
            engine=engines.engine(places, engine),
        )
    if shape == "json":
        output.print_json([_object(groups, row) for row in rows])
    elif shape == "csv":
        output.print_csv([*groups, *_NUMBERS], [[*row.group, *_values(row)] for row in rows])
    elif rows:
        _table(groups, rows)
    else:
        click.echo(f"No requests since {output.moment(span.since)} UTC.")
    return None


def _groups(text: str) -> "tuple[By, ...]":
    groups = tuple(dict.fromkeys(part.strip().lower() for part in text.split(",") if part.strip()))
    for group in groups:
        if group not in _GROUPINGS:
            raise output.Misuse(f"--by {group}: {_hint(group)}")
    return cast("tuple[By, ...]", groups)


def _hint(group: str) -> str:
    import difflib

    near = difflib.get_close_matches(group, _GROUPINGS, n=1)
    return f"did you mean {near[0]}?" if near else f"choose from {', '.join(_GROUPINGS)}"


def _values(row: "UsageRow") -> list[Any]:
    # The sum as text: neither CSV nor JSON readers may make a float of it.
    cost = None if row.cost_usd is None else output.money(row.cost_usd).replace(",", "")
    return [cost if name == "cost_usd" else getattr(row, name) for name in _NUMBERS]


def _object(groups: "tuple[By, ...]", row: "UsageRow") -> dict[str, object]:
    return {
        **dict(zip(groups, row.group, strict=True)),
        **dict(zip(_NUMBERS, _values(row), strict=True)),
    }


def _table(groups: "tuple[By, ...]", rows: "list[UsageRow]") -> None:
    priced = [row.cost_usd for row in rows if row.cost_usd is not None]
    totals = [
        output.money(sum(priced, Decimal(0)) if priced else None)
        if name == "cost_usd"
        else f"{sum(getattr(row, name) for row in rows):,}"
        for name in _NUMBERS
    ]
    output.print_table(
        [*groups, *_NUMBERS.values()],
        [[*row.group, *_numbers(row)] for row in rows],
        numbers=tuple(_NUMBERS.values()),
        footer=["total", *[""] * (len(groups) - 1), *totals] if groups else (),
    )


def _numbers(row: "UsageRow") -> list[str]:
    return [
        output.money(row.cost_usd) if name == "cost_usd" else f"{getattr(row, name):,}"
        for name in _NUMBERS
    ]
