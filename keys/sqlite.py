"""The SQLite file of keys: made 0600, in WAL mode, and its errors in words."""

import json
import os
import sqlite3
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import URL, Connection, create_engine
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from .row import KeyStoreError

_BUSY_SECONDS = 5.0  # writers queue this long; in WAL mode readers never wait for them


def _from_json(text: str) -> Any:
    # What most keys have as their networks and tags, and 100,000 may be read at once.
    return [] if text == "[]" else json.loads(text)


class SqliteFile:
    """A file, and an engine whose transactions begin when they are told to."""

    dialect: Literal["sqlite"] = "sqlite"

    def __init__(self, url: URL) -> None:
        """Nothing is opened yet. Raises KeyStoreError when the URL names no file."""
        if url.database in (None, "", ":memory:"):
            raise KeyStoreError(
                f"SEKISHO_DATABASE_URL={url.render_as_string()} names no file; write "
                "sqlite:////absolute/path/keys.db"
            )
        self.path = Path(str(url.database))
        self.name = str(self.path)
        self.engine = create_engine(
            "sqlite:///by-creator", creator=self._open, json_deserializer=_from_json
        )

    def mark(self) -> str:
        """Which file it is: another one after a backup was put in its place."""
        found = self.path.stat()
        return f"{found.st_dev}-{found.st_ino}"

    def make(self) -> None:
        """Make the file when there is none. SQLite gives its -wal and -shm the mode of it."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            if os.fstat(descriptor).st_mode & 0o077:
                os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)

    def begin(self, connection: Connection, *, writing: bool) -> None:
        """Begin a transaction; one that writes takes the lock at once, so it can't fail later."""
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    def lock_schema(self, connection: Connection) -> None:
        """Let nobody else change the schema in this transaction: BEGIN IMMEDIATE has done it."""

    def words(self, error: OSError | SQLAlchemyError) -> str:
        """What went wrong and what to do, in one line."""
        if isinstance(error, FileNotFoundError):
            return (
                "is gone; put it back from a backup, or restart Sekisho to begin with an empty one"
            )
        if isinstance(error, OSError):
            return f"{error.strerror}; check the folder's owner and mode, or set SEKISHO_HOME"
        reason = str(error.orig) if isinstance(error, DatabaseError) else str(error)
        line = (reason.splitlines() or [type(error).__name__])[0]
        if "locked" in reason or "busy" in reason:
            return f"{line} for {_BUSY_SECONDS:.0f} s; another program holds it, try again"
        if "readonly" in reason or "unable to open" in reason:
            return f"{line}; check the owner and mode of the file and its folder"
        return f"{line}; restore it from a backup, or move it away to begin with an empty one"

    def _open(self) -> sqlite3.Connection:
        # mode=rw: a file that went away is an error, not a new and empty store.
        # isolation_level None: the module begins no transactions of its own.
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            # Some builds have NORMAL as their default in WAL mode, which may forget the last
            # transactions in a power cut: a key that was revoked would come back.
            connection.execute("PRAGMA synchronous=FULL")
        except sqlite3.Error:
            connection.close()
            raise
        return connection
