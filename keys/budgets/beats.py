"""The heartbeat of a process, and what follows when it or another one's has stopped."""

from collections.abc import Callable, Container, Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from ..database import Database
from ..row import KeyStoreError
from . import rows as budget_rows
from .rows import Changes
from .spending import Reservation

# With a beat every 2 s, what a dead process held is free 60 s after its death at the latest.
DEAD_SECONDS = 55.0
_LATE_SECONDS = 15.0
_DAYS, _MONTHS = 40, 13  # for how long old windows can be looked at


class Beats:
    """Keeps the reservations in the database those of requests that run.

    No clocks of machines are compared: a process is dead when its beat has not moved for
    DEAD_SECONDS of this process's own clock, in which our own beats were regular.
    """

    def __init__(
        self, database: Database, process: str, zone: ZoneInfo, clock: Callable[[], float]
    ) -> None:
        """`process` is unique for each start; `clock` counts seconds and never goes back."""
        self._database = database
        self._process = process
        self._zone = zone
        self._clock = clock
        self._last = clock()
        self._seen: dict[str, tuple[int, float]] = {}
        self._cleaned = ""

    def beat(self, held: Iterable[Reservation], mine: Container[str]) -> None:
        """Say that we live, and make the database hold what we hold. Raises KeyStoreError.

        `held` is what is surely reserved; `mine`, which may change meanwhile, the ids of what may
        be. An id may leave it only when its cost is counted, or when it never had one.
        """
        try:
            self._live(held, mine)
            self._bury()
        except KeyStoreError:
            self._seen.clear()
            raise

    def clean(self, now: datetime) -> None:
        """Once a day delete counters of old windows, some at a time. Raises KeyStoreError."""
        today = now.astimezone(self._zone).date()
        if self._cleaned == today.isoformat():
            return
        day = today - timedelta(days=_DAYS)
        months = today.year * 12 + today.month - 1 - _MONTHS
        month = f"{months // 12}-{months % 12 + 1:02}"
        with self._database.writing() as connection:
            more = [budget_rows.drop_windows(connection, w) for w in (day.isoformat(), month)]
        if not any(more):
            self._cleaned = today.isoformat()

    def end(self) -> None:
        """Delete our heartbeat, if nothing is held any more. Raises KeyStoreError."""
        with self._database.writing() as connection:
            if not budget_rows.held_by(connection, self._process):
                budget_rows.end_process(connection, self._process)

    def _live(self, held: Iterable[Reservation], mine: Container[str]) -> None:
        """Reservations that nobody will settle come from commits whose answer was lost; missing
        ones are those of an outage, or were released when we seemed dead.
        """
        changes = Changes()
        with self._database.writing() as connection:
            budget_rows.beat(connection, self._process)
            there = budget_rows.held_by(connection, self._process)
            strays = [i for i in there if i not in mine]
            missing = [r for r in held if r.id not in there and r.id in mine]
            budget_rows.release(connection, strays, changes)
            budget_rows.hold(connection, self._process, missing, changes)
            budget_rows.add(connection, changes)

    def _bury(self) -> None:
        now = self._clock()
        if now - self._last > _LATE_SECONDS:
            self._seen.clear()  # we slept, and who knows who else did
        self._last = now
        with self._database.reading() as connection:
            found = budget_rows.beats(connection)
        last = self._seen
        self._seen = {
            process: last[process] if last.get(process, (None,))[0] == beat else (beat, now)
            for process, beat in found.items()
            if process != self._process
        }
        for process, (beat, since) in self._seen.items():
            if now - since >= DEAD_SECONDS:
                self._release(process, beat)

    def _release(self, process: str, beat: int) -> None:
        changes = Changes()
        with self._database.writing() as connection:
            budget_rows.bury(connection, process, beat, changes)
            budget_rows.add(connection, changes)
