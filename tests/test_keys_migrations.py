"""Migrations: stores of Sekisho 0.1 keep what is in them, and tables are what the code needs."""

import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sekisho.keys import migrations
from sekisho.keys.database import Database
from sekisho.keys.row import KeyStoreError
from sekisho.keys.secret import hash_key
from sekisho.keys.store import Store
from sekisho.keys.tables import metadata
from sqlalchemy import text

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEY = "sk-sekisho-AbCd1234-" + "x" * 43

# As Sekisho 0.1 made it in SQLite, but for spaces.
FIRST = """
CREATE TABLE sekisho_keys (id VARCHAR(32) NOT NULL, hash VARCHAR(64) NOT NULL, prefix VARCHAR(32)
 NOT NULL, alias VARCHAR(128) NOT NULL, kind VARCHAR(16) NOT NULL, owner VARCHAR(320), team
 VARCHAR(128), models JSON NOT NULL, expires_at DATETIME, created_at DATETIME NOT NULL, created_by
 VARCHAR(128) NOT NULL, blocked_at DATETIME, revoked_at DATETIME, last_used_at DATETIME,
 PRIMARY KEY (id), UNIQUE (hash));
CREATE UNIQUE INDEX sekisho_keys_live_alias ON sekisho_keys (alias) WHERE revoked_at IS NULL;
CREATE INDEX ix_sekisho_keys_alias ON sekisho_keys (alias);
CREATE INDEX ix_sekisho_keys_prefix ON sekisho_keys (prefix);
CREATE TABLE sekisho_key_audit (id INTEGER NOT NULL, at DATETIME NOT NULL, who VARCHAR(128)
 NOT NULL, action VARCHAR(32) NOT NULL, key_id VARCHAR(32) NOT NULL, alias VARCHAR(128) NOT NULL,
 detail JSON NOT NULL, PRIMARY KEY (id));
CREATE INDEX ix_sekisho_key_audit_key_id ON sekisho_key_audit (key_id);
CREATE TABLE sekisho_keys_meta (one INTEGER NOT NULL, schema_version INTEGER NOT NULL, generation
 INTEGER NOT NULL, PRIMARY KEY (one));
CREATE TRIGGER sekisho_key_audit_no_update BEFORE UPDATE ON sekisho_key_audit
 BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER sekisho_key_audit_no_delete BEFORE DELETE ON sekisho_key_audit
 BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
"""
ROWS = (
    "INSERT INTO sekisho_keys VALUES ('key_1', '{hash}', 'sk-sekisho-AbCd1234', 'alice', 'person',"
    " 'alice@example.com', 'research', '[\"claude-*\"]', '2027-01-01 00:00:00.000000',"
    " '2026-03-01 12:00:00.000000', 'root', '2026-03-01 13:00:00.000000', NULL,"
    " '2026-03-01 12:30:00.000000')",
    "INSERT INTO sekisho_keys VALUES ('key_2', 'other', 'sk-sekisho-22222222', 'alice', 'service',"
    " NULL, NULL, '[]', NULL, '2026-02-01 12:00:00.000000', 'root', NULL,"
    " '2026-02-02 12:00:00.000000', NULL)",
    "INSERT INTO sekisho_key_audit (at, who, action, key_id, alias, detail)"
    " VALUES ('2026-03-01 12:00:00.000000',"
    " 'root', 'issue', 'key_1', 'alice', '{{}}')",
    "UPDATE sekisho_keys_meta SET generation = 7",
)


