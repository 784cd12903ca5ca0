"""A connection to the SQLite file of keys: made 0600, in WAL mode, every error in one line."""

import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, SQLAlchemyError

from . import tables
from .row import KeyStoreError

_BUSY_SECONDS = 5.0  # writers queue this long; in WAL mode readers never wait for them


class Database:
    """The store's file and its connections.

    The file may be replaced while we run (a backup restored): each transaction looks whether it
    is still the same one, so that a revocation in the new file is seen.
    """

    def __init__(self, url: str) -> None:
        """Open or create the store. Raises KeyStoreError."""
        self.path = sqlite_path(url)
        self._engine: Engine = create_engine("sqlite:///by-creator", creator=self._open)
        self.file = (0, 0)
        try:
            with self._one_line():
                _create_file(self.path)
                self._prepare()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def transaction(self) -> Generator[Connection]:
        """A connection that commits at the end. Raises KeyStoreError."""
        with self._one_line():
            if _file_id(self.path) != self.file:
                self._engine.dispose()
                self._prepare()
            with self._engine.begin() as connection:
                yield connection

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def _open(self) -> sqlite3.Connection:
        # mode=rw: a file that went away is an error, not a new and empty store.
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=_BUSY_SECONDS,
            check_same_thread=False,
        )
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _prepare(self) -> None:
        self.file = _file_id(self.path)
        with self._engine.connect() as connection:
            connection.execute(text("BEGIN IMMEDIATE"))  # two first starts at once: one creates
            tables.create(connection, str(self.path))
            connection.commit()

    @contextmanager
    def _one_line(self) -> Generator[None]:
        try:
            yield
        except FileNotFoundError:
            raise KeyStoreError(
                f"key store {self.path} is gone; put it back from a backup, or restart Sekisho "
                "to begin with an empty one"
            ) from None
        except (OSError, SQLAlchemyError) as error:
            raise KeyStoreError(f"key store {self.path}: {_plain(error)}") from error


def sqlite_path(url: str) -> Path:
    """The file that a database URL names. Raises KeyStoreError for any other kind of URL."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise KeyStoreError(
            "SEKISHO_DATABASE_URL is not a database URL; write sqlite:////absolute/path/keys.db"
        ) from None
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise KeyStoreError(
            f"SEKISHO_DATABASE_URL={parsed.render_as_string(hide_password=True)}: only a SQLite "
            "file works in this version; write sqlite:////absolute/path/keys.db"
        )
    return Path(str(parsed.database))


def _create_file(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # SQLite gives its -wal and -shm files the mode of the main one.
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        if os.fstat(descriptor).st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _file_id(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _plain(error: OSError | SQLAlchemyError) -> str:
    if isinstance(error, OSError):
        return f"{error.strerror}; check the folder's owner and mode, or set SEKISHO_HOME"
    reason = str(error.orig) if isinstance(error, DatabaseError) else str(error)
    lines = reason.splitlines() or [type(error).__name__]
    if "locked" in reason or "busy" in reason:
        return f"{lines[0]} for {_BUSY_SECONDS:.0f} s; another program holds it, try again"
    if "readonly" in reason or "unable to open" in reason:
        return f"{lines[0]}; check the owner and mode of the file and its folder"
    return f"{lines[0]}; restore it from a backup, or move it away to begin with an empty one"
