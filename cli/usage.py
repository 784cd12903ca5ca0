"""`sekisho usage`: requests, tokens and USD, by whatever you ask for."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import click

from . import output, when

if TYPE_CHECKING:
    from ..lake.query import By, UsageRow

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


@click.command("usage")
@click.option(
    "--by",
    default="user,model",
    show_default=True,
    metavar="LIST",
    help=f"Any of {', '.join(_GROUPINGS)}, with commas between.",
)
@click.option(
    "--since",
    default="7d",
    show_default=True,
    metavar="WHEN",
    help="24h or 7d ago, or 2027-03-01, or a UTC time.",
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
@click.pass_obj
def usage(
    places: output.Places, by: str, since: str, until: str | None, shape: str, as_json: bool
) -> None:
    """Show who used what and what it cost.

    Requests without a price are in the column unpriced, never in USD as 0. Input tokens include
    cached ones. Errors don't include what the client itself cancelled.
    """
    now = datetime.now(UTC)
    groups = _groups(by)
    start = when.earlier("--since", since, now)
    end = when.end_of("--until", until, now) if until is not None else None
    if end is not None and end <= start:
        raise output.Misuse(f"--until {until} is not after --since {since}; swap them")
    from ..lake import query

    with output.one_line():
        rows = query.usage(places.lake, places.spool, groups, start, end)
    if as_json or shape == "json":
        output.print_json([_object(groups, row) for row in rows])
    elif shape == "csv":
        output.print_csv([*groups, *_NUMBERS], [[*row.group, *_values(row)] for row in rows])
    elif rows:
        _table(groups, rows)
    else:
        click.echo(f"No requests since {output.moment(start)} UTC.")


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
