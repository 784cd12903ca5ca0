"""Ledgers for tests: machines with an outbox each on one database that can be made to fail."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, NoReturn, cast
from unittest import mock
from zoneinfo import ZoneInfo

from sekisho.keys.budgets.ledger import BudgetWarning, Ledger, Reservation
from sekisho.keys.budgets.outbox import Outbox
from sekisho.keys.database import Database
from sekisho.keys.identity import Refusal
from sekisho.keys.limits import NO_LIMITS, Limits
from sekisho.keys.policy import Scope
from sekisho.keys.row import KeyStoreError
from sekisho.keys.tables import processes, reservations, spend
from sqlalchemy import Connection, Table, select

TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)  # noon in Tokyo
DAY, MONTH, TOTAL = "2026-11-21", "2026-11", "total"

Fault = Literal["", "unreachable", "broken", "answer lost"]


class Faulty:
    """A database that fails as it is told to: before a transaction, in it, or after its commit."""

    def __init__(self, database: Database) -> None:
        self.inner = database
        self.fault: Fault = ""
        self.before_commit: Callable[[], object] = lambda: None
        self.dialect = database.dialect

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """As Database.reading."""
        self._fail("unreachable")
        with self.inner.reading() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Generator[Connection]:
        """As Database.writing."""
        self._fail("unreachable")
        with self.inner.writing() as connection:
            yield connection
            self.before_commit()
            self._fail("broken")
        self._fail("answer lost")

    def _fail(self, fault: Fault) -> None:
        if self.fault == fault:
            raise KeyStoreError(f"key store: {fault}")


@dataclass
class Machine:
    """A process with a home of its own (or another one's), that can be cut off and can crash."""

    url: str
    home: Path
    process: str = "one"
    clock: Callable[[], float] = lambda: 0.0
    warnings: list[BudgetWarning] = field(default_factory=list[BudgetWarning])

    def __post_init__(self) -> None:
        """Start."""
        self.database = Database(self.url)
        self.faulty = Faulty(self.database)
        self.outbox = Outbox(self.home / "spend.db")
        self.ledger = self._ledger()

    def crash(self, process: str) -> None:
        """What kill -9 does: all that was in memory is gone, and a new process starts."""
        self.process = process
        self.ledger = self._ledger()

    def stop(self) -> None:
        """Close everything in order."""
        self.ledger.close()
        self.outbox.close()
        self.database.close()

    def _ledger(self) -> Ledger:
        return Ledger(
            cast("Database", self.faulty),
            self.outbox,
            self.process,
            TOKYO,
            is_away=lambda: False,
            warn=self.warnings.append,
            clock=self.clock,
        )


@contextmanager
def machine(
    url: str, home: Path, process: str = "one", clock: Callable[[], float] = lambda: 0.0
) -> Generator[Machine]:
    """A machine for one test."""
    running = Machine(url, home, process, clock)
    try:
        yield running
    finally:
        running.faulty.fault = ""
        running.stop()


def key(name: str = "key_1", **budgets: int) -> Scope:
    """A key with budgets by period, in USD."""
    return Scope("key", name, "This key", _limits(budgets))


def team(name: str = "research", **budgets: int) -> Scope:
    """A team with budgets by period, in USD."""
    return Scope("team", name, f"The team {name}", _limits(budgets))


def _limits(budgets: dict[str, int]) -> Limits:
    known: dict[str, Any] = {f"budget_{period}": Decimal(usd) for period, usd in budgets.items()}
    return replace(NO_LIMITS, **known)


def ask(
    ledger: Ledger, request: str, *scopes: Scope, worst: str = "1", now: datetime = NOW
) -> Reservation | Refusal:
    """Reserve, outside of any event loop."""
    return asyncio.run(ledger.reserve(request, scopes, Decimal(worst), now))


def hold(ledger: Ledger, request: str, *scopes: Scope, worst: str = "1") -> Reservation:
    """Reserve what surely fits."""
    held = ask(ledger, request, *scopes, worst=worst)
    assert isinstance(held, Reservation), held
    return held


def refused(ledger: Ledger, request: str, *scopes: Scope, worst: str = "1") -> Refusal:
    """Ask for what surely doesn't fit."""
    refusal = ask(ledger, request, *scopes, worst=worst)
    assert isinstance(refusal, Refusal), refusal
    return refusal


def settle(ledger: Ledger, reservation: Reservation, cost: str) -> None:
    """Settle, outside of any event loop."""
    asyncio.run(ledger.settle(reservation, Decimal(cost)))


def figures(database: Database, window: str = DAY) -> dict[str, tuple[Decimal, Decimal]]:
    """USD spent and reserved in a window, by name."""
    with database.reading() as connection:
        rows = connection.execute(select(spend).where(spend.c.window == window))
        million = 10**12
        return {
            row.name: (Decimal(row.spent) / million, Decimal(row.reserved) / million)
            for row in rows
        }


def usd(spent: str, reserved: str) -> tuple[Decimal, Decimal]:
    """What `figures` tells for a name."""
    return Decimal(spent), Decimal(reserved)


def ids(database: Database, table: Table) -> set[str]:
    """The ids in a table: of reservations, or of processes."""
    assert table in (reservations, processes)
    with database.reading() as connection:
        return set(connection.execute(select(table.c.id)).scalars())


# What a process of its own does, by name; started by `start`.


def add_many(home: str, count: str) -> None:
    """Add entries to an outbox."""
    outbox = Outbox(Path(home) / "spend.db")
    for _ in range(int(count)):
        outbox.add(b"p")
    outbox.close()


def spend_all(url: str, home: str, process: str, budget: str) -> None:
    """Ask 60 times for 1 USD, 20 at once, and settle 1 USD each; print how often it passed."""
    running = Machine(url, Path(home), process)

    async def one(number: int) -> bool:
        scopes = key(day=int(budget)), team(month=int(budget))
        held = await running.ledger.reserve(f"{process}-{number}", scopes, Decimal(1), NOW)
        if isinstance(held, Refusal):
            return False
        await running.ledger.settle(held, Decimal(1))
        return True

    async def everything() -> int:
        passed = 0
        for start in range(0, 60, 20):
            passed += sum(await asyncio.gather(*map(one, range(start, start + 20))))
        return passed

    print(asyncio.run(everything()))
    running.stop()


def die(url: str, home: str, step: str) -> None:
    """Reserve 10 USD and settle 3, and be killed at a step in between."""
    running = Machine(url, Path(home), "dead")
    running.ledger.beat()

    def kill(*_: object) -> NoReturn:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    if step == "reserving":
        running.faulty.before_commit = kill
    held = hold(running.ledger, "request", key(day=50), worst="10")
    if step == "reserved":
        kill()
    if step == "in the outbox":
        running.ledger.defer(held, Decimal(3))
        kill()
    if step == "counting":
        running.faulty.before_commit = kill
    settle(running.ledger, held, "3")
    if step == "counted":
        kill()
    if step == "dropping":
        with mock.patch.object(running.outbox, "drop", kill):
            running.ledger.beat()


def start(work: Callable[..., None], *words: object) -> "subprocess.Popen[str]":
    """Do one of the above in a new process; its output is text."""
    command = [sys.executable, "-W", "error", __file__, work.__name__, *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
