"""The store of keys: hashes, who holds them, and an append-only trail of every change."""

import difflib
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    bindparam,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from . import fields, secret
from .database import Database
from .identity import Identity, KeyKind
from .row import Change, Issued, KeyRefusedError, KeyRow, NoSuchKeyError
from .tables import audit, keys, meta


class Store:
    """Keys in a SQLite file (`sqlite:////path/keys.db`); safe for threads and many processes.

    Every method may raise KeyStoreError. A `name` is an id, an alias, the public part of a key,
    or a whole key. All times are aware UTC.
    """

    def __init__(self, url: str) -> None:
        """Open the store, creating file (mode 0600) and tables. Raises KeyStoreError."""
        self._database = Database(url)

    def __enter__(self) -> Self:
        """Use as a context manager to close the connections."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._database.close()

    def issue(
        self,
        *,
        alias: str,
        kind: KeyKind,
        by: str,
        now: datetime,
        owner: str | None = None,
        team: str | None = None,
        models: Sequence[str] = (),
        expires_at: datetime | None = None,
    ) -> Issued:
        """Make a key. Raises KeyRefusedError when a field is malformed or the alias is in use."""
        key = secret.new_key()
        values: dict[str, Any] = fields.checked(alias, kind, owner, team, models, expires_at, now)
        detail = {**values, "expires_at": expires_at.isoformat() if expires_at else None}
        values |= {
            "id": f"key_{secrets.token_hex(6)}",
            "hash": secret.hash_key(key),
            "prefix": secret.public_part(key),
            "created_at": now,
            "created_by": by,
        }
        with self._database.transaction() as connection:
            _bump(connection)
            try:
                connection.execute(insert(keys).values(values))
            except IntegrityError:
                raise KeyRefusedError(
                    f"a key named {values['alias']} exists; choose another alias, or first: "
                    f"sekisho keys revoke {values['alias']}"
                ) from None
            row = _one(connection, keys.c.id == values["id"])
            _note(connection, row, "issue", by, now, detail)
        return Issued(key, row)

    def find_by_hash(self, key_hash: str) -> KeyRow | None:
        """The key with this hash: one indexed look-up."""
        with self._database.transaction() as connection:
            found = connection.execute(select(keys).where(keys.c.hash == key_hash)).mappings()
            mapping = found.one_or_none()
        if mapping is None or not secret.same_hash(mapping["hash"], key_hash):
            return None
        return _row(mapping)

    def list(self) -> list[KeyRow]:
        """Every key, by alias; revoked ones too."""
        with self._database.transaction() as connection:
            found = connection.execute(select(keys).order_by(keys.c.alias, keys.c.created_at))
            return [_row(mapping) for mapping in found.mappings()]

    def get(self, name: str) -> KeyRow:
        """The one key that goes by `name`. Raises NoSuchKeyError."""
        with self._database.transaction() as connection:
            return _resolve(connection, name)

    def block(self, name: str, *, by: str, now: datetime) -> KeyRow:
        """Refuse this key until unblocked. Raises NoSuchKeyError; KeyRefusedError when revoked."""
        return self._mark(name, "block", {"blocked_at": now}, by, now)

    def unblock(self, name: str, *, by: str, now: datetime) -> KeyRow:
        """Let a blocked key in again. Raises NoSuchKeyError; KeyRefusedError when revoked."""
        return self._mark(name, "unblock", {"blocked_at": None}, by, now)

    def revoke(self, name: str, *, by: str, now: datetime) -> KeyRow:
        """Refuse this key for ever. Raises NoSuchKeyError."""
        return self._mark(name, "revoke", {"revoked_at": now}, by, now)

    def history(self, name: str) -> Sequence[Change]:
        """Every change of the key that goes by `name`, oldest first. Raises NoSuchKeyError."""
        with self._database.transaction() as connection:
            key_id = _resolve(connection, name).identity.key_id
            found = connection.execute(
                select(audit).where(audit.c.key_id == key_id).order_by(audit.c.id)
            )
            return [
                Change(m["at"], m["who"], m["action"], m["key_id"], m["alias"], m["detail"])
                for m in found.mappings()
            ]

    def touch(self, seen: Mapping[str, datetime]) -> None:
        """Write when keys (by id) were last used: one transaction for a whole batch."""
        if not seen:
            return
        newer = or_(keys.c.last_used_at.is_(None), keys.c.last_used_at < bindparam("at"))
        statement = update(keys).where(keys.c.id == bindparam("key"), newer)
        with self._database.transaction() as connection:
            connection.execute(
                statement.values(last_used_at=bindparam("at")),
                [{"key": key_id, "at": at} for key_id, at in seen.items()],
            )

    def generation(self) -> str:
        """A mark that differs after every change of any key, whichever process makes it."""
        with self._database.transaction() as connection:
            number = connection.execute(select(meta.c.generation)).scalar_one()
        return f"{self._database.file}:{number}"

    def _mark(
        self, name: str, action: str, values: dict[str, datetime | None], by: str, now: datetime
    ) -> KeyRow:
        with self._database.transaction() as connection:
            _bump(connection)
            row = _resolve(connection, name)
            if row.revoked_at is not None and action != "revoke":
                raise KeyRefusedError(
                    f"{row.identity.alias} ({row.identity.key_id}) was revoked and can't come "
                    "back; issue a new one with: sekisho keys issue"
                )
            if _already(row, action):
                return row
            same = keys.c.id == row.identity.key_id
            connection.execute(update(keys).where(same).values(values))
            _note(connection, row, action, by, now, {})
            return _one(connection, same)


def _bump(connection: Connection) -> None:
    """First in every writing transaction: takes the write lock and tells the caches."""
    connection.execute(update(meta).values(generation=meta.c.generation + 1))


def _already(row: KeyRow, action: str) -> bool:
    if action == "revoke":
        return row.revoked_at is not None
    return (row.blocked_at is not None) == (action == "block")


def _note(
    connection: Connection,
    row: KeyRow,
    action: str,
    by: str,
    now: datetime,
    detail: Mapping[str, object],
) -> None:
    connection.execute(
        insert(audit).values(
            at=now,
            who=by,
            action=action,
            key_id=row.identity.key_id,
            alias=row.identity.alias,
            detail=dict(detail),
        )
    )


def _one(connection: Connection, condition: ColumnElement[bool]) -> KeyRow:
    return _row(connection.execute(select(keys).where(condition)).mappings().one())


def _resolve(connection: Connection, name: str) -> KeyRow:
    if secret.well_formed(name):
        condition = keys.c.hash == secret.hash_key(name)
    else:
        condition = or_(keys.c.id == name, keys.c.alias == name, keys.c.prefix == name)
    found = [_row(m) for m in connection.execute(select(keys).where(condition)).mappings()]
    if name.startswith("sk-") and name != secret.public_part(name):
        name = f"{secret.public_part(name)}-..."  # it may be printed below, whole or mistyped
    live = [row for row in found if row.revoked_at is None]
    chosen = live if len(live) == 1 else found
    if len(chosen) == 1:
        return chosen[0]
    if chosen:
        ids = ", ".join(row.identity.key_id for row in chosen)
        raise NoSuchKeyError(f"{len(chosen)} keys go by {name}; name one by its id: {ids}")
    aliases = connection.execute(select(keys.c.alias).distinct()).scalars().all()
    near = difflib.get_close_matches(name, aliases, n=1)
    hint = f"did you mean {near[0]}?" if near else "see: sekisho keys list"
    raise NoSuchKeyError(f"no key goes by {json.dumps(name, ensure_ascii=False)}; {hint}")


def _row(mapping: RowMapping) -> KeyRow:
    return KeyRow(
        identity=Identity(
            key_id=mapping["id"],
            alias=mapping["alias"],
            kind=mapping["kind"],
            owner=mapping["owner"],
            team=mapping["team"],
            models=tuple(mapping["models"]),
            expires_at=mapping["expires_at"],
        ),
        hash=mapping["hash"],
        prefix=mapping["prefix"],
        created_at=mapping["created_at"],
        created_by=mapping["created_by"],
        blocked_at=mapping["blocked_at"],
        revoked_at=mapping["revoked_at"],
        last_used_at=mapping["last_used_at"],
    )
