"""The tables as the newest migration leaves them."""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Integer,
    MetaData,
    String,
    Table,
)
from sqlalchemy.types import TypeDecorator


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
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData()

keys = Table(
    "sekisho_keys",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("prefix", String(32), nullable=False, index=True),  # of the newest secret
    Column("alias", String(128), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("owner", String(320)),
    Column("team", String(128)),
    Column("models", JSON, nullable=False),
    Column("networks", JSON, nullable=False),
    Column("tags", JSON, nullable=False),
    Column("mcp", JSON, nullable=False),
    Column("expires_at", Utc),
    Column("rpm", Integer),
    Column("tpm", Integer),
    Column("parallel", Integer),
    Column("budget_day", BigInteger),  # each budget in 1e-12 USD
    Column("budget_month", BigInteger),
    Column("budget_total", BigInteger),
    Column("created_at", Utc, nullable=False),
    Column("created_by", String(128), nullable=False),
    Column("blocked_at", Utc),
    Column("revoked_at", Utc),
    Column("last_used_at", Utc),
    # meta.generation when this row last changed: what a cache must read anew.
    Column("generation", BigInteger, nullable=False, index=True),
)
# And one index that is unique among living keys, sekisho_keys_live_alias: a revoked key keeps its
# alias for the audit, yet the name is free again. It stands in the migrations alone: its condition
# is said by dialect, and to say it here would load the dialects with every command.

# The newest secret of a key has no end; `rotate` gives one to those before it.
key_secrets = Table(
    "sekisho_key_secrets",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("key_id", String(32), nullable=False, index=True),
    Column("prefix", String(32), nullable=False, index=True),
    Column("made_at", Utc, nullable=False),
    Column("ends_at", Utc),
)

# Append-only: triggers refuse to change or delete a row.
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

# What a scope (a key, an end user, a team, the gateway) has spent in a window of time, and what
# running requests may still spend: all amounts in 1e-12 USD.
spend = Table(
    "sekisho_spend",
    metadata,
    Column("scope", String(16), primary_key=True),
    Column("name", String(320), primary_key=True),
    Column("window", String(16), primary_key=True),
    Column("spent", BigInteger, nullable=False),
    Column("reserved", BigInteger, nullable=False),
    Column("warned_at", Utc),
)

# One row for each running request that holds part of a budget.
reservations = Table(
    "sekisho_reservations",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("process", String(128), nullable=False, index=True),
    Column("amount", BigInteger, nullable=False),
    Column("counters", JSON, nullable=False),
)

# `beat` grows as long as a process lives.
processes = Table(
    "sekisho_processes",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("beat", BigInteger, nullable=False),
)

# How far each machine's outbox has been added to `spend`.
outboxes = Table(
    "sekisho_outboxes",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("applied_through", BigInteger, nullable=False),
)
