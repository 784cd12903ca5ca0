"""The store of keys: hashes, who holds them, and an append-only trail of every change."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self, Unpack

from sqlalchemy import bindparam, func, or_, select, update

from . import changing, find, key_rows, secret
from .database import Database
from .find import Filters
from .identity import KeyKind
from .limits import NO_LIMITS, Limits
from .row import Change, Issued, KeyRow, NewKey
from .tables import audit, key_secrets, keys, meta


class Store:
    """Keys in a database (`sqlite:////path/keys.db`, `postgresql://user@host/name`).

    Safe for threads, many processes and many machines. Every method may raise KeyStoreError. A
    `name` is an id, an alias, the public part of a key, or a whole key. All times are aware UTC.
    """

    def __init__(self, url: str, *, migrate: bool = False) -> None:
        """Open the store, creating SQLite's file (mode 0600) and the tables. Raises KeyStoreError.

        With `migrate`, the tables of an older Sekisho are brought up to date.
        """
        self.database = Database(url, migrate=migrate)

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
        self.database.close()

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
        limits: Limits = NO_LIMITS,
        networks: Sequence[str] = (),
        tags: Sequence[str] = (),
        mcp: Sequence[str] = (),
    ) -> Issued:
        """Make a key. Raises KeyRefusedError when a field is malformed or the alias is in use."""
        key = NewKey(alias, kind, owner, team, models, expires_at, limits, networks, tags, mcp)
        with self.database.writing() as connection:
            return changing.issue(connection, [key], "issue", by, now)[0]

    def issue_many(self, entries: Sequence[NewKey], *, by: str, now: datetime) -> list[Issued]:
        """Make a key for each entry, or none at all. Raises KeyRefusedError naming the entry."""
        with self.database.writing() as connection:
            return changing.issue(connection, entries, "import", by, now)

    def update(self, name: str, changes: Mapping[str, Any], *, by: str, now: datetime) -> KeyRow:
        """Replace fields of a key; the names are those of `NewKey`, None or () clears one.

        Raises NoSuchKeyError; KeyRefusedError as `issue` does, and when the key was revoked.
        """
        with self.database.writing() as connection:
            return changing.change(connection, name, changes, by, now)

    def rotate(self, name: str, *, grace: timedelta, by: str, now: datetime) -> Issued:
        """Give a key a new secret; those before it work for `grace` more.

        Raises NoSuchKeyError; KeyRefusedError when the key was revoked.
        """
        with self.database.writing() as connection:
            return changing.rotate(connection, name, grace, by, now)

    def block(self, name: str, *, by: str, now: datetime) -> KeyRow:
        """Refuse this key until unblocked. Raises NoSuchKeyError; KeyRefusedError when revoked."""
        with self.database.writing() as connection:
            return changing.mark(connection, name, "block", by, now)

    def unblock(self, name: str, *, by: str, now: datetime) -> KeyRow:
        """Let a blocked key in again. Raises NoSuchKeyError; KeyRefusedError when revoked."""
        with self.database.writing() as connection:
            return changing.mark(connection, name, "unblock", by, now)

    def revoke(self, name: str, *, by: str, now: datetime) -> KeyRow:
        """Refuse this key for ever. Raises NoSuchKeyError."""
        with self.database.writing() as connection:
            return changing.mark(connection, name, "revoke", by, now)

    def find_by_hash(self, key_hash: str) -> KeyRow | None:
        """The key that has a secret with this hash: one indexed look-up."""
        statement = key_rows.SECRETS.where(key_secrets.c.hash == key_hash)
        with self.database.reading() as connection:
            found = connection.execute(statement).mappings().one_or_none()
        if found is None or not secret.same_hash(found["hash"], key_hash):
            return None
        return key_rows.row(found)

    def get(self, name: str) -> KeyRow:
        """The one key that goes by `name`. Raises NoSuchKeyError."""
        with self.database.reading() as connection:
            return find.one(connection, name)

    def list(self, *, limit: int | None = None, **filters: Unpack[Filters]) -> list[KeyRow]:
        """Keys by alias, revoked ones too unless `state` says otherwise."""
        order = (keys.c.alias, keys.c.created_at)
        statement = key_rows.ROWS.where(*find.matching(filters)).order_by(*order).limit(limit)
        with self.database.reading() as connection:
            return [key_rows.row(m) for m in connection.execute(statement).mappings()]

    def count(self, **filters: Unpack[Filters]) -> int:
        """How many keys `list` would tell without a limit."""
        statement = select(func.count()).select_from(keys).where(*find.matching(filters))
        with self.database.reading() as connection:
            return connection.execute(statement).scalar_one()

    def live_aliases(self) -> set[str]:
        """The aliases that are taken."""
        statement = select(keys.c.alias).where(keys.c.revoked_at.is_(None))
        with self.database.reading() as connection:
            return set(connection.execute(statement).scalars())

    def older_secrets(self, name: str, now: datetime) -> Sequence[tuple[str, datetime]]:
        """Secrets that were replaced and work still: public part and end, the next to end first.

        Raises NoSuchKeyError.
        """
        secrets = key_secrets.c
        with self.database.reading() as connection:
            same = secrets.key_id == find.one(connection, name).identity.key_id
            found = connection.execute(
                select(secrets.prefix, secrets.ends_at)
                .where(same, secrets.ends_at > now)
                .order_by(secrets.ends_at)
            )
            return [(prefix, ends_at) for prefix, ends_at in found]

    def history(self, name: str) -> Sequence[Change]:
        """Every change of the key that goes by `name`, oldest first. Raises NoSuchKeyError."""
        with self.database.reading() as connection:
            key_id = find.one(connection, name).identity.key_id
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
        with self.database.writing() as connection:
            connection.execute(
                statement.values(last_used_at=bindparam("at")),
                # In order, so that two processes never wait for each other's rows.
                [{"key": key_id, "at": at} for key_id, at in sorted(seen.items())],
            )

    def generation(self) -> str:
        """A mark that differs after every change of any key, whichever process makes it."""
        return self.changed_since("")[0]

    def changed_since(self, generation: str) -> tuple[str, frozenset[str] | None]:
        """The generation now, and the ids of the keys that have changed since an earlier one.

        None instead of ids: all may have changed, because another database stands at the URL.
        """
        with self.database.reading() as connection:
            number: int = connection.execute(select(meta.c.generation)).scalar_one()
            now = f"{self.database.mark}:{number}"
            if now == generation:
                return now, frozenset()
            mark, _, before = generation.rpartition(":")
            if mark != self.database.mark or int(before) > number:
                return now, None
            changed = select(keys.c.id).where(keys.c.generation > int(before))
            return now, frozenset(connection.execute(changed).scalars())