def fill(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store at step 0001 with two keys."""
    with monkeypatch.context() as patched:
        patched.setattr(migrations, "HEAD", "0001")
        database = Database(url)
        with database.writing() as connection:
            for row in ROWS:
                connection.exec_driver_sql(row.format(hash=hash_key(KEY)).replace("%", "%%"))
        database.close()


def schema(connection: sqlite3.Connection) -> dict[str, str]:
    """The statement that makes each table, index and trigger, without spaces."""
    found = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE sql NOT NULL AND name != 'sekisho_schema'"
    )
    return {name: "".join(sql.split()) for name, sql in found}


def test_step_one_makes_what_sekisho_0_1_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first step's tables, indexes and triggers are exactly those of the version before it."""
    with monkeypatch.context() as patched:
        patched.setattr(migrations, "HEAD", "0001")
        Database(f"sqlite:///{tmp_path / 'new.db'}").close()
    old = sqlite3.connect(tmp_path / "old.db")
    old.executescript(FIRST)
    new = sqlite3.connect(tmp_path / "new.db")
    assert schema(new) == schema(old)
    old.close()
    new.close()


def test_a_store_of_sekisho_0_1_is_adopted(tmp_path: Path) -> None:
    """A file without a version table is the first step: refused until told to migrate."""
    file = tmp_path / "keys.db"
    connection = sqlite3.connect(file)
    connection.executescript(FIRST)
    connection.execute("INSERT INTO sekisho_keys_meta VALUES (1, 1, 0)")
    for row in ROWS:
        connection.execute(row.format(hash=hash_key(KEY)))
    connection.commit()
    connection.close()
    with pytest.raises(KeyStoreError) as caught:
        Store(f"sqlite:///{file}")
    assert str(caught.value) == (
        f"{file} was made by an older Sekisho (key store version 0001, this one needs 0003); "
        "make a backup, then type: sekisho keys migrate"
    )
    Store(f"sqlite:///{file}", migrate=True).close()
    with Store(f"sqlite:///{file}") as store:
        assert store.get(KEY).identity.alias == "alice"


def test_step_two_keeps_everything(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys, their secrets, the trail and the generation come through the second step."""
    fill(database_url, monkeypatch)
    with pytest.raises(KeyStoreError, match="type: sekisho keys migrate"):
        Store(database_url)
    with Store(database_url, migrate=True) as store:
        row = store.find_by_hash(hash_key(KEY))
        assert row is not None
        assert (row.identity.key_id, row.identity.owner) == ("key_1", "alice@example.com")
        assert row.identity.models == ("claude-*",)
        assert (row.identity.networks, row.identity.tags, row.identity.mcp) == ((), (), ())
        assert row.identity.limits.budgets == {}
        assert row.identity.expires_at == datetime(2027, 1, 1, tzinfo=UTC)
        assert row.blocked_at == datetime(2026, 3, 1, 13, 0, tzinfo=UTC)
        assert row.last_used_at == datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
        assert row.secret_ends_at is None
        assert store.get("key_2").state(NOW) == "revoked"
        assert [change.who for change in store.history("key_1")] == ["root"]
        assert store.generation().endswith(":7")
        store.unblock("alice", by="tests", now=NOW)
        assert [change.action for change in store.history("key_1")] == ["issue", "unblock"]


def test_a_database_tells_what_it_was_migrated_from(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old version once, and nothing when it was new or up to date."""
    fill(database_url, monkeypatch)
    found: list[str | None] = []
    for _ in range(2):
        database = Database(database_url, migrate=True)
        found.append(database.migrated_from)
        database.close()
    assert found == ["0001", None]


def test_a_new_database_was_migrated_from_nothing(database_url: str) -> None:
    """Making the tables is no migration."""
    database = Database(database_url, migrate=True)
    assert database.migrated_from is None
    database.close()


def test_tables_and_migrations_agree(database_url: str) -> None:
    """What the migrations make is what tables.py says, down to the indexes."""
    database = Database(database_url)
    with database.reading() as connection:
        options: dict[str, Any] = {
            "compare_type": True,
            "version_table": "sekisho_schema",
            "include_name": lambda name, *_: name != "sekisho_keys_live_alias",
        }
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
        one = connection.execute(text("SELECT version_num FROM sekisho_schema")).scalars().all()
    database.close()
    assert one == ["0003"]


def test_alembic_is_not_imported_for_a_store_that_is_up_to_date(database_url: str) -> None:
    """Opening a store again doesn't cost the import of the migration tool."""
    Store(database_url).close()
    script = (
        "import sys; from sekisho.keys.store import Store\n"
        "Store(sys.argv[1]).close(); sys.exit('alembic' in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", script, database_url], check=True)
