"""Budgets: what is reserved, settled, refused, warned about and shown, on both databases."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sekisho.keys.budgets.beats import Beats
from sekisho.keys.budgets.ledger import BudgetWarning, Reservation
from sekisho.keys.budgets.spent import all_budgets, spent_of
from sekisho.keys.identity import Quota, Refusal
from sekisho.keys.limits import NO_LIMITS, Limits
from sekisho.keys.policy import Scope
from sekisho.keys.tables import reservations, spend
from sqlalchemy import Engine, event

from . import ledgers
from .ledgers import (
    DAY,
    MONTH,
    NOW,
    TOKYO,
    TOTAL,
    Machine,
    ask,
    figures,
    hold,
    key,
    refused,
    settle,
    team,
    usd,
)


@pytest.fixture
def machine(database_url: str, tmp_path: Path) -> Iterator[Machine]:
    """One process on an empty database."""
    with ledgers.machine(database_url, tmp_path) as running:
        yield running


def test_the_cost_takes_the_place_of_what_was_held(machine: Machine) -> None:
    """While it runs a request holds its worst case of its budget; then its cost is spent."""
    held = hold(machine.ledger, "r", key(day=50), worst="10")
    assert figures(machine.database) == {"key_1": usd("0", "10")}
    settle(machine.ledger, held, "3.000000000001")
    assert figures(machine.database) == {"key_1": usd("3.000000000001", "0")}
    assert ledgers.ids(machine.database, reservations) == set()


def test_a_cost_counts_in_every_window_of_every_scope(machine: Machine) -> None:
    """Whoever has no budget is counted too, in the day, the month and in all."""
    settle(machine.ledger, hold(machine.ledger, "r", key(day=50), team()), "3")
    for window in (DAY, MONTH, TOTAL):
        assert figures(machine.database, window) == {
            "key_1": usd("3", "0"),
            "research": usd("3", "0"),
        }


def test_without_budgets_the_database_is_not_asked(machine: Machine) -> None:
    """Such a request works with a database that is away; the next beat counts its cost."""
    machine.faulty.fault = "unreachable"
    settle(machine.ledger, hold(machine.ledger, "r", key(), worst="100"), "3")
    machine.faulty.fault = ""
    assert figures(machine.database) == {}
    machine.ledger.beat()
    assert figures(machine.database) == {"key_1": usd("3", "0")}
    assert machine.outbox.waiting() == 0


def test_all_budgets_hold_or_none(machine: Machine) -> None:
    """A request that its team can't pay takes nothing from its key."""
    refused(machine.ledger, "r", key(day=50), team(month=5), worst="6")
    assert figures(machine.database) == {}
    assert ledgers.ids(machine.database, reservations) == set()


def test_the_last_cent_can_be_spent(machine: Machine) -> None:
    """What fits exactly passes; 1e-12 USD more does not."""
    settle(machine.ledger, hold(machine.ledger, "r1", key(day=1), worst="0.5"), "0.5")
    refused(machine.ledger, "r2", key(day=1), worst="0.500000000001")
    hold(machine.ledger, "r3", key(day=1), worst="0.5")


def test_what_is_free_passes_until_all_is_spent(machine: Machine) -> None:
    """A request that can cost nothing needs a budget with something left, held or not."""
    held = hold(machine.ledger, "r1", key(day=1), worst="1")
    free = hold(machine.ledger, "r2", key(day=1), worst="0")
    settle(machine.ledger, free, "0")
    settle(machine.ledger, held, "1")
    refused(machine.ledger, "r3", key(day=1), worst="0")


def test_a_worst_case_beyond_all_money_is_refused(machine: Machine) -> None:
    """No figure is too large to be compared."""
    refusal = refused(machine.ledger, "r", key(total=1_000_000), worst="1e30")
    assert "has used 0.00 of its budget of 1000000.00 USD in all" in refusal.message


