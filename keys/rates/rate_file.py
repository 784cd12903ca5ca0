"""A storage for the library `limits` over this machine's file; its own ones are all servers."""

import sqlite3
from collections.abc import Callable

from limits.aio.storage import SlidingWindowCounterSupport, Storage

from .limit_file import LimitFile
from .sliding import Windows, fits


class RateFile(Storage, SlidingWindowCounterSupport):
    """Sliding windows, as `limits` has them in Redis: a first hit opens a window.

    Asynchronous in name alone: a turn with the file is shorter than a change of thread.
    """

    STORAGE_SCHEME = None

    def __init__(self, file: LimitFile, clock: Callable[[], float]) -> None:
        """`clock` tells seconds, the same ones to all processes."""
        super().__init__()
        self._file = file
        self._clock = clock

    @property
    def base_exceptions(self) -> type[Exception]:
        """What may go wrong, beside OSError."""
        return sqlite3.Error

    async def acquire_sliding_window_entry(
        self, key: str, limit: int, expiry: int, amount: int = 1
    ) -> bool:
        """Count `amount` when it fits."""
        with self._file.turn() as connection:
            now = self._clock()
            found = _windows(connection, key, expiry, now)
            if not fits(found, limit, expiry, amount):
                return False
            connection.execute(
                "REPLACE INTO windows (name, previous, current, ends) VALUES (?, ?, ?, ?)",
                (key, found.previous, found.current + amount, now + found.current_ttl),
            )
            return True

    async def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """The counts of the previous and the current window, each with its seconds to live."""
        with self._file.turn() as connection:
            return _windows(connection, key, expiry, self._clock())

    async def clear_sliding_window(self, key: str, expiry: int) -> None:  # noqa: ARG002
        """Forget a counter."""
        await self.clear(key)

    async def clear(self, key: str) -> None:
        """Forget a counter."""
        with self._file.turn() as connection:
            connection.execute("DELETE FROM windows WHERE name = ?", (key,))

    async def reset(self) -> int | None:
        """Forget all counters; how many there were."""
        with self._file.turn() as connection:
            return connection.execute("DELETE FROM windows").rowcount

    async def check(self) -> bool:
        """Whether the file can be written."""
        try:
            self._file.tend(self._clock())
        except (sqlite3.Error, OSError):
            return False
        return True

    # What follows is for fixed windows, which nobody here uses.

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Not there."""
        raise NotImplementedError

    async def get(self, key: str) -> int:
        """Not there."""
        raise NotImplementedError

    async def get_expiry(self, key: str) -> float:
        """Not there."""
        raise NotImplementedError


def _windows(connection: sqlite3.Connection, key: str, expiry: int, now: float) -> Windows:
    row = connection.execute(
        "SELECT previous, current, ends FROM windows WHERE name = ?", (key,)
    ).fetchone()
    fresh = Windows(0, 0.0, 0, 2.0 * expiry)
    if row is None:
        return fresh
    previous, current, ends = row
    left = min(ends - now, 2.0 * expiry)
    # What ends much later than any window does was counted before the clock was set back.
    if left <= 0 or ends - now > 3.0 * expiry:
        return fresh
    if left < expiry:  # the current window is over
        return Windows(current, left, 0, left + expiry)
    return Windows(previous, left - expiry, current, left)
