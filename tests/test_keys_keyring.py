"""Keyrings: wrong keys, how soon a change counts, and what happens without the store."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sekisho.keys.check import Keyring
from sekisho.keys.identity import Identity, Refusal
from sekisho.keys.row import KeyRow, KeyStoreError, KeysUnavailable
from sekisho.keys.store import Store

from .keyrings import NOW, Clock, Shaky, check, poll, refused


@pytest.fixture
def store(database_url: str) -> Iterator[Shaky]:
    """An empty store in SQLite, and one in PostgreSQL."""
    with Shaky(database_url) as opened:
        yield opened


def test_an_issued_key_passes_again_and_again(store: Shaky) -> None:
    """An issued key is its identity, from the store first and from the cache later."""
    issued = store.issue(alias="alice", kind="service", by="tests", now=NOW)
    ring = Keyring(store)
    poll(ring)
    assert check(ring, issued.key) == issued.row.identity
    assert check(ring, issued.key) == issued.row.identity
    assert ring.check_now(issued.key, NOW) == issued.row.identity
    assert store.asked == 1


WRONG_WAYS: list[tuple[Callable[[str], str | None], str]] = [
    (lambda _key: None, "missing_key"),
    (lambda _key: "", "missing_key"),
    (lambda key: key[:-1], "malformed_key"),
    (lambda key: key + "x", "malformed_key"),
    (lambda key: f"Bearer {key}", "malformed_key"),
    (lambda _key: "x" * 1_000_000, "malformed_key"),
    (lambda _key: "' OR '1'='1", "malformed_key"),
    (lambda key: key.swapcase(), "malformed_key"),
    (lambda key: key[:20] + key[20:].swapcase(), "unknown_key"),
    (lambda key: key[:20] + "A" * 43, "unknown_key"),
    (lambda _key: "sk-sekisho-AbCd1234-" + "x" * 43, "unknown_key"),
]


@pytest.mark.parametrize(("change", "reason"), WRONG_WAYS)
def test_ways_to_get_in_wrongly(
    store: Store, change: Callable[[str], str | None], reason: str
) -> None:
    """Nothing, rubbish, a changed key and a key of another installation are all 401."""
    issued = store.issue(alias="alice", kind="service", by="tests", now=NOW)
    decision = check(Keyring(store), change(issued.key))
    assert isinstance(decision, Refusal)
    assert (decision.reason, decision.status) == (reason, 401)
    assert issued.key[20:] not in decision.message


def test_the_hash_of_a_key_is_no_key(store: Store) -> None:
    """Who has read the database still can't get in with what is in it."""
    issued = store.issue(alias="alice", kind="service", by="tests", now=NOW)
    decision = check(Keyring(store), issued.row.hash)
    assert refused(decision)[0] == "malformed_key"


def test_a_cached_key_expires_by_the_clock(store: Store) -> None:
    """Expiry is decided at each request, not when the key was cached."""
    end = NOW + timedelta(hours=1)
    issued = store.issue(alias="a", kind="service", by="tests", now=NOW, expires_at=end)
    ring = Keyring(store)
    assert isinstance(check(ring, issued.key), Identity)
    assert refused(check(ring, issued.key, end))[0] == "expired"


def test_a_stock_litellm_sees_changes_within_a_poll(store: Store) -> None:
    """Without a watcher a cached decision lives at most 0.4 s, well within the promised second."""
    issued = store.issue(alias="alice", kind="service", by="tests", now=NOW)
    clock = Clock()
    ring = Keyring(store, clock)
    assert isinstance(ring.check_now(issued.key, NOW), Identity)
    store.block("alice", by="tests", now=NOW)
    assert isinstance(ring.check_now(issued.key, NOW), Identity)
    clock.now += 0.4
    assert refused(ring.check_now(issued.key, NOW))[0] == "blocked"
    store.unblock("alice", by="tests", now=NOW)
    clock.now += 0.4
    assert isinstance(ring.check_now(issued.key, NOW), Identity)


def test_only_what_has_changed_is_read_anew(store: Shaky) -> None:
    """A change of one key leaves the others in the cache."""
    keys = [
        store.issue(alias=name, kind="service", by="tests", now=NOW).key for name in ("a", "b", "c")
    ]
    ring = Keyring(store)
    poll(ring)
    for key in keys:
        check(ring, key)
    store.block("b", by="tests", now=NOW)
    poll(ring)
    store.asked = 0
    passed = [isinstance(check(ring, key), Identity) for key in keys]
    assert (passed, store.asked) == ([True, False, True], 1)


