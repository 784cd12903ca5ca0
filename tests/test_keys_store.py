"""The store of keys: what it keeps, how keys are named, and what it says when it can't."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sekisho.keys.row import Issued, KeyRefusedError, NewKey, NoSuchKeyError
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


def test_every_field_comes_back(store: Store) -> None:
    """What was issued is what the store tells, owner and patterns in lower case."""
    issued = store.issue(
        alias="Alice laptop",
        kind="person",
        by="root",
        now=NOW,
        owner="Alice@Example.com",
        team="research",
        models=["Claude-*", "gpt-5"],
        expires_at=NOW + timedelta(days=90),
    )
    row = store.get("Alice laptop")
    assert row == issued.row
    assert row.identity.owner == "alice@example.com"
    assert row.identity.team == "research"
    assert row.identity.kind == "person"
    assert row.identity.models == ("claude-*", "gpt-5")
    assert row.identity.expires_at == datetime(2026, 5, 30, 12, 0, tzinfo=UTC)
    assert (row.created_at, row.created_by, row.last_used_at) == (NOW, "root", None)


def test_a_key_goes_by_id_alias_public_part_and_itself(store: Store) -> None:
    """Names are accepted wherever an id is; a leaked key can be revoked by pasting it."""
    issued = issue(store)
    for name in (issued.row.identity.key_id, "alice", issued.row.prefix, issued.key):
        assert store.get(name) == issued.row


def test_find_by_hash_finds_exactly_that_key(store: Store) -> None:
    """A hash finds its own key, and no other hash finds anything."""
    issued = issue(store)
    assert store.find_by_hash(issued.row.hash) == issued.row
    assert store.find_by_hash(issued.row.hash.upper()) is None
    assert store.find_by_hash("' OR 1=1 --") is None


def test_an_unknown_name_is_answered_with_the_nearest(store: Store) -> None:
    """A typo gets one line with the alias that was probably meant."""
    issue(store, "alice")
    with pytest.raises(NoSuchKeyError, match=r'^no key goes by "alcie"; did you mean alice\?$'):
        store.get("alcie")
    with pytest.raises(NoSuchKeyError, match=r'^no key goes by "zzz"; see: sekisho keys list$'):
        store.get("zzz")


@pytest.mark.parametrize("length", [63, 62, 64])
def test_an_unknown_key_is_not_repeated_in_the_error(store: Store, length: int) -> None:
    """Asking for a key by itself, whole or mistyped, never prints the key."""
    key = ("sk-sekisho-AbCd1234-" + "S" * 50)[:length]
    with pytest.raises(NoSuchKeyError) as caught:
        store.get(key)
    assert str(caught.value) == 'no key goes by "sk-sekisho-AbCd1234-..."; see: sekisho keys list'


def test_an_alias_is_unique_until_it_is_revoked(store: Store) -> None:
    """A taken alias is refused with the way out; after revoking it is free again."""
    first = issue(store)
    with pytest.raises(KeyRefusedError, match="a key named alice exists; choose another alias"):
        issue(store)
    store.revoke("alice", by="tests", now=NOW)
    second = issue(store)
    assert store.get("alice") == second.row
    assert store.get(first.row.identity.key_id).revoked_at == NOW


def test_a_name_of_several_revoked_keys_is_ambiguous(store: Store) -> None:
    """Two revoked keys of one alias are told apart by their ids, which the error names."""
    ids: list[str] = []
    for _ in range(2):
        ids.append(issue(store).row.identity.key_id)
        store.revoke("alice", by="tests", now=NOW)
    with pytest.raises(NoSuchKeyError) as caught:
        store.get("alice")
    assert str(caught.value).startswith("2 keys go by alice; name one by its id: key_")
    assert all(key_id in str(caught.value) for key_id in ids)


def test_block_unblock_revoke_and_their_trail(store: Store) -> None:
    """Each change is noted once with who and when, and doing it again changes nothing."""
    issue(store)
    later = NOW + timedelta(hours=1)
    assert store.block("alice", by="bob", now=later).state(later) == "blocked"
    assert store.block("alice", by="bob", now=later + timedelta(hours=1)).blocked_at == later
    assert store.unblock("alice", by="bob", now=later).state(later) == "active"
    assert store.revoke("alice", by="eve", now=later).state(later) == "revoked"
    trail = [(c.who, c.action, c.at) for c in store.history("alice")]
    assert trail == [
        ("tests", "issue", NOW),
        ("bob", "block", later),
        ("bob", "unblock", later),
        ("eve", "revoke", later),
    ]


def test_a_revoked_key_never_comes_back(store: Store) -> None:
    """Unblocking or blocking a revoked key is refused."""
    issue(store)
    store.revoke("alice", by="tests", now=NOW)
    for change in (store.block, store.unblock):
        with pytest.raises(KeyRefusedError, match="was revoked and can't come back"):
            change("alice", by="tests", now=NOW)


def test_touch_keeps_the_latest_use(store: Store) -> None:
    """Uses written late, by another worker, don't move last_used_at back."""
    key_id = issue(store).row.identity.key_id
    store.touch({key_id: NOW + timedelta(minutes=2)})
    store.touch({key_id: NOW, "key_unknown": NOW})
    assert store.get(key_id).last_used_at == datetime(2026, 3, 1, 12, 2, tzinfo=UTC)


