"""The budgets that are being used: the database decides as `Policy` does which are in force."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from sekisho.keys.budgets.fullest import fullest
from sekisho.keys.budgets.windows import windows_of
from sekisho.keys.limits import Limits
from sekisho.keys.policy import Policy
from sekisho.keys.row import NewKey
from sekisho.keys.store import Store
from sekisho.keys.tables import spend
from sqlalchemy import insert

NOW = datetime(2026, 2, 28, 18, 0, tzinfo=UTC)  # 1 March in Tokyo
TOKYO = ZoneInfo("Asia/Tokyo")
OLD = ("2026-02-28", "2026-02")
PICO = 10**12


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An empty store in SQLite, and one in PostgreSQL."""
    with Store(database_url) as opened:
        yield opened


def add(store: Store, scope: str, name: str, spent: int, *windows: str) -> None:
    """Write `spent` USD, and 1 USD that is held, into windows; those of now by default."""
    rows = [
        {"scope": scope, "name": name, "window": w, "spent": spent * PICO, "reserved": PICO}
        for w in windows or windows_of(NOW, TOKYO)
    ]
    with store.database.writing() as connection:
        connection.execute(insert(spend), rows)


POLICIES = [
    Policy(),
    Policy(keys={"service": Limits(budget_day=Decimal(20))}),
    Policy(team_keys={"research": Limits(budget_day=Decimal(30), budget_total=Decimal(40))}),
    Policy(
        keys={
            "service": Limits(budget_day=Decimal(20), budget_month=Decimal("0.000000000001")),
            "person": Limits(rpm=5, budget_total=Decimal(25)),
        },
        team_keys={
            "research": Limits(budget_day=Decimal(30)),
            "platform": Limits(rpm=1),
            "sales": Limits(budget_month=Decimal(35)),
        },
    ),
]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_keys_budgets_are_those_of_the_policy(store: Store, policy: Policy) -> None:
    """Its own, else its team's default, else its kind's; for every kind, team and own limit."""
    own = [Limits(), Limits(budget_day=Decimal(9)), Limits(rpm=1, budget_total=Decimal("7.5"))]
    entries = [
        NewKey(f"{kind}-{team}-{number}", kind, "a@example.com", team, limits=limits)
        for kind in ("person", "service", "frontend")
        for team in (None, "research", "platform", "sales")
        for number, limits in enumerate(own)
    ]
    issued = store.issue_many(entries, by="tests", now=NOW)
    for new in issued:
        add(store, "key", new.row.identity.key_id, 3)
        add(store, "key", new.row.identity.key_id, 3, *OLD)
    found, total = fullest(store.database, policy, NOW, TOKYO)
    assert {(b.kind, b.id, b.name, b.period, b.limit) for b in found} == {
        ("key", new.row.identity.key_id, new.row.identity.alias, period, limit)
        for new in issued
        for period, limit in policy.of_key(new.row.identity).budgets.items()
    }
    assert total == len(found)
    assert {(b.spent, b.reserved) for b in found} == {(Decimal(3), Decimal(1))}


def test_users_teams_and_the_gateway_have_theirs(store: Store) -> None:
    """A team that is named has its own budgets alone; old windows and revoked keys don't count."""
    policy = Policy(
        gateway=Limits(budget_month=Decimal(100)),
        each_end_user=Limits(budget_day=Decimal(10), rpm=5),
        each_team=Limits(budget_month=Decimal(50)),
        teams={"research": Limits(budget_total=Decimal(20)), "free": Limits(rpm=9)},
    )
    key = store.issue(
        alias="a", kind="service", by="t", now=NOW, limits=Limits(budget_day=Decimal(5))
    )
    store.revoke("a", by="t", now=NOW)
    add(store, "key", key.row.identity.key_id, 4)
    add(store, "key", "key_that_is_gone", 4)
    for team, spent in {"research": 19, "free": 5, "other": 5}.items():
        add(store, "team", team, spent)
    add(store, "end_user", "a@example.com", 1)
    add(store, "end_user", "b@example.com", 1, *OLD)
    add(store, "gateway", "", 50)
    found, total = fullest(store.database, policy, NOW, TOKYO)
    assert [(b.kind, b.name, b.period, b.limit, b.used_percent) for b in found] == [
        ("team", "research", "total", Decimal(20), Decimal("95.0")),
        ("gateway", "", "month", Decimal(100), Decimal("50.0")),
        ("end_user", "a@example.com", "day", Decimal(10), Decimal("10.0")),
        ("team", "other", "month", Decimal(50), Decimal("10.0")),
    ]
    assert total == 4


def test_the_fullest_are_chosen_among_all(store: Store) -> None:
    """With `most`, the fullest come of each kind, by share and not by amount, and all are told."""
    limits = [Limits(budget_total=Decimal(usd)) for usd in (10, 1000, 20)]
    entries = [NewKey(f"k{n}", "service", limits=of) for n, of in enumerate(limits)]
    spent = (5, 100, 15)
    for new, usd in zip(store.issue_many(entries, by="t", now=NOW), spent, strict=True):
        add(store, "key", new.row.identity.key_id, usd)
    for number in range(3):
        add(store, "end_user", f"u{number}", 10 * number, "total")
    policy = Policy(each_end_user=Limits(budget_total=Decimal(50)))
    found, total = fullest(store.database, policy, NOW, TOKYO, 2)
    assert [(b.name, b.used_percent) for b in found] == [
        ("k2", Decimal("75.0")),
        ("k0", Decimal("50.0")),
    ]
    assert total == 6
    every = fullest(store.database, policy, NOW, TOKYO)[0]
    assert [b.name for b in every] == ["k2", "k0", "u2", "u1", "k1", "u0"]
    assert fullest(store.database, policy, NOW, TOKYO, 6) == (every, 6)
