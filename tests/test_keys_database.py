"""The database under the keys, SQLite and PostgreSQL: what both must do alike."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sekisho.keys.database import Database, sqlite_path
from sekisho.keys.postgresql import PatientConnection, PostgresServer
from sekisho.keys.row import KeyStoreError
from sekisho.keys.store import Store
from sekisho.keys.tables import audit, spend
from sqlalchemy import delete, insert, literal, make_url, select, text, update
from sqlalchemy.exc import OperationalError

from .gateway import free_port
from .servers import Postgres

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
COUNTER = {"scope": "key", "name": "key_1", "window": "2026-03"}


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty database."""
    opened = Database(database_url)
    yield opened
    opened.close()


def test_what_is_written_is_read_and_what_fails_is_not(database: Database) -> None:
    """A transaction commits at its end, and an error in it undoes all of it."""
    with database.writing() as connection:
        connection.execute(insert(spend).values(**COUNTER, spent=10**18, reserved=0))
    with pytest.raises(KeyStoreError), database.writing() as connection:  # noqa: PT012
        connection.execute(update(spend).values(spent=1))
        connection.execute(text("SELECT nonsense"))
    with database.reading() as connection:
        assert connection.execute(select(spend.c.spent)).scalars().all() == [10**18]


def test_errors_are_one_line(database: Database) -> None:
    """Whatever the database says against a statement is one line that begins with its name."""
    with pytest.raises(KeyStoreError) as caught, database.reading() as connection:
        connection.execute(text("SELECT nonsense FROM nowhere"))
    assert str(caught.value).startswith("key store ")
    assert "nowhere" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_trail_is_append_only(database_url: str) -> None:
    """The database itself refuses to change or delete a line of the audit trail."""
    with Store(database_url) as store:
        store.issue(alias="alice", kind="service", by="tests", now=NOW)
        statements = [update(audit).values(who="x"), delete(audit)]
        if store.database.dialect == "postgresql":
            statements.append(text("TRUNCATE sekisho_key_audit"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        for statement in statements:
            with (
                pytest.raises(KeyStoreError, match="the audit trail is append-only"),
                store.database.writing() as connection,
            ):
                connection.execute(statement)
        assert [change.who for change in store.history("alice")] == ["tests"]


def test_no_table_has_a_key(database_url: str) -> None:
    """The hash of a key is in the database, its secret part is in no row of no table."""
    with Store(database_url) as store:
        issued = store.issue(alias="alice", kind="service", by="tests", now=NOW)
        with store.database.reading() as connection:
            names = audit.metadata.tables
            rows = [connection.execute(text(f"SELECT * FROM {name}")).all() for name in names]
    assert issued.row.hash in str(rows)
    assert issued.key.rsplit("-", 1)[1] not in str(rows)


def test_a_store_of_a_newer_sekisho_is_refused(database_url: str) -> None:
    """A store with a higher version is left alone, with the advice to upgrade."""
    with Store(database_url) as store, store.database.writing() as connection:
        connection.execute(text("UPDATE sekisho_schema SET version_num = '0099'"))
    with pytest.raises(
        KeyStoreError,
        match=r"was made by a newer Sekisho \(key store version 0099, this one knows 0003\)",
    ):
        Store(database_url, migrate=True)


def test_several_processes_may_start_and_issue_at_once(database_url: str) -> None:
    """Three processes that make the store together all end up with their keys in it."""
    script = (
        "import sys; from datetime import UTC, datetime; from sekisho.keys.store import Store\n"
        "with Store(sys.argv[1]) as store:\n"
        "    for n in range(5):\n"
        "        store.issue(alias=f'{sys.argv[2]}-{n}', kind='service', by='t',"
        " now=datetime.now(UTC))\n"
    )
    started = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", script, database_url, str(number)])
        for number in range(3)
    ]
    assert [process.wait(30) for process in started] == [0, 0, 0]
    with Store(database_url) as store:
        assert store.count() == 15
        assert store.generation().endswith(":15")


def test_threads_share_a_database(database: Database) -> None:
    """Eight threads that add to one number lose nothing."""
    with database.writing() as connection:
        connection.execute(insert(spend).values(**COUNTER, spent=0, reserved=0))

    def add() -> None:
        for _ in range(10):
            with database.writing() as connection:
                connection.execute(update(spend).values(spent=spend.c.spent + 1))

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    with database.reading() as connection:
        assert connection.execute(select(spend.c.spent)).scalar_one() == 80


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (
            "mysql://u:secret@db/keys",
            "SEKISHO_DATABASE_URL=mysql://u:***@db/keys: only SQLite and PostgreSQL work; write "
            "sqlite:////absolute/path/keys.db or postgresql://user:password@host/database",
        ),
        (
            "sqlite://",
            "SEKISHO_DATABASE_URL=sqlite:// names no file; write sqlite:////absolute/path/keys.db",
        ),
        (
            "nonsense",
            "SEKISHO_DATABASE_URL is not a database URL; write sqlite:////absolute/path/keys.db "
            "or postgresql://user:password@host/database",
        ),
    ],
)
def test_other_databases_are_refused_without_their_password(url: str, message: str) -> None:
    """What doesn't work is said in one line that shows no password."""
    with pytest.raises(KeyStoreError) as caught:
        Database(url)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p@SECRET@127.0.0.1:1/db",
        "postgresql://u:p@SEC:RET@127.0.0.1:1/db",
        "postgresql://u:p@SEC:12/RET@127.0.0.1:1/db",
        "postgresql://u:p@SEC/RET@127.0.0.1:1/db",
        "postgresql://u:p@SEC?RET@127.0.0.1:1/db",
        "postgresql://u:p@SEC?RET=x@127.0.0.1:1/db",
        "postgresql://127.0.0.1:1/db?user=u&password=p@SECRET",
        "postgresql://u:p@127.0.0.1:SECRET/db",
        "mysql://u:p@SECRET@127.0.0.1:1/db",
    ],
)
def test_a_password_that_is_not_escaped_is_not_shown(url: str) -> None:
    """An @ in a password makes one line that quotes nothing of the URL and has the remedy."""
    with pytest.raises(KeyStoreError) as caught:
        Database(url)
    assert str(caught.value) == (
        "SEKISHO_DATABASE_URL can't be divided into user, password, host, port and database; in a "
        "password write @ as %40, : as %3A, / as %2F and ? as %3F, and the port as one number; "
        "write sqlite:////absolute/path/keys.db or postgresql://user:password@host/database"
    )
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("user", ["u:p%40SECRET", "me@server", "me@server:p%40SECRET", "u:a/b?c"])
def test_a_password_that_is_escaped_is_taken(user: str) -> None:
    """A password with %40, and a user with an @ as some hosts have it, are connected with."""
    with pytest.raises(KeyStoreError, match="Connection refused") as caught:
        Database(f"postgresql://{user}@127.0.0.1:{free_port()}/keys")
    assert "SECRET" not in str(caught.value)


