"""The tables of the key store, and the one place that creates them."""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    DateTime,
    Dialect,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    insert,
    select,
    text,
)
from sqlalchemy.types import TypeDecorator

from .row import KeyStoreError

SCHEMA_VERSION = 1


class Utc(TypeDecorator[datetime]):
    """A point in time: aware UTC in Python, whatever the database keeps."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 - SQLAlchemy's signature
    ) -> datetime | None:
        """Python to database; a naive time is a bug and raises ValueError."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a time zone can't be stored")
        return value.astimezone(UTC)

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 - SQLAlchemy's signature
    ) -> datetime | None:
        """Database to Python; SQLite forgets the zone, which is always UTC."""
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


metadata = MetaData()

keys = Table(
    "sekisho_keys",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("prefix", String(32), nullable=False, index=True),
    Column("alias", String(128), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("owner", String(320)),
    Column("team", String(128)),
    Column("models", JSON, nullable=False),
    Column("expires_at", Utc),
    Column("created_at", Utc, nullable=False),
    Column("created_by", String(128), nullable=False),
    Column("blocked_at", Utc),
    Column("revoked_at", Utc),
    Column("last_used_at", Utc),
)
# A revoked key keeps its alias for the audit, yet the name is free again.
Index(
    "sekisho_keys_live_alias",
    keys.c.alias,
    unique=True,
    sqlite_where=keys.c.revoked_at.is_(None),
)

audit = Table(
    "sekisho_key_audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Utc, nullable=False),
    Column("who", String(128), nullable=False),
    Column("action", String(32), nullable=False),
    Column("key_id", String(32), nullable=False, index=True),
    Column("alias", String(128), nullable=False),
    Column("detail", JSON, nullable=False),
)
_APPEND_ONLY = tuple(
    f"CREATE TRIGGER IF NOT EXISTS sekisho_key_audit_no_{verb.lower()} BEFORE {verb} "
    "ON sekisho_key_audit BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
    for verb in ("UPDATE", "DELETE")
)

# One row. `generation` grows in the transaction of every change, so that a cache in another
# process sees by one cheap read that it must ask again. A row, not max(audit.id): concurrent
# writers on a server commit ids out of order, but queue for this row's lock.
meta = Table(
    "sekisho_keys_meta",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("schema_version", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
)


def create(connection: Connection, where: str) -> None:
    """Create what is missing. Raises KeyStoreError for a store that a newer Sekisho made."""
    metadata.create_all(connection)
    for trigger in _APPEND_ONLY:
        connection.execute(text(trigger))
    version = connection.execute(select(meta.c.schema_version)).scalar_one_or_none()
    if version is None:
        connection.execute(insert(meta).values(one=1, schema_version=SCHEMA_VERSION, generation=0))
    elif version > SCHEMA_VERSION:
        raise KeyStoreError(
            f"{where} was made by a newer Sekisho (key store version {version}, this one knows "
            f"{SCHEMA_VERSION}); upgrade Sekisho or point SEKISHO_DATABASE_URL elsewhere"
        )
