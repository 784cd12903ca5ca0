"""Budgets when processes die: no kill -9 changes a figure for longer than about a minute."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sekisho.keys.tables import processes, reservations

from . import ledgers
from .ledgers import DAY, MONTH, Machine, die, figures, hold, key, settle, spend_all, start, usd


class Clock:
    """Seconds, as the test wants them."""

    now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def machine(database_url: str, tmp_path: Path, clock: Clock) -> Iterator[Machine]:
    """One process on an empty database."""
    with ledgers.machine(database_url, tmp_path, "one", clock) as running:
        yield running


def beats(machine: Machine, clock: Clock, seconds: float) -> None:
    """Beat every 5 s for so long."""
    end = clock.now + seconds
    while clock.now < end:
        clock.now = min(clock.now + 5, end)
        machine.ledger.beat()


def test_processes_never_pass_a_budget_together(machine: Machine, tmp_path: Path) -> None:
    """Two machines of two processes, 60 requests each, with two budgets for 50: 50 pass."""
    homes = [tmp_path, tmp_path / "b"]
    running = [
        start(spend_all, machine.url, home, f"{home.name}-{number}", 50)
        for home in homes
        for number in range(2)
    ]
    passed = [int(process.communicate()[0]) for process in running]
    assert sum(passed) == 50
    assert figures(machine.database, DAY)["key_1"] == usd("50", "0")
    assert figures(machine.database, MONTH)["research"] == usd("50", "0")
    assert machine.warnings == []


@pytest.mark.parametrize(
    ("step", "before", "spent"),
    [
        ("reserving", "0", "0"),  # killed before the reservation was committed
        ("reserved", "10", "0"),
        ("in the outbox", "10", "3"),
        ("counting", "10", "3"),  # before the cost was committed
        ("counted", "0", "3"),
        ("dropping", "0", "3"),  # the outbox still has what is counted
    ],
)
def test_kill_9_at_any_step_changes_no_figure(
    machine: Machine, clock: Clock, tmp_path: Path, step: str, before: str, spent: str
) -> None:
    """A cost that was told counts once; what a dead process held is free after a minute."""
    process = start(die, machine.url, tmp_path, step)
    process.communicate()
    assert process.returncode == -9
    held = figures(machine.database).get("key_1", usd("0", "0"))[1]
    assert held == usd("0", before)[1]
    beats(machine, clock, 65)
    assert figures(machine.database).get("key_1", usd("0", "0")) == usd(spent, "0")
    assert ledgers.ids(machine.database, reservations) == set()
    assert ledgers.ids(machine.database, processes) == {"one"}
    beats(machine, clock, 65)
    assert figures(machine.database).get("key_1", usd("0", "0")) == usd(spent, "0")


@pytest.fixture
def dead(machine: Machine, database_url: str, tmp_path: Path) -> Iterator[Machine]:
    """Another machine that holds 10 USD; it never beats unless the test says so."""
    (tmp_path / "b").mkdir()
    with ledgers.machine(database_url, tmp_path / "b", "two") as other:
        other.ledger.beat()
        hold(other.ledger, "r", key(day=50), worst="10")
        yield other


def test_what_a_dead_process_held_is_free_after_a_minute(
    machine: Machine, dead: Machine, clock: Clock
) -> None:
    """Not before: a process that is only late keeps what it holds."""
    beats(machine, clock, 5)
    beats(machine, clock, 54)
    assert figures(machine.database) == {"key_1": usd("0", "10")}
    beats(machine, clock, 1)
    assert figures(machine.database) == {"key_1": usd("0", "0")}


def test_a_process_that_beats_keeps_what_it_holds(
    machine: Machine, dead: Machine, clock: Clock
) -> None:
    """However long its request runs."""
    for _ in range(6):
        beats(machine, clock, 30)
        dead.ledger.beat()
    assert figures(machine.database) == {"key_1": usd("0", "10")}


def test_an_outage_starts_the_minute_anew(machine: Machine, dead: Machine, clock: Clock) -> None:
    """Nobody could beat while the database was away, so nobody is dead for it."""
    beats(machine, clock, 50)
    machine.faulty.fault = "unreachable"
    beats(machine, clock, 5)
    machine.faulty.fault = ""
    beats(machine, clock, 55)
    assert figures(machine.database) == {"key_1": usd("0", "10")}
    beats(machine, clock, 5)
    assert figures(machine.database) == {"key_1": usd("0", "0")}


def test_a_sleep_of_our_own_starts_the_minute_anew(
    machine: Machine, dead: Machine, clock: Clock
) -> None:
    """A whole machine that was suspended doesn't bury its processes when it wakes."""
    beats(machine, clock, 5)
    clock.now += 1000
    machine.ledger.beat()
    assert figures(machine.database) == {"key_1": usd("0", "10")}


def test_a_process_that_never_beat_is_released_too(machine: Machine, clock: Clock) -> None:
    """It died before its first beat."""
    hold(machine.ledger, "r", key(day=50), worst="10")
    machine.crash("three")
    beats(machine, clock, 65)
    assert figures(machine.database) == {"key_1": usd("0", "0")}


def test_who_was_taken_for_dead_holds_again_what_it_held(
    machine: Machine, dead: Machine, clock: Clock
) -> None:
    """A process that was stopped for minutes goes on, and nothing is counted twice."""
    held = hold(dead.ledger, "r2", key(day=50), worst="5")
    beats(machine, clock, 65)
    assert figures(machine.database) == {"key_1": usd("0", "0")}
    dead.ledger.beat()
    assert figures(machine.database) == {"key_1": usd("0", "15")}
    settle(dead.ledger, held, "3")
    assert figures(machine.database) == {"key_1": usd("3", "10")}


def test_closing_leaves_nothing_behind(database_url: str, tmp_path: Path) -> None:
    """Costs are counted, and the process's beat is gone."""
    with ledgers.machine(database_url, tmp_path, "one") as running:
        running.ledger.defer(hold(running.ledger, "r", key(day=50)), usd("3", "0")[0])
    with ledgers.machine(database_url, tmp_path, "two") as running:
        assert figures(running.database) == {"key_1": usd("3", "0")}
        assert ledgers.ids(running.database, processes) == set()


def test_costs_that_were_left_behind_count_at_the_next_start(
    database_url: str, tmp_path: Path
) -> None:
    """A gateway that stops during an outage brings them when it comes back."""
    running = Machine(database_url, tmp_path, "one")
    held = hold(running.ledger, "r", key(day=50), worst="10")
    running.faulty.fault = "unreachable"
    settle(running.ledger, held, "3")
    running.stop()
    with ledgers.machine(database_url, tmp_path, "two") as running:
        running.ledger.beat()
        assert figures(running.database) == {"key_1": usd("3", "0")}