def test_a_look_up_that_a_change_overtakes_is_not_cached(store: Shaky) -> None:
    """A row that was read before a change, and came after the poll of it, lets nobody in later."""
    issued = store.issue(alias="alice", kind="service", by="tests", now=NOW)
    ring = Keyring(store)
    poll(ring)
    read = store.find_by_hash

    def late(key_hash: str) -> KeyRow | None:
        row = read(key_hash)
        store.revoke("alice", by="tests", now=NOW)
        poll(ring)
        return row

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(store, "find_by_hash", late)
        check(ring, issued.key)
    assert refused(check(ring, issued.key))[0] == "revoked"


def test_a_revocation_by_another_process_counts_within_a_second(
    store: Store, database_url: str
) -> None:
    """After another process has revoked a key, the last accepted check is within 1 s (5 s)."""
    issued = store.issue(alias="alice", kind="service", by="tests", now=NOW)
    ring = Keyring(store)
    promise = 1.0 if database_url.startswith("sqlite") else 5.0
    script = (
        "import sys; from datetime import UTC, datetime; from sekisho.keys.store import Store\n"
        "with Store(sys.argv[1]) as s: s.revoke('alice', by='other', now=datetime.now(UTC))\n"
    )
    stop = threading.Event()
    watcher = threading.Thread(target=ring.watch, args=(stop,))
    watcher.start()
    try:
        command = [sys.executable, "-W", "error", "-c", script, database_url]
        assert isinstance(check(ring, issued.key), Identity)
        assert subprocess.run(command, check=False, timeout=30).returncode == 0
        ended = time.monotonic()
        while isinstance(check(ring, issued.key), Identity):
            assert time.monotonic() - ended < promise
    finally:
        stop.set()
        watcher.join(20)
    assert refused(check(ring, issued.key))[0] == "revoked"


def test_when_the_store_is_away_known_keys_go_on_for_five_minutes(
    store: Shaky, caplog: pytest.LogCaptureFixture
) -> None:
    """Cached keys pass for 300 s after the last answer, others never; the log says it once."""
    known, unknown = (
        store.issue(alias=name, kind="service", by="tests", now=NOW).key for name in ("a", "b")
    )
    clock = Clock()
    ring = Keyring(store, clock)
    poll(ring)
    assert isinstance(check(ring, known), Identity)
    assert (ring.available, ring.away_for) == (True, None)
    store.away, store.asked = True, 0
    for seconds in (10, 290):
        clock.now += seconds
        poll(ring)
        assert isinstance(check(ring, known), Identity)
        with pytest.raises(KeysUnavailable):
            check(ring, unknown)
    assert (ring.available, ring.away_for) == (False, 300.0)
    assert store.asked == 0
    clock.now += 0.1
    for key in (known, unknown):
        with pytest.raises(KeysUnavailable):
            check(ring, key)
        with pytest.raises(KeysUnavailable):
            ring.check_now(key, NOW)
    store.away = False
    poll(ring)
    assert isinstance(check(ring, known), Identity)
    assert isinstance(check(ring, unknown), Identity)
    assert (ring.available, ring.away_for) == (True, None)
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        (
            "CRITICAL",
            "the key store is away: KeyStoreError: key store x: is away for a test",
        ),
        ("WARNING", "the key store is back"),
    ]


@pytest.mark.parametrize("fails", [False, True])
def test_a_poll_that_hangs_is_no_answer(
    store: Shaky, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fails: bool
) -> None:
    """After 8 s without an answer the store is away, which the log says once, also if it fails."""
    issued = store.issue(alias="a", kind="service", by="tests", now=NOW)
    clock = Clock()
    ring = Keyring(store, clock)
    poll(ring)
    assert isinstance(check(ring, issued.key), Identity)
    ask, asked, going_on = store.changed_since, threading.Event(), threading.Event()

    def hang(generation: str) -> tuple[str, frozenset[str] | None]:
        asked.set()
        going_on.wait(20)
        return ask(generation)

    with monkeypatch.context() as patched:
        patched.setattr(store, "changed_since", hang)
        watcher = threading.Thread(target=poll, args=(ring,))
        watcher.start()
        try:
            assert asked.wait(20)
            clock.now += 8
            assert (ring.available, ring.away_for) == (True, None)
            clock.now += 1
            assert (ring.available, ring.away_for) == (False, 9.0)
            assert isinstance(check(ring, issued.key), Identity)
            with pytest.raises(KeysUnavailable, match="is away"):
                check(ring, "sk-sekisho-AbCd1234-" + "x" * 43)
            store.away = fails
        finally:
            going_on.set()
            watcher.join(20)
    assert ring.available is not fails
    if fails:
        assert ring.away_for == 9.0
        store.away = False
        poll(ring)
    assert (ring.available, ring.away_for) == (True, None)
    assert [record.getMessage() for record in caplog.records] == [
        "the key store is away: it has not answered for 8 s",
        "the key store is back",
    ]


