"""Changes of keys: limits, imports, updates and rotations, and what the trail says of them."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sekisho.keys.limits import Limits
from sekisho.keys.row import Issued, KeyRefusedError, NewKey
from sekisho.keys.secret import hash_key
from sekisho.keys.store import Store

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An empty store in SQLite, and one in PostgreSQL."""
    with Store(database_url) as opened:
        yield opened


def issue(store: Store, alias: str = "alice") -> Issued:
    """A service key with this alias."""
    return store.issue(alias=alias, kind="service", by="tests", now=NOW)


EVERYTHING = Limits(
    rpm=60,
    tpm=100_000,
    parallel=4,
    budget_day=Decimal("0.000000000001"),
    budget_month=Decimal("50.5"),
    budget_total=Decimal(1_000_000),
)


def test_limits_networks_and_tags_come_back(store: Store) -> None:
    """Money is exact to 1e-12 USD, networks are in one spelling, tags keep their order."""
    issued = store.issue(
        alias="a",
        kind="service",
        by="tests",
        now=NOW,
        limits=EVERYTHING,
        networks=["10.1.2.3/8", "192.0.2.7", "2001:DB8::1", "::ffff:10.0.0.0/104"],
        tags=["env:prod", "a=b", "env:prod"],
        mcp=["wiki", "calc", "wiki"],
    )
    identity = store.get("a").identity
    assert identity == issued.row.identity
    assert identity.limits == EVERYTHING
    assert [str(network) for network in identity.networks] == [
        "10.0.0.0/8",
        "192.0.2.7/32",
        "2001:db8::1/128",
    ]
    assert identity.tags == ("env:prod", "a=b")
    assert identity.mcp == ("wiki", "calc")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("limits", Limits(rpm=0), "rpm 0: must be a whole number from 1 to 2147483647"),
        ("limits", Limits(tpm=2**31), "tpm 2147483648: must be a whole number"),
        ("limits", Limits(budget_day=Decimal(0)), "budget_day 0: must be USD, more than 0"),
        ("limits", Limits(budget_total=Decimal(1_000_001)), "at most 1,000,000"),
        ("limits", Limits(budget_month=Decimal("1e-13")), "budget_month 1E-13: must be USD"),
        ("networks", ["10.0.0.0/33"], "network '10.0.0.0/33': write 10.1.0.0/16, 2001:db8::/32"),
        ("networks", ["example.com"], "network 'example.com': write"),
        ("networks", [f"10.0.0.{n}" for n in range(101)], "101 networks: at most 100"),
        ("mcp", ["a-b"], "MCP server 'a-b': a name in mcp_servers: (letters, digits, _)"),
        ("mcp", ["w*"], "MCP server 'w*': a name in mcp_servers:"),
        ("mcp", ["x" * 65], "letters, digits, _), or *"),
        ("mcp", [f"s{n}" for n in range(101)], "101 MCP servers: at most 100"),
        ("tags", ["a b"], "tag 'a b': 1 to 64 letters, digits and"),
        ("tags", ["a,b"], "tag 'a,b': 1 to 64"),
        ("tags", ["x" * 65], "1 to 64 letters"),
        ("tags", [str(n) for n in range(21)], "21 tags: at most 20"),
    ],
)
def test_a_wrong_limit_network_or_tag_is_named(
    store: Store, field: str, value: object, message: str
) -> None:
    """What a key may not have is refused by name, when it is issued and when it is changed."""
    issue(store)
    with pytest.raises(KeyRefusedError, match=re.escape(message)):
        store.update("alice", {field: value}, by="tests", now=NOW)
    with pytest.raises(KeyRefusedError, match="^line 3: .*" + re.escape(message)):  # noqa: PT012
        key = replace(NewKey("b", "service", where="line 3"), **{field: value})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        store.issue_many([key], by="tests", now=NOW)
    assert store.count() == 1


def test_many_keys_are_issued_together_or_not_at_all(store: Store) -> None:
    """An import that fails at one line leaves nothing; one that works notes each key."""
    issue(store, "taken")
    good = [NewKey(f"k{n}", "service", where=f"line {n}") for n in range(1, 1202)]
    for wrong, message in [
        (NewKey("taken", "service", where="line 9"), "line 9: a key named taken exists"),
        (NewKey("k1", "service", where="line 9"), "line 9: line 1 has the alias k1, too"),
        (NewKey("x", "person", where="line 9"), "line 9: a person's key needs its owner"),
        (NewKey("x", "service", expires_at=NOW, where="line 9"), "line 9: expiry 2026-03-01"),
    ]:
        with pytest.raises(KeyRefusedError, match=f"^{message}"):
            store.issue_many([*good, wrong], by="tests", now=NOW)
        assert store.count() == 1
    issued = store.issue_many(good, by="root", now=NOW)
    assert [i.row.identity.alias for i in issued[:2]] == ["k1", "k2"]
    assert store.get(issued[1200].key) == issued[1200].row
    assert [(c.who, c.action) for c in store.history("k7")] == [("root", "import")]
    assert store.issue_many([], by="root", now=NOW) == []


