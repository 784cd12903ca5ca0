"""`sekisho keys list` and `show`, for people."""

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime

import click

from ...keys.limits import PERIODS, Period
from ...keys.row import Change, KeyRow
from .. import output
from . import views
from .spend import Spend
from .store import KeyPlaces

_COLUMNS = (
    *("alias", "id", "key", "kind", "owner", "team", "models", "state", "expires (UTC)"),
    *("spent (USD)", "budget (USD)", "limits", "last used (UTC)"),
)
_SOURCES = {"key": "this key", "team": "default of its team", "kind": "default of its kind"}


def print_list(
    rows: Sequence[KeyRow],
    spends: Sequence[Mapping[Period, Spend]],
    places: KeyPlaces,
    now: datetime,
) -> None:
    """A table with one line for each key.

    A terminal is narrow: there, columns in which no key has anything are left out.
    """
    cells = [_cells(row, spend, places, now) for row, spend in zip(rows, spends, strict=True)]
    kept = list(range(len(_COLUMNS)))
    if sys.stdout.isatty():
        kept = [i for i in kept if any(row[i] not in ("-", "all") for row in cells)]
    output.print_table([_COLUMNS[i] for i in kept], [[row[i] for i in kept] for row in cells])


def print_key(
    row: KeyRow,
    spend: Mapping[Period, Spend],
    older: Sequence[tuple[str, datetime]],
    places: KeyPlaces,
    now: datetime,
) -> None:
    """All about one key; `older` are its replaced secrets that still work, and until when."""
    output.print_table(["", ""], list(_fields(row, now).items()))
    found = views.effective(places.policy, row.identity)
    if found:
        click.echo()
        lines = [
            (*views.limit_words(name, value), _SOURCES[of]) for name, (value, of) in found.items()
        ]
        output.print_table(["limit", "value", "from"], lines, numbers=("value",))
    click.echo()
    zone = f"resets ({places.time_zone})"
    columns = ["period", "window", "spent (USD)", "reserved", "budget", zone]
    output.print_table(
        columns, [_spend(p, spend[p], places) for p in PERIODS], numbers=columns[2:5]
    )
    if older:
        click.echo()
        ends = [(prefix, views.utc(ends_at)) for prefix, ends_at in older]
        output.print_table(["older key", "works until"], ends)


def print_history(changes: Sequence[Change]) -> None:
    """Every change of one key, oldest first."""
    click.echo()
    rows = [(output.moment(c.at), c.who, c.action, views.detail_text(c)) for c in changes]
    output.print_table(["at (UTC)", "who", "action", "detail"], rows)


def _cells(
    row: KeyRow, spend: Mapping[Period, Spend], places: KeyPlaces, now: datetime
) -> tuple[str, ...]:
    identity = row.identity
    limits = places.policy.of_key(identity)
    period = views.shortest(limits)
    return (
        identity.alias,
        identity.key_id,
        row.prefix,
        identity.kind,
        identity.owner or "-",
        identity.team or "-",
        ",".join(identity.models) or "all",
        row.state(now),
        output.moment(identity.expires_at),
        views.spent_text(spend[period].spent, limits.budgets.get(period), period),
        views.budgets_text(limits),
        views.counts_text(limits),
        output.moment(row.last_used_at),
    )


def _fields(row: KeyRow, now: datetime) -> dict[str, str]:
    identity = row.identity
    return {
        "alias": identity.alias,
        "id": identity.key_id,
        "prefix": row.prefix,
        "kind": identity.kind,
        "owner": identity.owner or "-",
        "team": identity.team or "-",
        "models": ",".join(identity.models) or "all",
        "state": row.state(now),
        "expires": views.utc(identity.expires_at, "never"),
        "networks": ",".join(map(str, identity.networks)) or "any",
        "tags": ",".join(identity.tags) or "-",
        "mcp servers": ",".join(identity.mcp) or "-",
        "created": f"{views.utc(row.created_at)} by {row.created_by}",
        "blocked": views.utc(row.blocked_at),
        "revoked": views.utc(row.revoked_at),
        "last used": views.utc(row.last_used_at),
    }


def _spend(period: Period, spend: Spend, places: KeyPlaces) -> tuple[str, ...]:
    return (
        period,
        spend.window,
        output.rough_money(spend.spent),
        output.rough_money(spend.reserved),
        output.money(spend.limit),
        views.local(spend.resets_at, places.time_zone),
    )
