"""The decision at the gate: who passes, who doesn't, and how soon a change counts."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sekisho.keys.check import Keyring, decide, may_use
from sekisho.keys.identity import Identity, Refusal, refuse
from sekisho.keys.row import KeyRow, KeysUnavailable
from sekisho.keys.store import Store

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ALICE = Identity(key_id="key_1", alias="alice", kind="service")
ROW = KeyRow(ALICE, "0" * 64, "sk-sekisho-AbCd1234", NOW, "tests")


class Clock:
    """A monotonic clock that tests move by hand."""

    now = 100.0

    def __call__(self) -> float:
        """The time in seconds."""
        return self.now


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The URL of a store."""
    return f"sqlite:///{tmp_path / 'keys.db'}"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """An empty store."""
    with Store(url) as opened:
        yield opened


def refused(decision: Identity | Refusal) -> tuple[str, int, str, str]:
    """Reason, status, and the error's name in both dialects."""
    assert isinstance(decision, Refusal)
    return decision.reason, decision.status, decision.openai_code, decision.anthropic_type


def test_an_active_key_is_its_identity() -> None:
    """A key that is neither blocked, revoked nor expired lets its holder in."""
    assert decide(ROW, NOW) is ALICE


@pytest.mark.parametrize(
    ("row", "expected", "words"),
    [
        (None, ("unknown_key", 401, "invalid_api_key", "authentication_error"), "is not known"),
        (
            replace(ROW, blocked_at=NOW),
            ("blocked", 403, "key_blocked", "permission_error"),
            "is blocked",
        ),
        (
            replace(ROW, revoked_at=NOW, blocked_at=NOW),
            ("revoked", 401, "key_revoked", "authentication_error"),
            "was revoked on 2026-03-01",
        ),
        (
            replace(ROW, identity=replace(ALICE, expires_at=NOW)),
            ("expired", 401, "key_expired", "authentication_error"),
            "expired on 2026-03-01",
        ),
    ],
)
def test_each_refusal_has_its_own_reason(
    row: KeyRow | None, expected: tuple[str, int, str, str], words: str
) -> None:
    """Unknown, blocked, revoked and expired are told apart by reason, status, type and text."""
    decision = decide(row, NOW)
    assert refused(decision) == expected
    assert isinstance(decision, Refusal)
    assert words in decision.message
    assert decision.openai_type == "invalid_request_error"


def test_a_key_expires_at_its_moment_not_before() -> None:
    """One microsecond before its expiry a key is good, at its expiry it isn't."""
    row = replace(ROW, identity=replace(ALICE, expires_at=NOW))
    assert isinstance(decide(row, NOW - timedelta(microseconds=1)), Identity)
    assert isinstance(decide(row, NOW), Refusal)


def test_the_gate_can_make_its_own_refusals() -> None:
    """`refuse` adds the status and both error types to a reason."""
    assert refuse("network_not_allowed", "no") == Refusal(
        "network_not_allowed",
        403,
        "invalid_request_error",
        "network_not_allowed",
        "permission_error",
        "no",
    )


def test_an_issued_key_passes_again_and_again(store: Store) -> None:
    """An issued key is its identity, from the store first and from the cache later."""
    issued = store.issue(alias="alice", kind="service", by="tests", now=NOW)
    ring = Keyring(store)
    assert ring.check(issued.key, NOW) == issued.row.identity
    assert ring.check(issued.key, NOW) == issued.row.identity


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
    decision = Keyring(store).check(change(issued.key), NOW)
    assert isinstance(decision, Refusal)
    assert (decision.reason, decision.status) == (reason, 401)
    assert issued.key[20:] not in decision.message


def test_the_hash_of_a_key_is_no_key(store: Store) -> None:
    """Who has read the database still can't get in with what is in it."""
    issued = store.issue(alias="alice", kind="service", by="tests", now=NOW)
    decision = Keyring(store).check(issued.row.hash, NOW)
    assert refused(decision)[0] == "malformed_key"


def test_a_cached_key_expires_by_the_clock(store: Store) -> None:
    """Expiry is decided at each request, not when the key was cached."""
    end = NOW + timedelta(hours=1)
    issued = store.issue(alias="a", kind="service", by="tests", now=NOW, expires_at=end)
    ring = Keyring(store)
    assert isinstance(ring.check(issued.key, NOW), Identity)
    assert refused(ring.check(issued.key, end))[0] == "expired"


def test_changes_count_at_the_next_poll_and_not_long_after(store: Store) -> None:
    """A cached decision lives at most 0.4 s, well within the promised second."""
    issued = store.issue(alias="alice", kind="service", by="tests", now=NOW)
    clock = Clock()
    ring = Keyring(store, clock)
    assert isinstance(ring.check(issued.key, NOW), Identity)
    store.block("alice", by="tests", now=NOW)
    assert isinstance(ring.check(issued.key, NOW), Identity)
    clock.now += 0.4
    assert refused(ring.check(issued.key, NOW))[0] == "blocked"
    store.unblock("alice", by="tests", now=NOW)
    clock.now += 0.4
    assert isinstance(ring.check(issued.key, NOW), Identity)


