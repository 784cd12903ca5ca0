"""The database of keys and spend, SQLite or PostgreSQL: transactions, every error in one line."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sqlalchemy import URL, Connection
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from . import migrations
from .row import KeyStoreError
from .sqlite import SqliteFile

if TYPE_CHECKING:
    from .postgresql import PostgresServer

_WRITE = "write sqlite:////absolute/path/keys.db or postgresql://user:password@host/database"
# The user with the password, and what follows them: divided as SQLAlchemy does it.
_PARTS = re.compile(r"[^:]+://(?P<user>[^:/]*(?::[^@]*)?@)?(?P<rest>.*)", re.DOTALL)
_MAY_HAVE_AT = ("user", "password")  # of the options at the end


class Database:
    """A database with our tables in it; safe for threads and for many processes and machines.

    What stands at the URL may be replaced while we run (a backup restored): each transaction
    looks whether it is still the same, so that a revocation in the new one is seen.
    """

    def __init__(self, url: str, *, migrate: bool = False) -> None:
        """Open it, making the tables when it is empty. Raises KeyStoreError.

        With `migrate`, tables of an older Sekisho are brought up to date; without, they are
        refused with the command that does it.
        """
        parsed = _parsed(url)
        self._place = _place(parsed)
        self.dialect: Literal["sqlite", "postgresql"] = self._place.dialect
        self._prepared = ""
        self._migrated_from: str | None = None
        try:
            with self._one_line():
                self._place.make()
                self._prepare(migrate=migrate)
        except BaseException:
            self.close()
            raise

    @property
    def mark(self) -> str:
        """Which database it is: differs when another one stands at the URL."""
        return self._prepared

    @property
    def migrated_from(self) -> str | None:
        """The version that the tables had when they were brought up to date; None if they were."""
        return self._migrated_from

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """A connection in a transaction that only reads. Raises KeyStoreError."""
        with self._one_line(), self._connected() as connection:
            self._place.begin(connection, writing=False)
            yield connection

    @contextmanager
    def writing(self) -> Generator[Connection]:
        """A connection in a transaction that commits at the end. Raises KeyStoreError."""
        with self._one_line(), self._connected() as connection:
            self._place.begin(connection, writing=True)
            yield connection
            connection.commit()

    def close(self) -> None:
        """Close every connection."""
        self._place.engine.dispose()

    @contextmanager
    def _connected(self) -> Generator[Connection]:
        if self._place.mark() != self._prepared:
            self._prepare(migrate=False)
        with self._place.engine.connect() as connection:
            yield connection

    def _prepare(self, *, migrate: bool) -> None:
        mark = ""
        # Until it is the same one before and after the look.
        while not mark or mark != self._place.mark():
            mark = self._place.mark()
            self._place.engine.dispose()
            with self._place.engine.connect() as connection:
                # A server tells it to each connection, and so there is one to ask only now.
                mark = mark or self._place.mark()
                self._place.begin(connection, writing=False)
                version = migrations.version(connection)
            if version != migrations.HEAD:
                self._upgrade(migrate)
        self._prepared = mark

    def _upgrade(self, migrate: bool) -> None:
        with self._place.engine.connect() as connection:
            self._place.begin(connection, writing=True)
            self._place.lock_schema(connection)
            found = migrations.version(connection)
            migrations.upgrade(connection, self._place.name, migrate=migrate)
            connection.commit()
            if found != migrations.HEAD:
                self._migrated_from = found

    @contextmanager
    def _one_line(self) -> Generator[None]:
        try:
            yield
        except (OSError, SQLAlchemyError) as error:
            space = " " if isinstance(error, FileNotFoundError) else ": "
            words = self._place.words(error)
            raise KeyStoreError(f"key store {self._place.name}{space}{words}") from error


def sqlite_path(url: str) -> Path | None:
    """The file that a database URL names; None for a server's. Raises KeyStoreError."""
    parsed = _parsed(url)
    return SqliteFile(parsed).path if parsed.get_backend_name() == "sqlite" else None


def _place(url: URL) -> "SqliteFile | PostgresServer":
    if url.get_backend_name() == "sqlite":
        return SqliteFile(url)
    # Imported here: its driver takes a quarter of a second, which SQLite's users can save.
    from .postgresql import PostgresServer

    return PostgresServer(url)


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise KeyStoreError(f"SEKISHO_DATABASE_URL is not a database URL; {_WRITE}") from None
    except ValueError:
        raise _divided_wrongly() from None  # a port that is no number
    if parsed.drivername == "sqlite":
        return parsed
    if _may_show_a_password(url):
        raise _divided_wrongly()
    if parsed.drivername not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise KeyStoreError(
            f"SEKISHO_DATABASE_URL={parsed.render_as_string(hide_password=True)}: only SQLite and "
            f"PostgreSQL work; {_WRITE}"
        )
    # `postgres://`, as some hosts give it, is no name that SQLAlchemy knows.
    return parsed.set(drivername="postgresql")


def _may_show_a_password(url: str) -> bool:
    """Whether an unescaped @ may have moved a part of a password to where it isn't hidden."""
    found = _PARTS.match(url)
    if found is None:
        return True
    place, _, query = found["rest"].partition("?")
    options = [option.partition("=") for option in query.split("&")]
    odd = any("@" in name + value for name, _, value in options if name not in _MAY_HAVE_AT)
    return "@" in place or odd or "password=" in (found["user"] or "")


def _divided_wrongly() -> KeyStoreError:
    return KeyStoreError(
        "SEKISHO_DATABASE_URL can't be divided into user, password, host, port and database; in a "
        "password write @ as %40, : as %3A, / as %2F and ? as %3F, and the port as one number; "
        f"{_WRITE}"
    )
