"""Whatever happens in whatever order, the ledger agrees with a model of it in plain numbers."""

import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sekisho.keys.budgets.ledger import Reservation
from sekisho.keys.database import Database
from sekisho.keys.identity import Refusal
from sekisho.keys.policy import Scope
from sekisho.keys.tables import outboxes, processes, reservations, spend

from .ledgers import Fault, Machine, ask, figures, key, settle, team

LIMIT = 20
_KEY, _TEAM = key(day=LIMIT), team(day=LIMIT)
_BUDGETS = ((_KEY,), (_KEY, _TEAM), (key("key_2"), _TEAM), (key("key_2"),))
_NAMES: tuple[str, ...] = ("key_1", "key_2", "research")
_SCOPES = st.sampled_from(_BUDGETS)
_PARTS = st.integers(0, 2)
_COSTS = st.integers(0, 8)
_FAULTS = st.sampled_from(["", "", "", "unreachable", "broken", "answer lost"])
_MACHINES = st.integers(0, 1)


class Ledgers(RuleBasedStateMachine):
    """Two machines on one database. Costs are never more than what was reserved for them."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        database = Database(self.url)
        with database.writing() as connection:
            for table in (spend, reservations, processes, outboxes):
                connection.execute(table.delete())
        database.close()
        self.now = 0.0
        self.count = 0
        self.homes = tempfile.TemporaryDirectory()
        self.machines: list[Machine] = []
        for name in "ab":
            home = Path(self.homes.name, name)
            home.mkdir()
            self.machines.append(Machine(self.url, home, name, lambda: self.now))
        self.running: list[tuple[int, Reservation, int]] = []
        self.ended: list[tuple[int, Reservation, int]] = []
        self.spent = {name: Decimal(0) for name in _NAMES}
        self.ever_away = False

    @rule(which=_MACHINES, scopes=_SCOPES, worst=_COSTS)
    def reserve(self, which: int, scopes: tuple[Scope, ...], worst: int) -> None:
        """A request begins."""
        self._begin(which, scopes, worst)

    @rule(which=_MACHINES, scopes=_SCOPES, worst=_COSTS, part=_PARTS, wait=st.booleans())
    def request(
        self, which: int, scopes: tuple[Scope, ...], worst: int, part: int, wait: bool
    ) -> None:
        """A request begins and ends."""
        if self._begin(which, scopes, worst):
            self._end(-1, part, wait)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), part=_PARTS, wait=st.booleans())
    def end(self, data: st.DataObject, part: int, wait: bool) -> None:
        """A request ends that began some time ago."""
        self._end(data.draw(st.integers(0, len(self.running) - 1)), part, wait)

    def _begin(self, which: int, scopes: tuple[Scope, ...], worst: int) -> bool:
        self.count += 1
        held = ask(self.machines[which].ledger, f"r{self.count}", *scopes, worst=str(worst))
        if isinstance(held, Refusal):
            return False
        self.running.append((which, held, worst))
        self.ever_away = self.ever_away or not held.in_database
        return True

    def _end(self, index: int, part: int, wait: bool) -> None:
        """It costs nothing, half or all of what it could, and waits for that to be counted."""
        which, held, worst = entry = self.running.pop(index)
        cost = Decimal(worst) * part / 2
        ledger = self.machines[which].ledger
        if wait:
            settle(ledger, held, str(cost))
        else:
            ledger.defer(held, cost)
        for share in held.shares:
            self.spent[share.name] += cost
        self.ended.append(entry)

    @precondition(lambda self: self.ended)
    @rule(data=st.data())
    def end_again(self, data: st.DataObject) -> None:
        """An end that is told twice."""
        which, held, worst = data.draw(st.sampled_from(self.ended))
        settle(self.machines[which].ledger, held, str(worst))

    @rule(which=_MACHINES, fault=_FAULTS)
    def change(self, which: int, fault: Fault) -> None:
        """The database goes away for a machine, in one way or another, or comes back."""
        self.machines[which].faulty.fault = fault

    @rule(which=_MACHINES)
    def beat(self, which: int) -> None:
        """Some seconds pass."""
        self.now += 2
        self.machines[which].ledger.beat()

    @rule(which=_MACHINES)
    def crash(self, which: int) -> None:
        """A process is killed with its requests, and started again."""
        self.count += 1
        self.machines[which].crash(f"process-{self.count}")
        self.running = [entry for entry in self.running if entry[0] != which]
        self.ended = [entry for entry in self.ended if entry[0] != which]

    @invariant()
    def no_budget_is_passed(self) -> None:
        """As long as the database was there for every request, spent and held fit together."""
        if not self.ever_away:
            found = figures(self.machines[0].database)
            assert all(sum(found[name]) <= LIMIT for name in found if name != "key_2")

    def teardown(self) -> None:
        """When everything works again, and a minute has passed, every figure is right."""
        try:
            for machine in self.machines:
                machine.faulty.fault = ""
            for _ in range(20):
                self.now += 5
                for machine in self.machines:
                    machine.ledger.beat()
            self._agree()
        finally:
            for machine in self.machines:
                machine.stop()
            self.homes.cleanup()

    def _agree(self) -> None:
        right = {name: [spent, Decimal(0)] for name, spent in self.spent.items()}
        for _, reservation, worst in self.running:
            for budget in reservation.budgets:
                right[budget.counter.name][1] += worst
        found = figures(self.machines[0].database)
        nothing = (Decimal(0), Decimal(0))
        assert {name: list(found.get(name, nothing)) for name in right} == right


@pytest.fixture
def ledgers(database_url: str) -> type[Ledgers]:
    """The state machine on a database."""
    Database(database_url).close()
    return type("OnOne", (Ledgers,), {"url": database_url})


def test_any_sequence_counts_every_cost_once(ledgers: Any) -> None:
    """Requests, outages and crashes of two machines in any order leave the right figures."""
    checks = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
    limits = settings(
        max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=checks
    )
    run_state_machine_as_test(ledgers, settings=limits)