def test_a_server_that_hangs_is_given_up(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A statement that gets no answer is an error in time, and later the server is used again."""
    monkeypatch.setattr(PatientConnection, "patience", 0.5)
    database = Database(postgres.database())
    try:
        with database.reading() as connection:
            postgres.pause()
            began = time.monotonic()
            with pytest.raises(OperationalError, match=r"did not answer within 0\.5 s"):
                connection.execute(text("SELECT 1"))
            assert 0.4 < time.monotonic() - began < 3
        with pytest.raises(KeyStoreError, match="key store postgresql://sekisho@127"):
            ask(database)
        assert time.monotonic() - began < 9
        postgres.resume()
        assert ask(database) == 1
        postgres.pause()
        # The connection in the pool is silent, and so is the new one instead of it.
        with pytest.raises(KeyStoreError, match="connection timeout expired; try again"):
            ask(database)
    finally:
        postgres.resume()
        database.close()


def ask(database: Database) -> int:
    """One statement in a transaction of its own."""
    with database.reading() as connection:
        return connection.execute(select(literal(1))).scalar_one()


def test_a_change_of_the_schema_may_take_long(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration may be silent as long as it needs; what follows on its connection may not."""
    monkeypatch.setattr(PatientConnection, "patience", 0.2)
    server = PostgresServer(make_url(postgres.database()))
    slow = text("SELECT pg_sleep(0.6)")
    with server.engine.connect() as connection:
        server.begin(connection, writing=True)
        server.lock_schema(connection)
        connection.execute(slow)
        connection.commit()
    with (
        server.engine.connect() as connection,
        pytest.raises(OperationalError, match=r"did not answer within 0\.2 s"),
    ):
        connection.execute(slow)
    server.engine.dispose()


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_server_that_is_away_is_one_line_without_the_password(scheme: str) -> None:
    """A PostgreSQL that doesn't answer is named with its remedy, its password is not shown."""
    port = free_port()
    with pytest.raises(KeyStoreError) as caught:
        Database(f"{scheme}://u:secret@127.0.0.1:{port}/keys?connect_timeout=2")
    message = str(caught.value)
    assert message.startswith(f"key store postgresql://u:***@127.0.0.1:{port}/keys: ")
    assert "Connection refused" in message
    assert message.endswith("check that it runs and that SEKISHO_DATABASE_URL is right")
    assert "secret" not in message
    assert "\n" not in message


def test_only_sqlite_has_a_path() -> None:
    """`sqlite_path` is the file of a SQLite URL, and None for a server."""
    assert str(sqlite_path("sqlite:////var/keys.db")) == "/var/keys.db"
    assert sqlite_path("postgresql://db/keys") is None