def test_a_keyring_that_is_closed_asks_nothing(store: Shaky) -> None:
    """After its end a keyring starts no look-up, and closing it twice is no error."""
    ring = Keyring(store)
    ring.close()
    ring.close()
    with pytest.raises(RuntimeError):
        check(ring, "sk-sekisho-AbCd1234-" + "x" * 43)
    assert store.asked == 0


def test_clocks_are_obeyed_while_the_store_is_away(store: Shaky) -> None:
    """A cached key expires, and a replaced secret ends, without the store."""
    hour = timedelta(hours=1)
    old = store.issue(alias="a", kind="service", by="tests", now=NOW)
    store.rotate("a", grace=hour, by="tests", now=NOW)
    short = store.issue(alias="b", kind="service", by="tests", now=NOW, expires_at=NOW + hour)
    ring = Keyring(store)
    assert isinstance(check(ring, old.key), Identity)
    assert isinstance(check(ring, short.key), Identity)
    store.away = True
    poll(ring)
    assert refused(check(ring, old.key, NOW + hour))[0] == "rotated"
    assert refused(check(ring, short.key, NOW + hour))[0] == "expired"


def test_first_uses_at_once_ask_the_store_once(store: Shaky) -> None:
    """A hundred requests that come together with a new key are one look-up."""
    issued = store.issue(alias="a", kind="service", by="tests", now=NOW)
    ring = Keyring(store)

    async def together() -> list[object]:
        tasks = [asyncio.create_task(ring.check(issued.key, NOW)) for _ in range(100)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        return [*await asyncio.gather(*tasks, return_exceptions=True)]

    first, *others = asyncio.run(together())
    assert isinstance(first, asyncio.CancelledError)
    assert others == [issued.row.identity] * 99
    assert store.asked == 1


def test_a_store_that_hangs_is_unavailable(store: Shaky, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request doesn't wait for the store longer than it may, and the event loop never does."""
    monkeypatch.setattr("sekisho.keys.check._PATIENCE_SECONDS", 0.05)
    issued = store.issue(alias="a", kind="service", by="tests", now=NOW)
    going_on = threading.Event()

    def hang(_hash: str) -> None:
        going_on.wait(20)

    monkeypatch.setattr(store, "find_by_hash", hang)
    try:
        with pytest.raises(KeysUnavailable, match="takes too long to answer"):
            check(Keyring(store), issued.key)
    finally:
        going_on.set()


def test_a_store_that_was_replaced_empties_the_cache(tmp_path: Path) -> None:
    """After a backup without a key is put in place, the key passes no more."""
    with Store(f"sqlite:///{tmp_path / 'keys.db'}") as store:
        issued = store.issue(alias="alice", kind="service", by="tests", now=NOW)
        ring = Keyring(store)
        poll(ring)
        assert isinstance(check(ring, issued.key), Identity)
        Store(f"sqlite:///{tmp_path / 'backup.db'}").close()
        (tmp_path / "backup.db").replace(tmp_path / "keys.db")
        for suffix in ("-wal", "-shm"):
            (tmp_path / f"keys.db{suffix}").unlink(missing_ok=True)
        poll(ring)
        assert refused(check(ring, issued.key))[0] == "unknown_key"


def test_last_use_is_written_in_batches(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Uses reach the store when asked, and are kept when the store can't be written."""
    issued = store.issue(alias="alice", kind="service", by="tests", now=NOW)
    ring = Keyring(store)
    check(ring, issued.key)
    assert store.get("alice").last_used_at is None

    def fail(_seen: object) -> None:
        raise KeyStoreError("no")

    with monkeypatch.context() as patched:
        patched.setattr(store, "touch", fail)
        with pytest.raises(KeysUnavailable):
            ring.save_last_used()
    ring.save_last_used()
    assert store.get("alice").last_used_at == NOW


def test_a_cached_check_costs_less_than_30_microseconds(store: Store) -> None:
    """The CPU of a cached check is far below 0.15 ms, the promise."""
    issued = store.issue(alias="alice", kind="service", by="tests", now=NOW)
    ring = Keyring(store, Clock())

    async def many() -> float:
        await ring.check(issued.key, NOW)
        started = time.process_time()
        for _ in range(5_000):
            await ring.check(issued.key, NOW)
        return (time.process_time() - started) / 5_000

    assert asyncio.run(many()) < 30e-6