def test_settling_twice_counts_once(machine: Machine) -> None:
    """A request that is settled and then cancelled, or the other way round, has one cost."""
    first = hold(machine.ledger, "r1", key(day=50), worst="10")
    settle(machine.ledger, first, "3")
    machine.ledger.defer(first, Decimal(3))
    second = hold(machine.ledger, "r2", key(day=50), worst="10")
    machine.ledger.defer(second, Decimal(4))
    settle(machine.ledger, second, "4")
    machine.ledger.beat()
    assert figures(machine.database) == {"key_1": usd("7", "0")}


def test_a_deferred_cost_counts_with_the_next_beat(machine: Machine) -> None:
    """Until then what was held stays held."""
    held = hold(machine.ledger, "r", key(day=50), worst="10")
    machine.ledger.defer(held, Decimal(3))
    assert figures(machine.database) == {"key_1": usd("0", "10")}
    machine.ledger.beat()
    assert figures(machine.database) == {"key_1": usd("3", "0")}


def test_a_request_counts_on_the_day_it_began(machine: Machine) -> None:
    """Even when its answer ends after midnight."""
    before = datetime(2026, 11, 21, 14, 59, 59, tzinfo=UTC)
    held = ask(machine.ledger, "r", key(day=50), worst="10", now=before)
    assert isinstance(held, Reservation)
    hold_after = ask(
        machine.ledger, "r2", key(day=10), worst="10", now=before + timedelta(seconds=1)
    )
    assert isinstance(hold_after, Reservation)
    settle(machine.ledger, held, "3")
    assert figures(machine.database, "2026-11-21") == {"key_1": usd("3", "0")}
    assert figures(machine.database, "2026-11-22") == {"key_1": usd("0", "10")}


def test_a_spent_budget_says_what_is_left_and_until_when(machine: Machine) -> None:
    """The refusal tells figures, the way out, and the next budget in the gateway's time zone."""
    settle(machine.ledger, hold(machine.ledger, "r1", key(day=50), worst="50"), "49.2")
    refusal = refused(machine.ledger, "r2", key(day=50), worst="1.0000001")
    assert (refusal.status, refusal.reason, refusal.retry_after) == (429, "budget_exceeded", None)
    assert refusal.message == (
        "This key has used 49.20 of its budget of 50.00 USD per day; this request could cost up "
        "to 1.000001 USD. A smaller max_tokens lowers that. There is a new budget on 2026-11-22 "
        "00:00 Asia/Tokyo."
    )
    ends = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)
    assert refusal.quota == Quota("budget", "50.00 USD per day", ends)


def test_with_nothing_left_no_smaller_request_is_advised(machine: Machine) -> None:
    """A total budget never comes back by itself."""
    settle(machine.ledger, hold(machine.ledger, "r1", team(total=50), worst="50"), "50")
    refusal = refused(machine.ledger, "r2", team(total=50))
    assert refusal.message == (
        "The team research has used 50.00 of its budget of 50.00 USD in all; this request could "
        "cost up to 1.00 USD. Ask the gateway's operator for more."
    )
    assert refusal.quota == Quota("budget", "50.00 USD in all", None)


def test_a_held_budget_is_worth_another_try(machine: Machine) -> None:
    """When running requests hold what is missing, the refusal says so and when to come back."""
    settle(machine.ledger, hold(machine.ledger, "r1", key(month=50), worst="50"), "46.1")
    hold(machine.ledger, "r2", key(month=50), worst="3.1")
    refusal = refused(machine.ledger, "r3", key(month=50))
    assert refusal.retry_after == 2
    assert refusal.message == (
        "This key has used 49.20 of its budget of 50.00 USD per month, of which 3.10 USD are held "
        "by requests that are running; this request could cost up to 1.00 USD. Try again in a "
        "moment."
    )


