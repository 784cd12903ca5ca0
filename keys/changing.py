"""Changes of keys, each in a transaction that the caller ends: rows, trail and generation."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, insert, or_, select, update

from . import fields, find, key_rows, secret
from .row import Issued, KeyRefusedError, KeyRow, NewKey
from .tables import audit, key_secrets, keys, meta

_AT_ONCE = 500  # names in one question: SQLite takes at most 32766 values


def issue(
    connection: Connection,
    entries: Sequence[NewKey],
    action: Literal["issue", "import"],
    by: str,
    now: datetime,
) -> list[Issued]:
    """Make a key for each entry. Raises KeyRefusedError naming the entry that is wrong."""
    generation = _next_generation(connection)
    checked: list[NewKey] = []
    for entry in map(fields.checked, entries):
        with fields.at(entry.where):
            fields.check_expiry(entry.expires_at, now)
        checked.append(entry)
    _refuse_taken(checked, _taken(connection, [entry.alias for entry in checked]))
    new = [_new(entry, generation, by, now) for entry in checked]
    if new:
        connection.execute(insert(keys), [row for _, row, _ in new])
        connection.execute(insert(key_secrets), [row for _, _, row in new])
        details = [
            (row["id"], row["alias"], key_rows.told(entry))
            for entry, (_, row, _) in zip(checked, new, strict=True)
        ]
        _note(connection, action, by, now, details)
    return [Issued(key, _row(row, of_secret)) for key, row, of_secret in new]


def change(
    connection: Connection, name: str, changes: Mapping[str, Any], by: str, now: datetime
) -> KeyRow:
    """Replace fields of a key, named as in `NewKey`."""
    generation = _next_generation(connection)
    found = find.one(connection, name)
    _refuse_revoked(found)
    old = key_rows.as_new(found)
    new = fields.checked(replace(old, **changes))
    if new.expires_at != old.expires_at:
        fields.check_expiry(new.expires_at, now)
    if new.alias != old.alias:
        _refuse_taken([new], _taken(connection, [new.alias]))
    before, after = key_rows.told(old), key_rows.told(new)
    detail: dict[str, object] = {
        field: f"{_shown(before[field])} -> {_shown(value)}"
        for field, value in after.items()
        if value != before[field]
    }
    if not detail:
        return found
    return _write(connection, found, key_rows.columns(new), generation, "update", by, now, detail)


def rotate(connection: Connection, name: str, grace: timedelta, by: str, now: datetime) -> Issued:
    """Give a key a new secret; those before it end after `grace`."""
    generation = _next_generation(connection)
    found = find.one(connection, name)
    _refuse_revoked(found)
    key_id, ends_at, of = found.identity.key_id, now + grace, key_secrets.c
    later = or_(of.ends_at.is_(None), of.ends_at > ends_at)  # one that ends sooner does so still
    ending = update(key_secrets).where(of.key_id == key_id, later)
    connection.execute(ending.values(ends_at=ends_at))
    key, new = _new_secret(key_id, now)
    connection.execute(insert(key_secrets).values(new))
    detail = {
        "replaced": found.prefix,
        "by": new["prefix"],
        "replaced_ends_at": ends_at.isoformat(),
    }
    values = {"prefix": new["prefix"]}
    return Issued(key, _write(connection, found, values, generation, "rotate", by, now, detail))


def mark(
    connection: Connection,
    name: str,
    action: Literal["block", "unblock", "revoke"],
    by: str,
    now: datetime,
) -> KeyRow:
    """Block, unblock or revoke a key; what it already is changes nothing."""
    generation = _next_generation(connection)
    found = find.one(connection, name)
    if action != "revoke":
        _refuse_revoked(found)
    column = "revoked_at" if action == "revoke" else "blocked_at"
    done = (getattr(found, column) is not None) == (action != "unblock")
    if done:
        return found
    return _write(
        connection,
        found,
        {column: None if action == "unblock" else now},
        generation,
        action,
        by,
        now,
        {},
    )


def _next_generation(connection: Connection) -> int:
    """First in every change: takes the lock that writers queue for, and tells the caches."""
    grown = update(meta).values(generation=meta.c.generation + 1)
    number: int = connection.execute(grown.returning(meta.c.generation)).scalar_one()
    return number


def _write(
    connection: Connection,
    found: KeyRow,
    values: Mapping[str, Any],
    generation: int,
    action: str,
    by: str,
    now: datetime,
    detail: Mapping[str, object],
) -> KeyRow:
    key_id = found.identity.key_id
    same = keys.c.id == key_id
    connection.execute(update(keys).where(same).values(**values, generation=generation))
    row = find.one(connection, key_id)
    _note(connection, action, by, now, [(key_id, row.identity.alias, detail)])
    return row


def _note(
    connection: Connection,
    action: str,
    by: str,
    now: datetime,
    details: Iterable[tuple[str, str, Mapping[str, object]]],
) -> None:
    same = {"at": now, "who": by, "action": action}
    connection.execute(
        insert(audit),
        [
            {**same, "key_id": key_id, "alias": alias, "detail": dict(detail)}
            for key_id, alias, detail in details
        ],
    )


def _new(
    entry: NewKey, generation: int, by: str, now: datetime
) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """A key, and its rows in two tables."""
    key_id = f"key_{secrets.token_hex(6)}"
    key, of_secret = _new_secret(key_id, now)
    row = {
        **key_rows.columns(entry),
        "id": key_id,
        "prefix": of_secret["prefix"],
        "created_at": now,
        "created_by": by,
        "generation": generation,
    }
    return key, row, of_secret


def _new_secret(key_id: str, now: datetime) -> tuple[str, dict[str, Any]]:
    key = secret.new_key()
    prefix = secret.public_part(key)
    row = {"hash": secret.hash_key(key), "key_id": key_id, "prefix": prefix, "made_at": now}
    return key, {**row, "ends_at": None}


def _row(row: dict[str, Any], of_secret: dict[str, Any]) -> KeyRow:
    later = {"blocked_at": None, "revoked_at": None, "last_used_at": None}
    return key_rows.row({**row, **of_secret, **later, "secret_prefix": of_secret["prefix"]})


def _taken(connection: Connection, aliases: Sequence[str]) -> set[str]:
    """Which of the aliases living keys have; nobody can take one before our transaction ends."""
    found: set[str] = set()
    for start in range(0, len(aliases), _AT_ONCE):
        some = keys.c.alias.in_(aliases[start : start + _AT_ONCE])
        found |= set(
            connection.execute(
                select(keys.c.alias).where(some, keys.c.revoked_at.is_(None))
            ).scalars()
        )
    return found


def _refuse_taken(entries: Sequence[NewKey], taken: set[str]) -> None:
    places: dict[str, str] = {}
    for entry in entries:
        with fields.at(entry.where):
            if entry.alias in taken:
                raise KeyRefusedError(
                    f"a key named {entry.alias} exists; choose another alias, or first: "
                    f"sekisho keys revoke {entry.alias}"
                )
            if entry.alias in places:
                raise KeyRefusedError(f"{places[entry.alias]} has the alias {entry.alias}, too")
            places[entry.alias] = entry.where or "another key"


def _refuse_revoked(row: KeyRow) -> None:
    if row.revoked_at is not None:
        raise KeyRefusedError(
            f"{row.identity.alias} ({row.identity.key_id}) was revoked and can't come back; "
            "issue a new one with: sekisho keys issue"
        )


def _shown(value: object) -> str:
    if isinstance(value, list):
        value = ",".join(map(str, value))  # pyright: ignore[reportUnknownArgumentType]
    return "none" if value in (None, "") else str(value)
