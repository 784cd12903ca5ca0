"""`sekisho keys`: issue, look at, change, rotate, block and revoke keys."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Unpack

import click

from ...keys.identity import KeyKind
from ...keys.limits import Limits
from ...keys.row import Issued, KeyRow
from .. import output, when
from . import views
from .budgets import budgets
from .exporting import export
from .fields import Typed, field_options, given, given_limits
from .importing import import_keys
from .lists import list_keys, show
from .store import KeyPlaces, as_json_option, by_option, opened, who


@click.group("keys")
def keys() -> None:
    """Issue, look at, change, rotate, block and revoke keys.

    NAME is an alias, an id (key_...), the public part of a key (sk-sekisho-XXXXXXXX), or a key.
    """


@keys.command("issue")
@click.option("--alias", required=True, help="Name of the key, unique among those not revoked.")
@field_options
@by_option
@as_json_option
@click.pass_obj
def issue(
    places: KeyPlaces, alias: str, by: str | None, as_json: bool, **typed: Unpack[Typed]
) -> None:
    """Issue a key and print it, this once: only its hash is kept."""
    now, name = datetime.now(UTC), who(by)
    fields, limits = given(typed, now), Limits(**given_limits(typed))
    kind: KeyKind = fields.pop("kind", "person" if fields.get("owner") else "service")
    with opened(places) as store:
        issued = store.issue(alias=alias, kind=kind, limits=limits, by=name, now=now, **fields)
    identity = issued.row.identity
    _hand_out(
        issued,
        f"Issued {identity.alias} ({identity.key_id}, {identity.kind}), expires "
        f"{output.moment(identity.expires_at) if identity.expires_at else 'never'}. This is the "
        "only time the key is shown:",
        now,
        as_json,
    )


@keys.command("update")
@click.argument("name")
@click.option("--alias", help="Another name.")
@field_options
@by_option
@as_json_option
@click.pass_obj
def update(
    places: KeyPlaces,
    name: str,
    alias: str | None,
    by: str | None,
    as_json: bool,
    **typed: Unpack[Typed],
) -> None:
    """Change a key; what isn't named stays. Works within 1 s, and the key stays the same."""
    now, person = datetime.now(UTC), who(by)
    fields, limits = given(typed, now), given_limits(typed)
    if alias is not None:
        fields["alias"] = alias
    if not fields and not limits:
        raise output.Misuse("nothing to change; name what, as in: --budget 50/month --rpm 60")
    with opened(places) as store:
        before = store.get(name)
        if limits:
            fields["limits"] = replace(before.identity.limits, **limits)
        after = store.update(before.identity.key_id, fields, by=person, now=now)
    changed = views.changes(before, after)
    if as_json:
        old, new = views.key_object(before, now), views.key_object(after, now)
        differ = {field: [old[field], new[field]] for field in new if old[field] != new[field]}
        output.print_json({**new, "changed": differ})
        return
    title = f"{after.identity.alias} ({after.identity.key_id})"
    if not changed:
        click.echo(f"{title} is like that already.")
        return
    click.echo(f"{title} is changed:")
    output.print_table(["", "", "", ""], [(field, old, "->", new) for field, old, new in changed])


@keys.command("rotate")
@click.argument("name")
@click.option(
    "--grace",
    default="0",
    metavar="TIME",
    help="How long the old key still works, as 24h or 7d; default: not at all.",
)
@by_option
@as_json_option
@click.pass_obj
def rotate(places: KeyPlaces, name: str, grace: str, by: str | None, as_json: bool) -> None:
    """Give a key a new secret and print it, this once; all else stays."""
    now, person = datetime.now(UTC), who(by)
    left = when.duration("--grace", grace)
    with opened(places) as store:
        issued = store.rotate(name, grace=left, by=person, now=now)
    identity = issued.row.identity
    until = f"works until {views.utc(now + left)}" if left else "works no more"
    _hand_out(
        issued,
        f"Rotated {identity.alias} ({identity.key_id}). The old key {until}. This is the only "
        "time the new one is shown:",
        now,
        as_json,
    )


@keys.command("block")
@click.argument("name")
@by_option
@as_json_option
@click.pass_obj
def block(places: KeyPlaces, name: str, by: str | None, as_json: bool) -> None:
    """Refuse a key until it is unblocked; works within 1 s."""
    with opened(places) as store:
        _report(store.block(name, by=who(by), now=datetime.now(UTC)), "blocked", as_json)


@keys.command("unblock")
@click.argument("name")
@by_option
@as_json_option
@click.pass_obj
def unblock(places: KeyPlaces, name: str, by: str | None, as_json: bool) -> None:
    """Let a blocked key in again."""
    with opened(places) as store:
        _report(store.unblock(name, by=who(by), now=datetime.now(UTC)), "unblocked", as_json)


@keys.command("revoke")
@click.argument("name")
@by_option
@as_json_option
@click.pass_obj
def revoke(places: KeyPlaces, name: str, by: str | None, as_json: bool) -> None:
    """Refuse a key for ever; works within 1 s. Its alias is free again."""
    with opened(places) as store:
        _report(store.revoke(name, by=who(by), now=datetime.now(UTC)), "revoked", as_json)


for _command in (list_keys, show, budgets, import_keys, export):
    keys.add_command(_command)


@keys.command("migrate")
@as_json_option
@click.pass_obj
def migrate(places: KeyPlaces, as_json: bool) -> None:
    """Bring the key store of an older Sekisho up to date; make a backup first."""
    from ...keys.migrations import HEAD

    with opened(places, migrate=True) as store:
        before = store.database.migrated_from or HEAD
    if as_json:
        output.print_json({"from": before, "to": HEAD, "migrated": before != HEAD})
    elif before == HEAD:
        click.echo(f"The key store is up to date (version {HEAD}).")
    else:
        click.echo(f"The key store was brought from version {before} to {HEAD}.")


def _hand_out(issued: Issued, words: str, now: datetime, as_json: bool) -> None:
    if as_json:
        output.print_json({"key": issued.key, **views.key_object(issued.row, now)})
        return
    # Only the key goes to stdout, so that KEY=$(sekisho keys issue ...) works.
    click.echo(words, err=True)
    click.echo(issued.key)


def _report(row: KeyRow, verb: str, as_json: bool) -> None:
    if as_json:
        output.print_json(views.key_object(row, datetime.now(UTC)))
    else:
        click.echo(f"{row.identity.alias} ({row.identity.key_id}) is {verb}.")