def test_of_several_spent_budgets_the_one_that_opens_last_is_named(machine: Machine) -> None:
    """Nobody is sent away until tomorrow when the month is spent as well."""
    both = key(day=5, month=5)
    settle(machine.ledger, hold(machine.ledger, "r1", both, worst="5"), "5")
    assert "2026-12-01 00:00 Asia/Tokyo" in refused(machine.ledger, "r2", both).message


def test_a_refusal_is_one_line(machine: Machine) -> None:
    """Whatever a team is called."""
    odd = replace(team(day=1), label="The team of\n two lines")
    message = refused(machine.ledger, "r", odd, worst="2").message
    assert message.startswith("The team of two lines has used 0.00 of")


def test_machines_never_pass_a_budget_together(database_url: str, tmp_path: Path) -> None:
    """Of 120 requests at once, on three machines, a budget for 50 lets exactly 50 through."""
    with ExitStack() as stack:
        machines: list[Machine] = []
        for name in ("a", "b", "c"):
            (tmp_path / name).mkdir()
            home = tmp_path / name
            machines.append(stack.enter_context(ledgers.machine(database_url, home, name)))
        held = asyncio.run(_all_at_once(machines, 40))
        passed = [h for h in held if isinstance(h[1], Reservation)]
        assert len(passed) == 50
        assert figures(machines[0].database) == {"key_1": usd("0", "50")}
        for running, reservation in passed:
            assert isinstance(reservation, Reservation)
            running.ledger.defer(reservation, Decimal(1))
        for running in machines:
            running.ledger.beat()
        assert figures(machines[0].database) == {"key_1": usd("50", "0")}


async def _all_at_once(
    machines: list[Machine], each: int
) -> list[tuple[Machine, Reservation | Refusal]]:
    async def one(running: Machine, number: int) -> tuple[Machine, Reservation | Refusal]:
        name = f"{running.process}-{number}"
        return running, await running.ledger.reserve(name, [key(day=50)], Decimal(1), NOW)

    return await asyncio.gather(*(one(m, n) for n in range(each) for m in machines))


def test_80_percent_are_told_once(database_url: str, tmp_path: Path) -> None:
    """The request that crosses 80 % is told of, by whichever process, and none after it."""
    (tmp_path / "b").mkdir()
    with (
        ledgers.machine(database_url, tmp_path, "a") as a,
        ledgers.machine(database_url, tmp_path / "b", "b") as b,
    ):
        settle(a.ledger, hold(a.ledger, "r1", key(day=10)), "7.999999999999")
        assert a.warnings == []
        settle(b.ledger, hold(b.ledger, "r2", key(day=10)), "0.000000000001")
        for number, running in enumerate((a, b, a, b)):
            cost = "0.1"
            held = hold(running.ledger, f"more-{number}", key(day=10), worst="0.2")
            settle(running.ledger, held, cost)
        assert a.warnings == []
        assert b.warnings == [
            BudgetWarning(
                "key",
                "key_1",
                "This key",
                "day",
                Decimal(8),
                Decimal(10),
                datetime(2026, 11, 21, 15, 0, tzinfo=UTC),
            )
        ]


def test_80_percent_are_told_for_deferred_costs_too(machine: Machine) -> None:
    """What came by a beat is told like what was settled."""
    machine.ledger.defer(hold(machine.ledger, "r", team(total=10), worst="9"), Decimal(9))
    machine.ledger.beat()
    assert [(w.name, w.period, w.resets_at) for w in machine.warnings] == [
        ("research", "total", None)
    ]


def test_old_windows_are_forgotten(machine: Machine) -> None:
    """Days after 40 days, months after 13 months; all time never."""
    names = (
        *("2026-10-11", "2026-10-12", "2026-11-20", "2024-01-31"),
        *("2025-09", "2025-10", "2026-10", "total"),
    )
    rows = [
        {"scope": "key", "name": "k", "window": name, "spent": 1, "reserved": 0} for name in names
    ]
    with machine.database.writing() as connection:
        connection.execute(spend.insert(), rows)
    Beats(machine.database, "other", TOKYO, lambda: 0.0).clean(NOW)
    with machine.database.reading() as connection:
        left = {row.window for row in connection.execute(spend.select())}
    assert left == {"2026-10-12", "2026-11-20", "2025-10", "2026-10", "total"}