def test_a_revocation_by_another_process_counts_within_a_second(store: Store, url: str) -> None:
    """After another process has revoked a key, the last accepted check is within 1 s."""
    issued = store.issue(alias="alice", kind="service", by="tests", now=NOW)
    ring = Keyring(store)
    script = (
        "import sys; from datetime import UTC, datetime; from sekisho.keys.store import Store\n"
        "with Store(sys.argv[1]) as s: s.revoke('alice', by='other', now=datetime.now(UTC))\n"
    )
    process = subprocess.Popen([sys.executable, "-W", "error", "-c", script, url])
    ended: float | None = None
    deadline = time.monotonic() + 20
    while isinstance(ring.check(issued.key, NOW), Identity):
        if ended is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
                ended = time.monotonic()
        assert time.monotonic() < deadline
        assert ended is None or time.monotonic() - ended < 1.0
    assert process.wait(20) == 0
    assert refused(ring.check(issued.key, NOW))[0] == "revoked"


def test_when_the_database_is_away_nobody_gets_in(store: Store, tmp_path: Path) -> None:
    """Without its database the check raises KeysUnavailable, and works again when it is back."""
    issued = store.issue(alias="alice", kind="service", by="tests", now=NOW)
    clock = Clock()
    ring = Keyring(store, clock)
    away = tmp_path / "away.db"
    (tmp_path / "keys.db").rename(away)
    with pytest.raises(KeysUnavailable, match=r"keys\.db is gone"):
        ring.check(issued.key, NOW)
    with pytest.raises(KeysUnavailable):
        ring.check("sk-sekisho-AbCd1234-" + "x" * 43, NOW)
    away.rename(tmp_path / "keys.db")
    assert isinstance(ring.check(issued.key, NOW), Identity)


def test_last_use_is_written_in_batches(store: Store, tmp_path: Path) -> None:
    """Uses reach the store when asked, and are kept when the store can't be written."""
    issued = store.issue(alias="alice", kind="service", by="tests", now=NOW)
    ring = Keyring(store)
    ring.check(issued.key, NOW)
    assert store.get("alice").last_used_at is None
    (tmp_path / "keys.db").rename(tmp_path / "away.db")
    with pytest.raises(KeysUnavailable):
        ring.save_last_used()
    (tmp_path / "away.db").rename(tmp_path / "keys.db")
    ring.save_last_used()
    assert store.get("alice").last_used_at == NOW


def test_a_cached_check_costs_less_than_20_microseconds(store: Store) -> None:
    """The CPU of a cached check is far below 0.15 ms, the promise."""
    issued = store.issue(alias="alice", kind="service", by="tests", now=NOW)
    ring = Keyring(store, Clock())
    ring.check(issued.key, NOW)
    started = time.process_time()
    for _ in range(5_000):
        ring.check(issued.key, NOW)
    assert (time.process_time() - started) / 5_000 < 20e-6


@pytest.mark.parametrize(
    ("models", "alias", "allowed"),
    [
        ((), "claude-sonnet-4-6", True),
        (("claude-*",), "claude-sonnet-4-6", True),
        (("claude-*",), "Claude-Sonnet-4-6", True),
        (("claude-*",), "gpt-5", False),
        (("claude-*", "gpt-5"), "gpt-5", True),
        (("gpt-5",), "gpt-5-mini", False),
        (("gpt-?",), "gpt-5", True),
        (("*",), "anything/at-all", True),
        (("claude-*",), "x\nclaude-", False),
    ],
)
def test_model_patterns(models: tuple[str, ...], alias: str, allowed: bool) -> None:
    """Patterns match whole names whatever their case; no pattern allows every model."""
    decision = may_use(replace(ALICE, models=models), alias)
    assert (decision is None) is allowed


def test_a_model_refusal_names_what_is_allowed() -> None:
    """The holder reads which models the key may use."""
    decision = may_use(replace(ALICE, models=("claude-*",)), "gpt-5")
    assert decision is not None
    assert refused(decision) == (
        "model_not_allowed",
        403,
        "model_not_found",
        "permission_error",
    )
    assert decision.message == (
        "This key may not use the model 'gpt-5', only: claude-*. Choose one of those, or ask the "
        "gateway's operator."
    )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(st.sampled_from(["block", "unblock", "revoke", "use"]), max_size=8))
def test_no_sequence_of_changes_lets_a_wrong_key_in(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    """Against a model of two flags, every sequence of changes and uses is decided right."""
    folder = tmp_path_factory.mktemp("store")
    clock = Clock()
    blocked = revoked = False
    with Store(f"sqlite:///{folder / 'keys.db'}") as store:
        issued = store.issue(alias="alice", kind="service", by="tests", now=NOW)
        ring = Keyring(store, clock)
        for step in steps:
            clock.now += 1
            if step == "revoke":
                store.revoke("alice", by="tests", now=NOW)
                revoked = True
            elif step != "use" and not revoked:
                change = store.block if step == "block" else store.unblock
                change("alice", by="tests", now=NOW)
                blocked = step == "block"
            passed = isinstance(ring.check(issued.key, NOW), Identity)
            assert passed == (not blocked and not revoked)
