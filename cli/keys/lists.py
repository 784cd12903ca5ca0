"""`sekisho keys list` and `show`: which keys there are, and all about one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, get_args

import click

from ...keys.identity import KINDS, KeyKind
from ...keys.limits import Period
from ...keys.row import Change, KeyRow, State
from .. import output
from . import spend as key_spend
from . import tables as key_tables
from . import views
from .spend import Spend
from .store import KeyPlaces, as_json_option, opened

if TYPE_CHECKING:
    from ...keys.find import Filters
    from ...keys.store import Store

_TABLE_LINES = 100


@click.command("list")
@click.option("--find", "text", metavar="TEXT", help="Part of an alias, an owner or a prefix.")
@click.option("--kind", type=click.Choice(KINDS), help="Only of this kind.")
@click.option("--team", help="Only of this team.")
@click.option("--owner", metavar="EMAIL", help="Only of this owner.")
@click.option("--state", type=click.Choice(get_args(State)), help="Only those that are this now.")
@click.option(
    "--limit",
    type=click.IntRange(1),
    help=f"At most so many; default: {_TABLE_LINES} in a table, all of them in JSON.",
)
@click.option("--all", "everything", is_flag=True, help="However many, and revoked ones, too.")
@as_json_option
@click.pass_obj
def list_keys(
    places: KeyPlaces,
    text: str | None,
    kind: KeyKind | None,
    team: str | None,
    owner: str | None,
    state: State | None,
    limit: int | None,
    everything: bool,
    as_json: bool,
) -> None:
    """List keys by alias, with what they have spent; revoked ones with --all or --state revoked."""
    now = datetime.now(UTC)
    filters: Filters = {"text": text, "kind": kind, "team": team, "owner": owner}
    narrowed = state is not None or any(value is not None for value in filters.values())
    filters |= {"state": state, "now": now}
    if state is None and not everything:
        filters["revoked"] = False
    if limit is None and not (as_json or everything):
        limit = _TABLE_LINES
    with opened(places) as store:
        found = _found(store, limit, filters, count=not as_json)
        rows = found.rows
        spends = key_spend.of_keys(store, rows, places, now)
    if as_json:
        output.print_json_list(_objects(rows, spends, places, now))
        return
    if rows:
        key_tables.print_list(rows, spends, places, now)
    elif narrowed or found.hidden:
        click.echo("No such key.")
    else:
        click.echo("No keys yet. Issue one with: sekisho keys issue --alias NAME")
    _tell_more(found)


@click.command("show")
@click.argument("name")
@click.option("--history", "with_history", is_flag=True, help="Every change: who, when, what.")
@as_json_option
@click.pass_obj
def show(places: KeyPlaces, name: str, with_history: bool, as_json: bool) -> None:
    """Show one key: its fields, the limits that count for it, and what it has spent."""
    now = datetime.now(UTC)
    with opened(places) as store:
        row = store.get(name)
        (spend,) = key_spend.of_keys(store, [row], places, now)
        older = store.older_secrets(row.identity.key_id, now)
        changes = store.history(row.identity.key_id) if with_history else ()
    if not as_json:
        key_tables.print_key(row, spend, older, places, now)
        if with_history:
            key_tables.print_history(changes)
        return
    effective = views.effective(places.policy, row.identity)
    shown = views.key_object(row, now) | {
        "effective_limits": {
            limit: {"value": views.number(value), "from": source}
            for limit, (value, source) in effective.items()
        },
        "spend": key_spend.spend_object(spend),
        "time_zone": str(places.time_zone),
        "older_keys": [{"prefix": prefix, "ends_at": ends_at} for prefix, ends_at in older],
    }
    if with_history:
        shown["history"] = [_change(change) for change in changes]
    output.print_json(shown)


@dataclass(frozen=True, slots=True)
class _Found:
    """The keys to show, how many more there are, and how many revoked ones are hidden."""

    rows: list[KeyRow]
    left: int = 0
    hidden: int = 0


def _found(store: "Store", limit: int | None, filters: "Filters", *, count: bool) -> _Found:
    """What is asked for; without revoked keys when no state is. Counting is for people."""
    rows = store.list(limit=limit, **filters)
    if not count:
        return _Found(rows)
    # Counting 100,000 takes a while: only when there may be more.
    left = store.count(**filters) - len(rows) if len(rows) == limit else 0
    hidden = 0
    if filters.get("revoked") is False:
        hidden = store.count(**(filters | {"revoked": True}))
    return _Found(rows, left, hidden)


def _tell_more(found: _Found) -> None:
    """What a table doesn't show, and how to see it."""
    notes: list[str] = []
    if found.left > 0:
        notes.append(
            f"{found.left:,} more after these {len(found.rows):,}; see them with --limit N or "
            "--all, or find one with --find TEXT."
        )
    if found.hidden:
        verb = "is" if found.hidden == 1 else "are"
        notes.append(f"{output.counted(found.hidden, 'revoked key')} {verb} not shown; see --all.")
    if notes:
        click.echo(" ".join(notes), err=True)


def _objects(
    rows: Sequence[KeyRow],
    spends: Sequence[Mapping[Period, Spend]],
    places: KeyPlaces,
    now: datetime,
) -> Iterator[dict[str, object]]:
    zone = str(places.time_zone)
    for row, spend in zip(rows, spends, strict=True):
        shown = key_spend.spend_object(spend)
        yield views.key_object(row, now) | {"spend": shown, "time_zone": zone}


def _change(change: Change) -> dict[str, object]:
    return {
        "at": change.at,
        "who": change.who,
        "action": change.action,
        "detail": change.detail,
    }