def test_a_counter_stops_at_what_the_database_can_hold(machine: Machine) -> None:
    """9 million USD in one counter are no error that would keep all other costs waiting."""
    for number in range(6):
        machine.ledger.defer(hold(machine.ledger, f"r{number}", key()), Decimal(2_000_000))
        machine.ledger.beat()
    assert figures(machine.database) == {"key_1": usd("9000000", "0")}


def test_an_unreadable_entry_is_told_and_left_behind(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    """It costs its own cost, not those behind it."""
    machine.outbox.add(b"rubbish")
    machine.ledger.defer(hold(machine.ledger, "r", key()), Decimal(2))
    machine.ledger.beat()
    assert figures(machine.database) == {"key_1": usd("2", "0")}
    assert "of the outbox can't be read: a cost is lost" in caplog.text


def test_many_entries_are_counted_in_several_transactions(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the database was away, one beat counts all."""
    monkeypatch.setattr("sekisho.keys.budgets.counting._AT_ONCE", 3)
    for number in range(10):
        machine.ledger.defer(hold(machine.ledger, f"r{number}", key()), Decimal(1))
    machine.ledger.beat()
    assert figures(machine.database) == {"key_1": usd("10", "0")}
    assert machine.outbox.waiting() == 0


def test_lists_show_what_is_spent_and_held_now(machine: Machine) -> None:
    """By name and period, in USD; windows of other days don't count."""
    ask(machine.ledger, "old", key(day=50), worst="9", now=NOW - timedelta(days=1))
    settle(machine.ledger, hold(machine.ledger, "r1", key(day=50), worst="5"), "2.5")
    hold(machine.ledger, "r2", key(day=50), worst="5")
    found = spent_of(machine.database, "key", ["key_1", "key_2"], NOW, TOKYO)
    assert found == {
        "key_1": {
            "day": (Decimal("2.5"), Decimal(5)),
            "month": (Decimal("2.5"), Decimal(0)),
            "total": (Decimal("2.5"), Decimal(0)),
        }
    }
    gateway = Scope("gateway", "", "This gateway", Limits(budget_month=Decimal(9)))
    hold(machine.ledger, "r3", gateway, worst="1")
    every = [tuple(used) for used in all_budgets(machine.database, NOW, TOKYO)]
    assert every == [
        ("gateway", "", "month", Decimal(0), Decimal(1)),
        ("key", "key_1", "month", Decimal("2.5"), Decimal(0)),
        ("key", "key_1", "day", Decimal("2.5"), Decimal(5)),
        ("key", "key_1", "total", Decimal("2.5"), Decimal(0)),
    ]


def test_statements_do_not_grow_with_the_number_of_budgets(machine: Machine) -> None:
    """A request with twelve budgets asks the database as often as one with one."""
    limits = Limits(*[None] * 3, *[Decimal(9)] * 3)
    scopes = [Scope("key", f"k{n}", "This key", limits) for n in range(4)]
    calls: list[object] = []

    def call(*what: object) -> None:
        calls.append(what)

    event.listen(Engine, "before_cursor_execute", call)
    try:
        hold(machine.ledger, "one", key(day=9))
        one = len(calls)
        hold(machine.ledger, "twelve", *scopes)
    finally:
        event.remove(Engine, "before_cursor_execute", call)
    assert len(calls) == 2 * one


def test_lines_of_the_log_name_nobody(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    """An outage is told without names."""
    machine.faulty.fault = "unreachable"
    person = Scope("end_user", "hanako@example.com", "This user", NO_LIMITS)
    settle(machine.ledger, hold(machine.ledger, "r", person, key(day=9)), "1")
    assert "key store: unreachable" in caplog.text
    assert "hanako" not in caplog.text
