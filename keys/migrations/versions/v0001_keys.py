"""Keys, the trail of their changes, and the number that tells caches of a change."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_VERBS = ("UPDATE", "DELETE", "TRUNCATE")
_APPEND_ONLY = "'the audit trail is append-only'"


def upgrade() -> None:
    """Make the tables that Sekisho 0.1 made."""
    _keys()
    _audit()
    meta = op.create_table(
        "sekisho_keys_meta",
        sa.Column("one", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("schema_version", sa.Integer, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
    )
    op.execute(sa.insert(meta).values(one=1, schema_version=1, generation=0))


def _keys() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "sekisho_keys",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
        sa.Column("prefix", sa.String(32), nullable=False, index=True),
        sa.Column("alias", sa.String(128), nullable=False, index=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("owner", sa.String(320)),
        sa.Column("team", sa.String(128)),
        sa.Column("models", sa.JSON, nullable=False),
        sa.Column("expires_at", moment),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("created_by", sa.String(128), nullable=False),
        sa.Column("blocked_at", moment),
        sa.Column("revoked_at", moment),
        sa.Column("last_used_at", moment),
    )
    live = sa.text("revoked_at IS NULL")
    op.create_index(
        "sekisho_keys_live_alias",
        "sekisho_keys",
        ["alias"],
        unique=True,
        sqlite_where=live,
        postgresql_where=live,
    )


def _audit() -> None:
    op.create_table(
        "sekisho_key_audit",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(128), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("key_id", sa.String(32), nullable=False, index=True),
        sa.Column("alias", sa.String(128), nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
    )
    sqlite = op.get_context().dialect.name == "sqlite"
    if not sqlite:
        op.execute(
            "CREATE FUNCTION sekisho_append_only() RETURNS trigger LANGUAGE plpgsql "
            f"AS $$ BEGIN RAISE EXCEPTION {_APPEND_ONLY}; END $$"
        )
    for verb in _VERBS[:2] if sqlite else _VERBS:
        action = (
            f"BEGIN SELECT RAISE(ABORT, {_APPEND_ONLY}); END"
            if sqlite
            else "FOR EACH STATEMENT EXECUTE FUNCTION sekisho_append_only()"
        )
        op.execute(
            f"CREATE TRIGGER sekisho_key_audit_no_{verb.lower()} BEFORE {verb} "
            f"ON sekisho_key_audit {action}"
        )
