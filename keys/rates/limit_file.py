"""The file in which the workers of one machine count together: SQLite, a turn at a time."""

import os
import secrets
import sqlite3
import time
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

# A turn takes some tens of microseconds; who waits longer than this meets a broken file, and
# waits on the event loop.
_BUSY_SECONDS = 0.5
_NAP_SECONDS = 0.0001
_TABLES = (
    """CREATE TABLE windows (
        name TEXT PRIMARY KEY, previous INTEGER NOT NULL, current INTEGER NOT NULL,
        ends REAL NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE slots (
        name TEXT NOT NULL, request TEXT NOT NULL, ends REAL NOT NULL,
        PRIMARY KEY (name, request)
    ) WITHOUT ROWID""",
)


class LimitFile:
    """Counters that outlive a worker and are the same for all of them.

    It is opened when it is first needed, and again after an error or when somebody took it away.
    Nothing is synced to disk: after a power cut there are other worries than the last minute.
    """

    def __init__(self, path: Path | None) -> None:
        """`path` None counts in this process's memory alone."""
        self.path = path
        self._connection: sqlite3.Connection | None = None
        self._file = (0, 0)

    @contextmanager
    def turn(self) -> Generator[sqlite3.Connection]:
        """The file for ourselves, until all we write is kept. Raises sqlite3.Error, OSError.

        Nothing may be awaited meanwhile.
        """
        connection = self._connection or self._open()
        try:
            _begin(connection)
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            self.close()  # which takes back what was written
            raise

    def tend(self, now: float) -> None:
        """Forget what has ended, and see that it is still the file which others open."""
        if self.path is not None and self._connection is not None:
            with suppress(FileNotFoundError):
                if _file_id(self.path) == self._file:
                    return self._sweep(now)
            self.close()
        return self._sweep(now)

    def close(self) -> None:
        """Close the file; the next turn opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _sweep(self, now: float) -> None:
        with self.turn() as connection:
            connection.execute("DELETE FROM windows WHERE ends <= ?", (now,))
            connection.execute("DELETE FROM slots WHERE ends <= ?", (now,))

    def _open(self) -> sqlite3.Connection:
        if self.path is None:
            connection = _connect(":memory:")
            _make(connection)
        else:
            if not self.path.exists():
                _create(self.path)
            if self.path.stat().st_mode & 0o077:
                self.path.chmod(0o600)
            self._file = _file_id(self.path)
            connection = _connect(self.path)
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA busy_timeout=0")  # from here on we wait ourselves
        self._connection = connection
        return connection


def _begin(connection: sqlite3.Connection) -> None:
    """Wait for our turn. SQLite itself would sleep up to 0.1 s between two tries, and starve."""
    end = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > end:
                raise
            time.sleep(_NAP_SECONDS)
        else:
            return


def _connect(path: Path | str) -> sqlite3.Connection:
    return sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )


def _make(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    for table in _TABLES:
        connection.execute(table)


def _create(path: Path) -> None:
    """Make it elsewhere, and give it its name when it is ready.

    When workers start together, SQLite lets only one of them change the journal mode, and the
    others don't wait for it but fail.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}-{secrets.token_hex(8)}")
    # SQLite gives its -wal and -shm files the mode of the main one.
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        with closing(_connect(draft)) as connection:
            _make(connection)
        with suppress(FileExistsError):  # another worker was faster
            path.hardlink_to(draft)
    finally:
        draft.unlink()


def _file_id(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino
