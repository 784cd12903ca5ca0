"""Rows that the disk refuses: kept in memory, so many and no more, until it takes them again."""

import logging
import threading
from collections import deque
from pathlib import Path

from .lines import Begun, Spool, SpoolError, TooLate

MOST_KEPT = 20_000  # about 40 MB

log = logging.getLogger("sekisho.record")


class Kept:
    """The rows that wait for the disk, of one process; safe for threads.

    `lost` counts those for which there was no place. Their beginnings, where the disk has them,
    stand for them as interrupted requests.
    """

    def __init__(self, spool: Spool) -> None:
        self.lost = 0
        self._spool = spool
        self._rows: deque[tuple[bytes, Begun | None]] = deque()
        self._lock = threading.Lock()
        self._giving = threading.Lock()
        self._given_back = 0
        self._lost_before = 0

    def __len__(self) -> int:
        """How many rows wait."""
        return len(self._rows)

    def keep(self, line: bytes, begun: Begun | None, why: str) -> None:
        """Take a row that the disk has refused, and in a sentence why."""
        with self._lock:
            if not self._rows:
                self._given_back, self._lost_before = 0, self.lost
                log.critical(
                    "%s. Until then at most %d rows are kept in memory, the others are lost",
                    why,
                    MOST_KEPT,
                )
            if len(self._rows) < MOST_KEPT:
                self._rows.append((line, begun))
                return
            if self.lost == self._lost_before:
                log.critical("spool %s: memory is full, rows are lost now", self._folder)
        self.lose(begun)

    def lose(self, begun: Begun | None) -> None:
        """Count a row that will never be written."""
        self.lost += 1
        if begun is not None:
            self._spool.drop(begun)

    def give_back(self) -> None:
        """Write what waits, as far as the disk takes it."""
        if not self._rows or not self._giving.acquire(blocking=False):
            return
        try:
            while self._rows:
                self._write(*self._rows[0])
                self._rows.popleft()
        except SpoolError:
            return
        finally:
            self._giving.release()
        log.warning(
            "spool %s: works again; %d rows from memory are on disk, %d are lost",
            self._folder,
            self._given_back,
            self.lost - self._lost_before,
        )

    def _write(self, line: bytes, begun: Begun | None) -> None:
        try:
            self._spool.end(begun, line)
            self._given_back += 1
        except TooLate:
            self.lost += 1

    def give_up(self) -> None:
        """Count what the disk has not taken to the end."""
        with self._giving:
            if self._rows:
                log.critical("spool %s: %d rows are lost", self._folder, len(self._rows))
            self.lost += len(self._rows)
            self._rows.clear()

    @property
    def _folder(self) -> Path:
        return self._spool.folder
