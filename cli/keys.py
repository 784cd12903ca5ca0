"""`sekisho keys`: issue, list, show, block, unblock, revoke."""

import getpass
import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from ..keys.identity import KINDS, KeyKind
from ..keys.row import Change, KeyRow
from . import output, when

if TYPE_CHECKING:
    from ..keys.store import Store

_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
_by = click.option(
    "--by",
    default=None,
    metavar="WHO",
    help="Who does this, for the audit trail; default: the user of this machine.",
)


@click.group("keys")
def keys() -> None:
    """Issue, look at, block and revoke keys.

    NAME is an alias, an id (key_...), the public part of a key (sk-sekisho-XXXXXXXX), or a key.
    """


@keys.command("issue")
@click.option("--alias", required=True, help="Name of the key, unique among those not revoked.")
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    help="Who holds it; default: person with --owner, else service.",
)
@click.option("--owner", metavar="EMAIL", help="Whose it is; a person's key must have one.")
@click.option("--team", help="Team that answers for the cost.")
@click.option(
    "--models",
    metavar="PATTERNS",
    help="Models it may use, as 'claude-*,gpt-5'; default: all.",
)
@click.option(
    "--expires",
    metavar="WHEN",
    help="90d from now, or 2027-03-31 (from 00:00 UTC of that day it is refused).",
)
@_by
@_as_json
@click.pass_obj
def issue(
    places: output.Places,
    alias: str,
    kind: KeyKind | None,
    owner: str | None,
    team: str | None,
    models: str | None,
    expires: str | None,
    by: str | None,
    as_json: bool,
) -> None:
    """Issue a key and print it, this once: only its hash is kept."""
    now = datetime.now(UTC)
    patterns = [part for part in (models or "").replace(" ", "").split(",") if part]
    if models is not None and not patterns:
        raise output.Misuse("--models is empty; leave it out to allow every model")
    expires_at = when.later("--expires", expires, now) if expires is not None else None
    with _store(places) as store:
        issued = store.issue(
            alias=alias,
            kind=kind or ("person" if owner else "service"),
            by=_who(by),
            now=now,
            owner=owner,
            team=team,
            models=patterns,
            expires_at=expires_at,
        )
    if as_json:
        output.print_json({"key": issued.key, **_shown(issued.row, now)})
        return
    # Only the key goes to stdout, so that KEY=$(sekisho keys issue ...) works.
    identity = issued.row.identity
    click.echo(
        f"Issued {identity.alias} ({identity.key_id}, {identity.kind}), expires "
        f"{output.moment(identity.expires_at) if expires_at else 'never'}. This is the only time "
        "the key is shown:",
        err=True,
    )
    click.echo(issued.key)


@keys.command("list")
@_as_json
@click.pass_obj
def list_keys(places: output.Places, as_json: bool) -> None:
    """List every key, revoked ones too."""
    now = datetime.now(UTC)
    with _store(places) as store:
        rows = store.list()
    if as_json:
        output.print_json([_shown(row, now) for row in rows])
    elif rows:
        columns = ["alias", "id", "key", "kind", "owner", "team", "models", "state", "expires"]
        output.print_table([*columns, "last used"], [_cells(row, now) for row in rows])
    else:
        click.echo("No keys yet. Issue one with: sekisho keys issue --alias NAME")


@keys.command("show")
@click.argument("name")
@click.option("--history", is_flag=True, help="Show every change: who, when, what.")
@_as_json
@click.pass_obj
def show(places: output.Places, name: str, history: bool, as_json: bool) -> None:
    """Show one key."""
    now = datetime.now(UTC)
    with _store(places) as store:
        shown = _shown(store.get(name), now)
        changes: Sequence[Change] = store.history(name) if history else ()
    if as_json:
        if history:
            shown["history"] = [
                {"at": c.at, "who": c.who, "action": c.action, "detail": c.detail} for c in changes
            ]
        output.print_json(shown)
        return
    output.print_table(["", ""], [(field, _cell(value)) for field, value in shown.items()])
    if history:
        rows = [(output.moment(c.at), c.who, c.action, _details(c.detail)) for c in changes]
        output.print_table(["at", "who", "action", "detail"], rows)


@keys.command("block")
@click.argument("name")
@_by
@_as_json
@click.pass_obj
def block(places: output.Places, name: str, by: str | None, as_json: bool) -> None:
    """Refuse a key until it is unblocked; works within 1 s."""
    with _store(places) as store:
        _report(store.block(name, by=_who(by), now=datetime.now(UTC)), "blocked", as_json)


@keys.command("unblock")
@click.argument("name")
@_by
@_as_json
@click.pass_obj
def unblock(places: output.Places, name: str, by: str | None, as_json: bool) -> None:
    """Let a blocked key in again."""
    with _store(places) as store:
        _report(store.unblock(name, by=_who(by), now=datetime.now(UTC)), "unblocked", as_json)


@keys.command("revoke")
@click.argument("name")
@_by
@_as_json
@click.pass_obj
def revoke(places: output.Places, name: str, by: str | None, as_json: bool) -> None:
    """Refuse a key for ever; works within 1 s. Its alias is free again."""
    with _store(places) as store:
        _report(store.revoke(name, by=_who(by), now=datetime.now(UTC)), "revoked", as_json)


@contextmanager
def _store(places: output.Places) -> Generator["Store"]:
    from ..keys.store import Store  # SQLAlchemy takes a quarter of a second: --help needn't wait

    with output.one_line(), Store(places.database_url) as store:
        yield store


def _who(by: str | None) -> str:
    if by is not None:
        if not by.strip() or len(by) > 128 or not by.isprintable():
            raise output.Misuse("--by must be 1 to 128 printable characters")
        return by.strip()
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        return f"uid {os.getuid()}"


def _report(row: KeyRow, verb: str, as_json: bool) -> None:
    if as_json:
        output.print_json(_shown(row, datetime.now(UTC)))
    else:
        click.echo(f"{row.identity.alias} ({row.identity.key_id}) is {verb}.")


def _shown(row: KeyRow, now: datetime) -> dict[str, object]:
    identity = row.identity
    return {
        "id": identity.key_id,
        "alias": identity.alias,
        "prefix": row.prefix,
        "kind": identity.kind,
        "owner": identity.owner,
        "team": identity.team,
        "models": list(identity.models),
        "state": row.state(now),
        "expires_at": identity.expires_at,
        "created_at": row.created_at,
        "created_by": row.created_by,
        "blocked_at": row.blocked_at,
        "revoked_at": row.revoked_at,
        "last_used_at": row.last_used_at,
    }


def _cells(row: KeyRow, now: datetime) -> tuple[str, ...]:
    identity = row.identity
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
        output.moment(row.last_used_at),
    )


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return output.moment(value)
    if isinstance(value, list):
        return ",".join(map(str, value)) or "all"  # pyright: ignore[reportUnknownArgumentType]
    return "-" if value is None else str(value)


def _details(detail: dict[str, object]) -> str:
    return ", ".join(f"{key}={_cell(value)}" for key, value in detail.items() if value)