def test_generation_differs_after_each_change_and_not_after_a_use(store: Store) -> None:
    """Caches are told of every change of a key, but not of its use."""
    key_id = issue(store).row.identity.key_id
    before = store.generation()
    store.touch({key_id: NOW})
    assert store.generation() == before
    store.block("alice", by="tests", now=NOW)
    assert store.generation() != before


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("alias", "", "alias must be 1 to 128 printable characters"),
        ("alias", "a\nb", "alias must be 1 to 128 printable characters"),
        ("alias", "key_1", "key_ and sk- begin ids and keys"),
        ("alias", "sk-1", "key_ and sk- begin ids and keys"),
        ("owner", "alice", "owner alice: must be an e-mail address"),
        ("team", " ", "team must be 1 to 128 printable characters"),
        ("models", ["a b"], "model pattern 'a b': write them like claude-"),
        ("expires_at", NOW, "has passed; name a later time"),
        ("kind", "person", "a person's key needs its owner: add --owner EMAIL"),
        ("kind", "robot", "kind robot: must be one of person, service, frontend"),
    ],
)
def test_a_malformed_field_is_named(store: Store, field: str, value: object, message: str) -> None:
    """A field that is wrong is refused by name, and nothing is stored."""
    fields: dict[str, object] = {"alias": "a", "kind": "service", "by": "x", "now": NOW}
    with pytest.raises(KeyRefusedError, match=message):
        store.issue(**(fields | {field: value}))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert store.list() == []


@pytest.mark.parametrize(
    ("filters", "aliases"),
    [
        ({}, ["Active", "blocked", "expired", "revoked"]),
        ({"limit": 2}, ["Active", "blocked"]),
        ({"text": "ACT"}, ["Active"]),
        ({"text": "example.COM"}, ["Active"]),
        ({"text": "e_p%"}, []),
        ({"text": "sk-SEKISHO-"}, ["Active", "blocked", "expired", "revoked"]),
        ({"kind": "person"}, ["Active"]),
        ({"team": "research"}, ["blocked", "expired"]),
        ({"owner": "a@example.com"}, ["Active"]),
        ({"state": "active"}, ["Active"]),
        ({"state": "blocked"}, ["blocked"]),
        ({"state": "expired", "team": "research"}, ["expired"]),
        ({"state": "revoked"}, ["revoked"]),
        ({"revoked": True}, ["revoked"]),
        ({"revoked": False}, ["Active", "blocked", "expired"]),
        ({"revoked": False, "text": "ED"}, ["blocked", "expired"]),
        ({"team": None, "text": None, "state": None}, ["Active", "blocked", "expired", "revoked"]),
    ],
)
def test_lists_are_filtered(store: Store, filters: Any, aliases: list[str]) -> None:
    """Each filter tells exactly its keys, and count agrees."""
    late = NOW + timedelta(days=2)
    entries = [
        NewKey("Active", "person", owner="a@example.com"),
        NewKey("blocked", "service", team="research"),
        NewKey("expired", "service", team="research", expires_at=NOW + timedelta(days=1)),
        NewKey("revoked", "service"),
    ]
    store.issue_many(entries, by="tests", now=NOW)
    store.block("blocked", by="tests", now=NOW)
    store.revoke("revoked", by="tests", now=NOW)
    found = [row.identity.alias for row in store.list(now=late, **filters)]
    assert sorted(found) == aliases
    if "limit" not in filters:
        assert store.count(now=late, **filters) == len(aliases)


def test_lists_may_be_of_ids(store: Store) -> None:
    """Of ids, those that are there and meet the other filters; of none there is no key."""
    ids = [issue(store, name).row.identity.key_id for name in ("a", "b", "c")]
    store.revoke("b", by="tests", now=NOW)
    some = [*ids[:2], "key_unknown"]
    assert [row.identity.alias for row in store.list(ids=some)] == ["a", "b"]
    assert [row.identity.alias for row in store.list(ids=some, revoked=False)] == ["a"]
    assert store.count(ids=[]) == 0


def test_changed_since_tells_which_keys(store: Store) -> None:
    """A cache learns what to forget: nothing, some keys, or everything in another database."""
    start, everything = store.changed_since("")
    assert everything is None
    assert store.changed_since(start) == (start, frozenset())
    ids = [issue(store, name).row.identity.key_id for name in ("a", "b")]
    middle, changed = store.changed_since(start)
    assert changed == frozenset(ids)
    store.block("b", by="tests", now=NOW)
    later, changed = store.changed_since(middle)
    assert changed == frozenset(ids[1:])
    went_back, number = later.rpartition(":")[::2]
    assert store.changed_since(f"{went_back}:{int(number) + 1}") == (later, None)
    assert store.changed_since(f"other:{number}") == (later, None)


def test_live_aliases_are_those_in_use(store: Store) -> None:
    """A revoked key's alias is free."""
    issue(store, "a")
    issue(store, "b")
    store.revoke("b", by="tests", now=NOW)
    assert store.live_aliases() == {"a"}
