"""Budgets while the database is away, slow, or loses its answers; and when it comes back."""

import asyncio
import logging
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from sekisho.keys.budgets.ledger import Reservation
from sekisho.keys.database import Database
from sekisho.keys.tables import reservations
from sqlalchemy import text

from . import ledgers
from .gateway import until
from .ledgers import Fault, Machine, ask, figures, hold, key, refused, settle, usd
from .servers import Postgres


@pytest.fixture
def machine(database_url: str, tmp_path: Path) -> Iterator[Machine]:
    """One process on an empty database."""
    with ledgers.machine(database_url, tmp_path) as running:
        yield running


def test_requests_pass_as_far_as_is_known(machine: Machine) -> None:
    """What the database last said, and what passed since, stays within the budget."""
    settle(machine.ledger, hold(machine.ledger, "r1", key(day=50), worst="40"), "30")
    machine.faulty.fault = "unreachable"
    first = hold(machine.ledger, "r2", key(day=50), worst="15")
    assert not first.in_database
    held = refused(machine.ledger, "r3", key(day=50), worst="6")
    assert held.retry_after == 2
    settle(machine.ledger, first, "1")
    spent = refused(machine.ledger, "r4", key(day=50), worst="20")
    assert "This key has used 31.00 of its budget of 50.00 USD per day" in spent.message
    hold(machine.ledger, "r5", key(day=50), worst="19")


def test_when_it_is_back_all_is_counted_and_held(machine: Machine) -> None:
    """Costs of the outage count, and requests that still run hold what they may cost."""
    held = hold(machine.ledger, "r1", key(day=50), worst="10")
    machine.faulty.fault = "unreachable"
    settle(machine.ledger, held, "3")
    machine.ledger.beat()
    running = hold(machine.ledger, "r2", key(day=50), worst="10")
    machine.faulty.fault = ""
    assert figures(machine.database) == {"key_1": usd("0", "10")}
    machine.ledger.beat()
    assert figures(machine.database) == {"key_1": usd("3", "10")}
    assert hold(machine.ledger, "r3", key(day=50), worst="37").in_database
    settle(machine.ledger, running, "4")
    assert figures(machine.database) == {"key_1": usd("7", "37")}


@pytest.mark.parametrize("fault", ["broken", "answer lost"])
def test_a_reservation_with_a_lost_answer_is_no_trap(machine: Machine, fault: Fault) -> None:
    """Whether it was committed or not, its request passes and costs once."""
    machine.faulty.fault = fault
    held = hold(machine.ledger, "r", key(day=50), worst="10")
    machine.faulty.fault = ""
    machine.ledger.beat()
    assert figures(machine.database) == {"key_1": usd("0", "10")}
    settle(machine.ledger, held, "3")
    assert figures(machine.database) == {"key_1": usd("3", "0")}


@pytest.mark.parametrize("fault", ["broken", "answer lost"])
def test_a_cost_with_a_lost_answer_counts_once(machine: Machine, fault: Fault) -> None:
    """Whether it was committed or not."""
    held = hold(machine.ledger, "r", key(day=50), worst="10")
    machine.faulty.fault = fault
    settle(machine.ledger, held, "3")
    machine.ledger.beat()
    machine.faulty.fault = ""
    machine.ledger.beat()
    assert figures(machine.database) == {"key_1": usd("3", "0")}


def test_what_was_reserved_for_nobody_is_released(machine: Machine) -> None:
    """A request that was cancelled while its reservation was committed holds nothing for long."""

    async def cancelled() -> None:
        task = asyncio.ensure_future(
            machine.ledger.reserve("r", [key(day=50)], Decimal(10), ledgers.NOW)
        )
        loop = asyncio.get_running_loop()
        machine.faulty.before_commit = lambda: loop.call_soon_threadsafe(task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    machine.faulty.before_commit = lambda: None
    until("the beat", lambda: not ids(machine, beat=True))
    assert figures(machine.database) in ({}, {"key_1": usd("0", "0")})


def ids(machine: Machine, *, beat: bool = False) -> set[str]:
    """The ids of all reservations, after a beat or without."""
    if beat:
        machine.ledger.beat()
    return ledgers.ids(machine.database, reservations)


@contextmanager
def locked(database: Database) -> Generator[None]:
    """Somebody holds a lock on what every request of a key changes."""
    with database.writing() as connection:
        if database.dialect == "postgresql":
            connection.execute(text("LOCK TABLE sekisho_spend"))
        yield


def test_what_takes_too_long_counts_as_away(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Requests go on meanwhile, and a reservation that comes late is not left behind."""
    monkeypatch.setattr("sekisho.keys.budgets.ledger._MOST_SECONDS", 0.1)
    blocker = Database(machine.url)
    with locked(blocker):
        late = hold(machine.ledger, "r1", key(day=50), worst="10")
        settle(machine.ledger, late, "3")
        assert not hold(machine.ledger, "r2", key(day=50), worst="40").in_database
        refused(machine.ledger, "r3", key(day=50), worst="8")
    blocker.close()
    words = [r.getMessage() for r in caplog.records if r.levelno == logging.CRITICAL]
    assert [line.partition(": ")[2] for line in words] == ["it has not answered for 0.1 s"]
    until("the late commit", lambda: ids(machine, beat=True) == {"r2"})
    assert figures(machine.database) == {"key_1": usd("3", "40")}


def test_an_outage_is_told_once_and_its_end_once(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    """However many requests and beats it lasts."""
    machine.faulty.fault = "unreachable"
    for number in range(3):
        settle(machine.ledger, hold(machine.ledger, f"r{number}", key(day=50)), "1")
        machine.ledger.beat()
    machine.faulty.fault = ""
    machine.ledger.beat()
    machine.ledger.beat()
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        (
            "CRITICAL",
            "budgets are kept in this process until the key store answers: key store: unreachable",
        ),
        ("WARNING", "budgets are in the key store again; every cost is counted"),
    ]


def test_postgresql_stops_and_starts_again(postgres: Postgres, tmp_path: Path) -> None:
    """A real outage: known budgets go on, nothing is lost, and no restart is needed."""
    with ledgers.machine(postgres.database(), tmp_path) as machine:
        settle(machine.ledger, hold(machine.ledger, "r1", key(day=50), worst="10"), "10")
        running = hold(machine.ledger, "r2", key(day=50), worst="10")
        postgres.stop()
        try:
            passed = hold(machine.ledger, "r3", key(day=50), worst="30")
            refused(machine.ledger, "r4", key(day=50), worst="1")
            settle(machine.ledger, running, "5")
            machine.ledger.beat()
        finally:
            postgres.start_again()
        until("the beat", lambda: ids(machine, beat=True) == {"r3"})
        assert figures(machine.database) == {"key_1": usd("15", "30")}
        settle(machine.ledger, passed, "20")
        assert figures(machine.database) == {"key_1": usd("35", "0")}
        assert isinstance(ask(machine.ledger, "r5", key(day=50), worst="15"), Reservation)
