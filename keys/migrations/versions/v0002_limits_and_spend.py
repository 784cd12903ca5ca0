"""Limits of each key, secrets that can be rotated, and what has been spent."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_KEPT = (
    "id, prefix, alias, kind, owner, team, models, expires_at, created_at, created_by, "
    "blocked_at, revoked_at, last_used_at"
)


def upgrade() -> None:
    """Move each hash into a table of its own, and add the columns and tables of budgets."""
    _secrets()
    _keys()
    _spend()
    op.execute("UPDATE sekisho_keys_meta SET schema_version = 2")  # Sekisho 0.1 refuses it so


def _secrets() -> None:
    op.create_table(
        "sekisho_key_secrets",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("key_id", sa.String(32), nullable=False, index=True),
        sa.Column("prefix", sa.String(32), nullable=False, index=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True)),
    )
    op.execute(
        "INSERT INTO sekisho_key_secrets (hash, key_id, prefix, made_at) "
        "SELECT hash, id, prefix, created_at FROM sekisho_keys"
    )


def _keys() -> None:
    """A new table in the old one's place: SQLite can't drop a column that is unique."""
    moment = sa.DateTime(timezone=True)
    op.rename_table("sekisho_keys", "sekisho_keys_0001")
    op.create_table(
        "sekisho_keys",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("prefix", sa.String(32), nullable=False),
        sa.Column("alias", sa.String(128), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("owner", sa.String(320)),
        sa.Column("team", sa.String(128)),
        sa.Column("models", sa.JSON, nullable=False),
        sa.Column("networks", sa.JSON, nullable=False, server_default="[]"),
        sa.Column("tags", sa.JSON, nullable=False, server_default="[]"),
        sa.Column("expires_at", moment),
        sa.Column("rpm", sa.Integer),
        sa.Column("tpm", sa.Integer),
        sa.Column("parallel", sa.Integer),
        sa.Column("budget_day", sa.BigInteger),
        sa.Column("budget_month", sa.BigInteger),
        sa.Column("budget_total", sa.BigInteger),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("created_by", sa.String(128), nullable=False),
        sa.Column("blocked_at", moment),
        sa.Column("revoked_at", moment),
        sa.Column("last_used_at", moment),
        sa.Column("generation", sa.BigInteger, nullable=False, server_default="0"),
    )
    op.execute(
        f"INSERT INTO sekisho_keys ({_KEPT}) "  # noqa: S608 - a constant of this file
        f"SELECT {_KEPT} FROM sekisho_keys_0001"
    )
    op.drop_table("sekisho_keys_0001")
    for column in ("prefix", "alias", "generation"):
        op.create_index(f"ix_sekisho_keys_{column}", "sekisho_keys", [column])
    live = sa.text("revoked_at IS NULL")
    op.create_index(
        "sekisho_keys_live_alias",
        "sekisho_keys",
        ["alias"],
        unique=True,
        sqlite_where=live,
        postgresql_where=live,
    )


def _spend() -> None:
    op.create_table(
        "sekisho_spend",
        sa.Column("scope", sa.String(16), primary_key=True),
        sa.Column("name", sa.String(320), primary_key=True),
        sa.Column("window", sa.String(16), primary_key=True),
        sa.Column("spent", sa.BigInteger, nullable=False),
        sa.Column("reserved", sa.BigInteger, nullable=False),
        sa.Column("warned_at", sa.DateTime(timezone=True)),
    )
    op.create_table(
        "sekisho_reservations",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("process", sa.String(128), nullable=False, index=True),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("counters", sa.JSON, nullable=False),
    )
    op.create_table(
        "sekisho_processes",
        sa.Column("id", sa.String(128), primary_key=True),
        sa.Column("beat", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "sekisho_outboxes",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("applied_through", sa.BigInteger, nullable=False),
    )