def test_update_replaces_fields_and_notes_old_and_new(store: Store) -> None:
    """Values replace, None and () clear, the rest stays, and the trail tells what changed."""
    expires_at = NOW + timedelta(days=1)
    store.issue(
        alias="a",
        kind="person",
        by="tests",
        now=NOW,
        owner="a@example.com",
        team="research",
        models=["claude-*"],
        expires_at=expires_at,
        limits=Limits(rpm=60, budget_day=Decimal(5)),
        tags=["x"],
    )
    changes = {
        "alias": "b",
        "team": None,
        "models": (),
        "limits": Limits(rpm=90, budget_month=Decimal("7.50")),
        "networks": ["10.0.0.0/8"],
    }
    after_expiry = expires_at + timedelta(days=1)
    row = store.update("a", changes, by="root", now=after_expiry)
    assert row == store.get("b")
    assert (row.identity.team, row.identity.models, row.identity.tags) == (None, (), ("x",))
    assert row.identity.limits == Limits(rpm=90, budget_month=Decimal("7.5"))
    change = store.history("b")[-1]
    assert (change.who, change.action, change.alias) == ("root", "update", "b")
    assert change.detail == {
        "alias": "a -> b",
        "team": "research -> none",
        "models": "claude-* -> none",
        "rpm": "60 -> 90",
        "budget_day": "5 -> none",
        "budget_month": "none -> 7.50",
        "networks": "none -> 10.0.0.0/8",
    }


def test_update_refuses_what_issue_refuses(store: Store) -> None:
    """A taken alias, an expiry in the past and a revoked key are refused; no change is no trail."""
    issue(store, "a")
    issue(store, "b")
    with pytest.raises(KeyRefusedError, match="a key named b exists"):
        store.update("a", {"alias": "b"}, by="tests", now=NOW)
    with pytest.raises(KeyRefusedError, match="has passed"):
        store.update("a", {"expires_at": NOW}, by="tests", now=NOW)
    store.update("a", {"alias": "a", "team": None}, by="tests", now=NOW)
    assert [change.action for change in store.history("a")] == ["issue"]
    store.revoke("b", by="tests", now=NOW)
    with pytest.raises(KeyRefusedError, match="was revoked and can't come back"):
        store.update("b", {"team": "x"}, by="tests", now=NOW)


def test_rotate_gives_a_new_secret_and_ends_the_old_ones(store: Store) -> None:
    """After two rotations three secrets find one key, each with its own end."""
    hour = timedelta(hours=1)
    first = issue(store)
    second = store.rotate("alice", grace=hour, by="root", now=NOW)
    third = store.rotate("alice", grace=4 * hour, by="root", now=NOW)
    ends = [store.find_by_hash(hash_key(i.key)) for i in (first, second, third)]
    assert [row.secret_ends_at if row else "?" for row in ends] == [
        NOW + hour,
        NOW + 4 * hour,
        None,
    ]
    assert [row.prefix if row else "?" for row in ends] == [
        first.key[:19],
        second.key[:19],
        third.key[:19],
    ]
    assert store.get(first.row.prefix) == store.get(second.key) == third.row
    assert store.older_secrets("alice", NOW) == [
        (first.row.prefix, NOW + hour),
        (second.row.prefix, NOW + 4 * hour),
    ]
    assert store.older_secrets("alice", NOW + hour) == [(second.row.prefix, NOW + 4 * hour)]
    assert store.history("alice")[1].detail == {
        "replaced": first.row.prefix,
        "by": second.row.prefix,
        "replaced_ends_at": "2026-03-01T13:00:00+00:00",
    }
    assert (store.count(), store.list()) == (1, [third.row])


def test_rotate_at_once_ends_what_had_grace_left(store: Store) -> None:
    """Without grace every secret before the new one ends now, and a revoked key gets none."""
    first = issue(store)
    store.rotate("alice", grace=timedelta(hours=1), by="root", now=NOW)
    store.rotate("alice", grace=timedelta(0), by="root", now=NOW)
    row = store.find_by_hash(hash_key(first.key))
    assert row is not None
    assert row.secret_ends_at == NOW
    store.revoke("alice", by="root", now=NOW)
    with pytest.raises(KeyRefusedError, match="was revoked and can't come back"):
        store.rotate("alice", grace=timedelta(0), by="root", now=NOW)
