"""Costs on their way to the database: a small file of this machine that outlives every process."""

import contextlib
import logging
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Generator
from pathlib import Path

from ..row import KeyStoreError

log = logging.getLogger("sekisho.budget")

_BUSY_SECONDS = 0.2  # `add` is called on the event loop; what is too slow is kept for the next
_RETRY_SECONDS = 1.0
_TABLES = (
    "CREATE TABLE IF NOT EXISTS entries (id INTEGER PRIMARY KEY AUTOINCREMENT, entry BLOB)",
    "CREATE TABLE IF NOT EXISTS outbox (one INTEGER PRIMARY KEY, id TEXT, place TEXT)",
)
_BOOT = Path("/proc/sys/kernel/random/boot_id")
# A copy of the file, or of the whole machine, must not count under the name of the original: each
# would take the other's entries for counted. Without entries no name is needed for those that may
# have been counted, so it can be a new one; one statement, in between which nobody adds an entry.
_RENAME = (
    "UPDATE outbox SET id = ?, place = ? WHERE place IS NOT ? "
    "AND NOT EXISTS (SELECT 1 FROM entries)"
)
# Ids grow in the order of commits, for SQLite has one writer at a time, so "all up to N are
# counted" is one number. They are microseconds: after a power cut, which may take the last
# entries and SQLite's memory of their ids, no id is given again that the database has counted.
_ADD = (
    "INSERT INTO entries (id, entry) SELECT max(:now, 1 + coalesce("
    "(SELECT seq FROM sqlite_sequence WHERE name = 'entries'), 0)), :entry"
)


class Outbox:
    """Entries (bytes) in the order they came; safe for threads and for many processes.

    An entry survives `kill -9` as soon as `add` returns. A power cut can take what the kernel had
    not written to disk yet, some seconds.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the file (mode 0600). Raises KeyStoreError.

        What the file doesn't take is counted under the name `memory`.
        """
        self.memory = uuid.uuid4().hex
        self._path = path
        self._kept: list[bytes] = []
        self._aside: list[tuple[int, bytes]] = []
        self._asides = 0
        self._failing = False
        self._retry_at = 0.0
        self._adding = threading.Lock()
        self._reading = threading.Lock()
        with self._one_line():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._writer = self._connect()
            self._reader = self._connect()
            self._place = _place(path)
            _prepare(self._writer, self._place)
            # Checkpoints wait for the disk: `drop` makes them, in its own thread.
            self._writer.execute("PRAGMA wal_autocheckpoint=0")

    @property
    def id(self) -> str:
        """What names the file in the database; a copied file gets a new one. Raises KeyStoreError.

        Entries that are read between two looks at the same name were written under it.
        """
        with self._reading, self._one_line():
            return str(self._reader.execute("SELECT id FROM outbox").fetchone()[0])

    def add(self, entry: bytes) -> int:
        """Write an entry and return its id, in about 30 us.

        What the disk doesn't take stays in memory until a later call can write it; its id is 0.
        """
        with self._adding:
            self._kept.append(entry)
            return self._write() if time.monotonic() >= self._retry_at else 0

    def entries(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        """The oldest entries with ids above `after`. Raises KeyStoreError."""
        self._write_kept()
        with self._reading, self._one_line():
            found = self._reader.execute(
                "SELECT id, entry FROM entries WHERE id > ? ORDER BY id LIMIT ?", (after, limit)
            )
            return found.fetchall()

    def drop(self, through: int) -> None:
        """Forget the entries up to this id. Raises KeyStoreError."""
        with self._reading, self._one_line():
            self._reader.execute("DELETE FROM entries WHERE id <= ?", (through,))
            _rename(self._reader, self._place)

    def kept(self) -> list[tuple[int, bytes]]:
        """What is in memory alone."""
        with self._adding:
            return [*self._aside, *((0, entry) for entry in self._kept)]

    def set_aside(self) -> list[tuple[int, bytes]]:
        """All that is in memory, numbered for `memory`: the file never gets it from now on."""
        with self._adding:
            for entry in self._kept:
                self._asides += 1
                self._aside.append((self._asides, entry))
            self._kept.clear()
            return list(self._aside)

    def drop_aside(self, through: int) -> None:
        """Forget what was set aside, up to this number."""
        with self._adding:
            self._aside = [entry for entry in self._aside if entry[0] > through]

    def waiting(self) -> int:
        """How many entries have not been dropped. Raises KeyStoreError."""
        with self._reading, self._one_line():
            found = self._reader.execute("SELECT count(*) FROM entries").fetchone()
        return int(found[0]) + len(self._kept) + len(self._aside)

    def close(self) -> None:
        """Write what was kept in memory, if that can be done now, and close the file."""
        self._write_kept()
        with self._adding, self._reading:
            self._writer.close()
            self._reader.close()

    def _write_kept(self) -> None:
        with self._adding:
            if self._kept:
                self._write()

    def _write(self) -> int:
        """Write what is kept, all or nothing; the last id, or 0."""
        writer, last = self._writer, 0
        try:
            writer.execute("BEGIN IMMEDIATE")
            for entry in self._kept:
                values = {"now": time.time_ns() // 1000, "entry": entry}
                last = writer.execute(_ADD, values).lastrowid or 0
            writer.execute("COMMIT")
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                writer.execute("ROLLBACK")
            self._retry_at = time.monotonic() + _RETRY_SECONDS
            if not self._failing:
                log.critical(
                    "outbox %s: %s; costs are kept in memory, where a crash loses them. Free disk "
                    "space or mend the folder; writing goes on by itself then",
                    self._path,
                    error,
                )
            self._failing = True
            return 0
        if self._failing:
            log.warning("outbox %s can be written again; nothing is lost", self._path)
        self._failing = False
        self._kept.clear()
        return last

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    @contextlib.contextmanager
    def _one_line(self) -> Generator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise KeyStoreError(
                f"outbox {self._path}: {error}; check the owner, the mode and the space of its "
                "folder"
            ) from error


def _prepare(connection: sqlite3.Connection, place: str) -> None:
    connection.execute("BEGIN IMMEDIATE")  # two first starts at once: one creates
    for table in _TABLES:
        connection.execute(table)
    columns = {column[1] for column in connection.execute("PRAGMA table_info(outbox)")}
    if "place" not in columns:
        connection.execute("ALTER TABLE outbox ADD COLUMN place TEXT")
    connection.execute("INSERT OR IGNORE INTO outbox VALUES (1, ?, ?)", (uuid.uuid4().hex, place))
    _rename(connection, place)
    connection.execute("COMMIT")


def _rename(connection: sqlite3.Connection, place: str) -> None:
    connection.execute(_RENAME, (uuid.uuid4().hex, place, place))


def _place(path: Path) -> str:
    """Which file on which start of which machine: all that a copy can't have."""
    found = path.stat()
    boot = _BOOT.read_text().strip() if _BOOT.exists() else ""
    return f"{boot} {found.st_dev} {found.st_ino}"
