"""Budgets that hold: what a request may cost is reserved before it, what it did cost counted after.

A cost goes to the outbox, a file of this machine, and from there into the database: at once when
the request has a budget, with the next beat else. So there is one way for it, whether the database
is there or not, and no crash counts it twice or loses it.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar
from zoneinfo import ZoneInfo

from ... import log_lines
from ..database import Database
from ..identity import Refusal
from ..policy import Scope
from ..row import KeyStoreError
from . import rows as budget_rows
from .beats import Beats
from .counting import Counting
from .held import Held
from .outbox import Outbox
from .rows import Changes, Figures
from .spending import BudgetWarning, Reservation, Settled
from .windows import Counter
from .words import over_budget

__all__ = ["BudgetWarning", "Ledger", "Reservation"]

T = TypeVar("T")

log = logging.getLogger("sekisho.budget")

_MOST_SECONDS = 3.0  # what takes longer counts as a database that is away
_LOOK_SECONDS = 0.5  # at most, for what a read answers while the database is cut off
_CLOSE_SECONDS = 3.0  # at most, for the last costs
_MOST_KNOWN = 100_000  # counters; about 30 MB
_NOTHING = Figures(0, 0)


class Ledger:
    """The budgets of every key, user and team, and the gateway; one for each process.

    Any number of processes and machines share one database: what they let pass together never
    passes a budget. While it is away, requests pass as far as this process knows their budgets.
    """

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        process: str,
        zone: ZoneInfo,
        *,
        is_away: Callable[[], bool],
        warn: Callable[[BudgetWarning], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`process` must be unique for each start. `warn` is called in any thread."""
        self._database = database
        self._outbox = outbox
        self._process = process
        self._zone = zone
        self._is_away = is_away
        self._beats = Beats(database, process, zone, clock)
        self._counting = Counting(database, outbox, zone, warn)
        # SQLite has one writer at a time: more threads would only wait for each other.
        self._reserving = ThreadPoolExecutor(1 if database.dialect == "sqlite" else 4)
        self._settling = self._reserving if database.dialect == "sqlite" else ThreadPoolExecutor(1)
        self._looking = ThreadPoolExecutor(1)  # the others may be stuck when it is needed
        self._mine = Held()
        self._known: dict[Counter, Figures] = {}
        self._cut_off = False
        self._readable = True

    async def reserve(
        self, request_id: str, scopes: Sequence[Scope], worst: Decimal, now: datetime
    ) -> Reservation | Refusal:
        """Hold `worst` (USD) of each budget of these scopes, all or none; `now` is the start.

        Each Reservation must be given to `settle` or `defer`.
        """
        reservation = Reservation.of(request_id, scopes, worst, now, self._zone)
        # Known before it is in the database, so that no beat in between takes it for a stray.
        self._mine.start(reservation)
        held: Reservation | Refusal | None = None
        try:
            held = await self._reserved(reservation) if reservation.budgets else reservation
            return held
        finally:
            self._mine.started(request_id, runs=isinstance(held, Reservation))

    async def settle(self, reservation: Reservation, cost: Decimal) -> None:
        """Count `cost` (USD) instead of what was held. Once for each reservation; never raises."""
        number = self._write(reservation, cost)
        if number and reservation.budgets:
            try:
                await self._ask(self._settling, self._count, (number, reservation.id))
            except Exception as error:  # noqa: BLE001 - it is in the outbox: the next beat tries
                log.critical("a cost is counted later: %s", log_lines.in_one_line(error))

    def defer(self, reservation: Reservation, cost: Decimal) -> None:
        """The same without waiting: the next beat counts it."""
        self._write(reservation, cost)

    def beat(self) -> None:
        """Keep everything right; call it every 2 s in a thread. Never raises KeyStoreError.

        Counts what is in the outbox, and releases what dead processes held.
        """
        self._readable = True
        try:
            self._beats.beat(self._mine.held(), self._mine)
            self._mine.counted(self._counting.count_all(self._mine.uncounted()))
            self._beats.clean(datetime.now(UTC))
        except KeyStoreError as error:
            self._lose(str(error))
        else:
            if self._cut_off:
                log.warning("budgets are in the key store again; every cost is counted")
            self._cut_off = False

    def close(self) -> None:
        """Count what is left, after the last request; before the outbox and the database close.

        Takes some seconds at most: what a database that hangs doesn't take stays in the outbox.
        """
        for pool in self._pools:
            pool.shutdown(wait=False, cancel_futures=True)
        last = threading.Thread(target=self._end, name="sekisho-last-costs", daemon=True)
        last.start()
        last.join(_CLOSE_SECONDS)
        if last.is_alive():
            self._lose(f"it has not answered for {_CLOSE_SECONDS:g} s, and we stop")

    @property
    def _pools(self) -> tuple[ThreadPoolExecutor, ...]:
        return self._reserving, self._settling, self._looking

    def _end(self) -> None:
        for pool in self._pools:
            pool.shutdown()
        self.beat()
        if not self._cut_off:
            try:
                self._beats.end()
            except KeyStoreError as error:
                self._lose(str(error))

    async def _reserved(self, reservation: Reservation) -> Reservation | Refusal:
        held = await self._ask(self._reserving, self._hold, reservation)
        if held is not None:
            return held
        await self._look(reservation)
        return self._pass_alone(reservation)

    async def _look(self, reservation: Reservation) -> None:
        """Learn the figures that we have never seen: SQLite answers that while others write."""
        unseen = [b.counter for b in reservation.budgets if b.counter not in self._known]
        if not unseen or not self._readable or self._is_away():
            return
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                found = await loop.run_in_executor(
                    self._looking, self._figures, unseen, reservation.id
                )
        except (TimeoutError, KeyStoreError):
            self._readable = False  # nobody else waits for that before the next beat
        else:
            # Another request may have passed meanwhile by the same figures: that is known better.
            self._learn({c: f for c, f in found.items() if c not in self._known})

    def _figures(self, counters: list[Counter], without: str) -> dict[Counter, Figures]:
        with self._database.reading() as connection:
            return budget_rows.look(connection, counters, without)

    async def _ask(
        self, pool: ThreadPoolExecutor, work: Callable[[T], Reservation | Refusal | None], what: T
    ) -> Reservation | Refusal | None:
        """Do it in a thread; None when the database is away."""
        if self._cut_off:
            return None
        if self._is_away():
            self._lose("it is away")
            return None
        try:
            async with asyncio.timeout(_MOST_SECONDS):
                return await asyncio.get_running_loop().run_in_executor(pool, work, what)
        except TimeoutError:
            self._lose(f"it has not answered for {_MOST_SECONDS:g} s")
        except KeyStoreError as error:
            self._lose(str(error))
        return None

    def _hold(self, reservation: Reservation) -> Reservation | Refusal:
        """Reserve in the database, whatever others do there. Raises KeyStoreError."""
        changes = Changes()
        figures: dict[Counter, Figures] = {}
        try:
            with self._database.writing() as connection:
                budget_rows.hold(connection, self._process, [reservation], changes)
                figures = budget_rows.add(connection, changes)
                # Empty when this took so long that a beat has reserved it in the meantime.
                refusal = over_budget(reservation, figures, self._zone) if figures else None
                if refusal is not None:
                    raise _RollBack(refusal)
        except _RollBack as over:
            amount = reservation.amount
            self._learn({c: f._replace(reserved=f.reserved - amount) for c, f in figures.items()})
            return over.refusal
        self._learn(figures)
        return reservation

    def _pass_alone(self, reservation: Reservation) -> Reservation | Refusal:
        """Decide without the database, by what is known of it. The next good beat reserves it."""
        known = self._changed(reservation, 0, reservation.amount)
        refusal = over_budget(reservation, known, self._zone)
        if refusal is not None:
            return refusal
        self._learn(known)
        return replace(reservation, in_database=False)

    def _write(self, reservation: Reservation, cost: Decimal) -> int:
        """Put a cost into the outbox; its number there, or 0."""
        if not self._mine.settle(reservation):
            return 0
        settled = Settled.of(reservation, cost)
        known = self._changed(reservation, settled.cost, -reservation.amount)
        self._learn({c: f for c, f in known.items() if c in self._known})
        number = self._outbox.add(settled.encode())
        self._mine.written(reservation.id)
        return number

    def _count(self, entry: tuple[int, str]) -> None:
        number, request_id = entry
        self._learn(self._counting.count(number))
        self._mine.counted([request_id])

    def _changed(
        self, reservation: Reservation, spent: int, reserved: int
    ) -> dict[Counter, Figures]:
        known = {b.counter: self._known.get(b.counter, _NOTHING) for b in reservation.budgets}
        return {c: Figures(f.spent + spent, f.reserved + reserved) for c, f in known.items()}

    def _learn(self, figures: dict[Counter, Figures]) -> None:
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
        self._known.update(figures)

    def _lose(self, why: str) -> None:
        if not self._cut_off:
            log.critical("budgets are kept in this process until the key store answers: %s", why)
        self._cut_off = True


class _RollBack(Exception):
    """Leaves a transaction without its changes."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__()
        self.refusal = refusal
