"""The decision at the gate: who passes, who doesn't, and what each of them is told."""

from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network

import pytest
from sekisho.keys.check import decide, from_network, may_use
from sekisho.keys.identity import Identity, Refusal, refuse
from sekisho.keys.row import KeyRow

from .keyrings import NOW, refused

ALICE = Identity(key_id="key_1", alias="alice", kind="service")
ROW = KeyRow(ALICE, "0" * 64, "sk-sekisho-AbCd1234", NOW, "tests")


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
            replace(ROW, secret_ends_at=NOW, blocked_at=NOW),
            ("rotated", 401, "key_rotated", "authentication_error"),
            "was replaced by a newer one on 2026-03-01",
        ),
        (
            replace(ROW, secret_ends_at=NOW, revoked_at=NOW),
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


@pytest.mark.parametrize(
    ("networks", "address", "allowed"),
    [
        ((), None, True),
        (("10.0.0.0/8",), "10.1.2.3", True),
        (("10.0.0.0/8",), "11.1.2.3", False),
        (("10.0.0.0/8",), "::ffff:10.1.2.3", True),
        (("10.0.0.0/8", "2001:db8::/32"), "2001:db8::1", True),
        (("2001:db8::/32",), "2001:db9::1", False),
        (("0.0.0.0/0",), "2001:db8::1", False),
        (("0.0.0.0/0", "::/0"), None, False),
        (("0.0.0.0/0", "::/0"), "", False),
        (("0.0.0.0/0", "::/0"), "10.1.2.3, 10.0.0.1", False),
        (("0.0.0.0/0", "::/0"), "unix:", False),
    ],
)
def test_networks(networks: tuple[str, ...], address: str | None, allowed: bool) -> None:
    """A key with networks works from addresses in them alone; what is no address is in none."""
    found = tuple(ip_network(text) for text in networks)
    refusal = from_network(replace(ALICE, networks=found), address)
    assert (refusal is None) is allowed


def test_a_network_refusal_names_the_address_and_no_network() -> None:
    """The holder reads which address was seen; a thief doesn't read which would do."""
    holder = replace(ALICE, networks=(ip_network("10.0.0.0/8"),))
    decision = from_network(holder, "::ffff:203.0.113.9")
    assert decision is not None
    assert refused(decision) == (
        "network_not_allowed",
        403,
        "network_not_allowed",
        "permission_error",
    )
    assert decision.message == (
        "This key may not be used from 203.0.113.9. Use it from a network it is meant for, or "
        "ask the gateway's operator to allow this one."
    )


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
