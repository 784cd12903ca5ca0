"""Ways in that must stay shut, each against a real gateway: wrong keys, wrong places, wrong times.

The gateway listens on 127.0.0.1 as an IPv6 socket does (`::ffff:127.0.0.1`), so that every peer
here has an IPv4-mapped address. 127.0.0.2 is its trusted proxy; whoever comes from there says
where from in `X-Forwarded-For`.
"""

import hashlib
import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from sekisho.keys.networks import parse
from sekisho.keys.store import Store
from sekisho.lake.record import Record

from .gateway import Gateway, sekisho, until
from .test_gateway_keys import BLOCKED, EXPIRED, MALFORMED, MISSING, REVOKED, UNKNOWN, No, bearer

PROXY = "127.0.0.2"
PATHS = ("/v1/chat/completions", "/v1/messages")
Headers = dict[str, str] | list[tuple[str, str | bytes]]

ROTATED = No(
    401,
    "invalid_request_error",
    "key_rotated",
    "authentication_error",
    "This key was replaced by a newer one on ",
)


def _from(words: str) -> No:
    return No(403, "invalid_request_error", "network_not_allowed", "permission_error", words)


NOT_FROM_HERE = _from("This key may not be used from 127.0.0.1. Use it from a network ")
NOT_FROM_THERE = _from("This key may not be used from 198.51.100.9. Use it from a network ")


@dataclass(frozen=True)
class House:
    """The gateway, and keys by name: `good` works, the others are what their names say."""

    gateway: Gateway
    keys: dict[str, str]

    @property
    def good(self) -> str:
        """A key that works."""
        return self.keys["good"]

    def ask(self, path: str, headers: Headers, peer: str = "127.0.0.1") -> httpx.Response:
        """Ask the demo model for something, from an address of this machine."""
        sent = {"model": "demo", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 9}
        transport = httpx.HTTPTransport(local_address=peer)
        with httpx.Client(base_url=self.gateway.url, transport=transport, timeout=30) as client:
            return client.post(path, json=sent, headers=headers)  # type: ignore[arg-type]

    def refuses(self, no: No, headers: Headers, peer: str = "127.0.0.1") -> Record:
        """Assert that it does, in both dialects, and that the rows say why; one of the rows."""
        openai, anthropic = (self.ask(path, headers, peer) for path in PATHS)
        error = openai.json()["error"]
        assert openai.status_code == no.status
        assert (error["type"], error["code"], error["param"]) == (no.openai_type, no.code, None)
        assert error["message"].startswith(no.words)
        told = anthropic.json()
        assert (anthropic.status_code, told["type"]) == (no.status, "error")
        assert told["error"] == {"type": no.anthropic_type, "message": error["message"]}
        row = self._refused(openai, no, error["message"])
        self._refused(anthropic, no, error["message"])
        return row

    def _refused(self, answer: httpx.Response, no: No, message: str) -> Record:
        row = self.gateway.row(answer)
        assert (row.status, row.error_type, row.error_message) == ("refused", no.code, message)
        assert (row.http_response_status_code, row.billed_cost) == (no.status, Decimal(0))
        assert row.attempts == ()
        return row

    def lets_in(self, headers: Headers, peer: str = "127.0.0.1") -> None:
        """Assert that it does, in both dialects."""
        for path in PATHS:
            assert self.ask(path, headers, peer).status_code == 200


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A gateway for some networks behind a trusted proxy, with a key for each story."""
    home = tmp_path_factory.mktemp("house")
    variables = {
        "SEKISHO_TRUSTED_PROXIES": f"{PROXY}/32",
        "SEKISHO_ALLOW_IPS": "127.0.0.1 203.0.113.0/24, 198.51.100.0/24 2001:db8:7::/48",
    }
    with Gateway.start(home, "--demo", "--host", "::ffff:127.0.0.1", variables=variables) as gate:
        keys = {name: _issue(gate, name) for name in ("good", "revoked", "blocked", "lapsing")}
        yield House(gate, keys | _special_keys(gate))


def _special_keys(gate: Gateway) -> dict[str, str]:
    """A key of the past, one for an office's network, and one of another installation."""
    past = datetime.now(UTC) - timedelta(days=9)
    office: tuple[str, ...] = ("203.0.113.0/24", "2001:db8:7:1::/64")
    elsewhere = gate.home / "elsewhere"
    elsewhere.mkdir()
    stranger = sekisho(elsewhere, "keys", "issue", "--alias", "good", "--json")
    return {
        "expired": _issue(gate, "expired", past, expires_at=past + timedelta(days=1)),
        "office": _issue(gate, "office", networks=office),
        "stranger": json.loads(stranger.out)["key"],
    }


def _issue(gate: Gateway, alias: str, when: datetime | None = None, **fields: Any) -> str:
    now = when or datetime.now(UTC)
    with _store(gate) as store:
        return store.issue(alias=alias, kind="service", by="test", now=now, **fields).key


def _store(gate: Gateway) -> Store:
    return Store(f"sqlite:///{gate.home / 'keys.db'}")


def _other_case(key: str) -> str:
    head, _, secret = key.rpartition("-")
    return f"{head}-{secret.swapcase()}"


def _hash_in_disguise(key: str) -> str:
    """The hash where the secret should be: as long as a key, and made of the same characters."""
    return f"{key.rpartition('-')[0]}-{hashlib.sha256(key.encode()).hexdigest()[:43]}"


def _via(key: str, forwarded: str) -> dict[str, str]:
    return {**bearer(key), "x-forwarded-for": forwarded}


@dataclass(frozen=True)
class Way:
    """A wrong way in: what is sent, from which address, and how it is refused.

    `whose` is the alias in the row: of known keys only.
    """

    name: str
    sent: Callable[[dict[str, str]], Headers]
    no: No
    peer: str = "127.0.0.1"
    whose: str | None = None


_SQL = "Bearer sk-sekisho-' OR 1=1; DROP TABLE sekisho_keys; --"

# The ten ways of the plan, in their order; some of them in several spellings.
WAYS = (
    Way("1 empty", lambda _: {"authorization": ""}, MISSING),
    Way("1 empty bearer", lambda _: {"authorization": "Bearer", "x-api-key": ""}, MISSING),
    Way("2 truncated", lambda k: bearer(k["good"][:-1]), MALFORMED),
    Way("2 public part", lambda k: bearer(k["good"].rpartition("-")[0]), MALFORMED),
    Way("3 case of the secret", lambda k: bearer(_other_case(k["good"])), UNKNOWN),
    Way("3 all capitals", lambda k: bearer(k["good"].upper()), MALFORMED),
    Way("4 hash", lambda k: bearer(hashlib.sha256(k["good"].encode()).hexdigest()), MALFORMED),
    Way("4 hash in disguise", lambda k: bearer(_hash_in_disguise(k["good"])), UNKNOWN),
    Way("5 SQL", lambda _: {"authorization": _SQL}, MALFORMED),
    Way("5 SQL behind a key", lambda k: bearer(k["good"] + "' OR '1'='1"), MALFORMED),
    Way("6 1 MB", lambda _: bearer("sk-sekisho-" + "x" * 1_000_000), MALFORMED),
    Way("6 1 MB behind a key", lambda k: bearer(k["good"] + "x" * 1_000_000), MALFORMED),
    Way("7 expired", lambda k: bearer(k["expired"]), EXPIRED, whose="expired"),
    Way("8 revoked", lambda k: bearer(k["revoked"]), REVOKED, whose="revoked"),
    Way(
        "9 forged by a stranger",
        lambda k: _via(k["office"], "203.0.113.7"),
        NOT_FROM_HERE,
        whose="office",
    ),
    Way(
        "9 forged before a trusted proxy",
        lambda k: _via(k["office"], "203.0.113.7, 198.51.100.9"),
        NOT_FROM_THERE,
        PROXY,
        "office",
    ),
    Way(
        "9 forged in a line of its own",
        lambda k: [
            ("authorization", f"Bearer {k['office']}"),
            ("x-forwarded-for", "203.0.113.7"),
            ("x-forwarded-for", "198.51.100.9"),
        ],
        NOT_FROM_THERE,
        PROXY,
        "office",
    ),
    Way("10 another installation", lambda k: bearer(k["stranger"]), UNKNOWN),
)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_ten_wrong_ways_in(house: House, way: Way) -> None:
    """Each is refused in both dialects, in so many words, asks no provider, and leaves its row."""
    if way.whose == "revoked" and not _is_refused(house, "revoked"):
        house.gateway.keys("revoke", "revoked")
        until("the revocation", lambda: _is_refused(house, "revoked"), 1)
    row = house.refuses(way.no, way.sent(house.keys), way.peer)
    assert row.api_key_alias == way.whose


def _is_refused(house: House, name: str) -> bool:
    return house.ask(PATHS[0], bearer(house.keys[name])).status_code != 200


def test_afterwards_the_right_key_works(house: House) -> None:
    """No wrong key has hurt the gateway or its keys, and none of them is in its log."""
    house.lets_in(bearer(house.good))
    assert "Traceback" not in house.gateway.log()
    for secret in house.keys.values():
        assert secret.rpartition("-")[2] not in house.gateway.log()


def test_where_a_key_for_a_network_works(house: House) -> None:
    """It works from its networks, IPv4 and IPv6, as the trusted proxy tells and nobody else."""
    office = house.keys["office"]
    for address in ("203.0.113.7", "::ffff:203.0.113.7", "2001:db8:7:1::5"):
        house.lets_in(_via(office, address), PROXY)
        house.lets_in(_via(office, f"198.51.100.9, {address}"), PROXY)
        house.lets_in(_via(office, f"{address}, {PROXY}"), PROXY)
    row = house.refuses(
        _from("This key may not be used from 2001:db8:7:2::5. "),
        _via(office, "2001:db8:7:2::5"),
        PROXY,
    )
    assert row.client_address == "2001:db8:7:2::5"


def test_two_authorization_headers(house: House) -> None:
    """The last one counts, alone: a good key can't stand in for a bad one beside it."""
    good, bad = (("authorization", f"Bearer {key}") for key in (house.good, house.good[:-1]))
    house.refuses(MALFORMED, [good, bad])
    house.lets_in([bad, good])


@pytest.mark.parametrize(
    "sent",
    [
        "Bearer sk-sekisho-関所関所関所関-".encode(),
        b"Bearer sk-sekisho-\xff\xfe",
        b"B\xe9arer x",
        b"Bearer \xef\xbb\xbfsk-sekisho-x",
    ],
)
def test_unicode_in_the_header(house: House, sent: bytes) -> None:
    """Bytes that are no ASCII are no key."""
    house.refuses(MALFORMED, [("authorization", sent)])


def test_a_control_character_in_the_header(house: House) -> None:
    """The server itself refuses what HTTP doesn't allow: that is no request, and has no row."""
    before = len(house.gateway.rows())
    head = f"POST {PATHS[0]} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {house.good}\0\r\n\r\n"
    place = urlsplit(house.gateway.url)
    with socket.create_connection((str(place.hostname), place.port or 0), 10) as connection:
        connection.sendall(head.encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 400 ")
    assert len(house.gateway.rows()) == before


def test_a_blocked_key(house: House) -> None:
    """A key that worked is refused when it is blocked, and works again afterwards."""
    blocked = bearer(house.keys["blocked"])
    house.lets_in(blocked)
    house.gateway.keys("block", "blocked")
    until("the block", lambda: _is_refused(house, "blocked"), 1)
    assert house.refuses(BLOCKED, blocked).api_key_alias == "blocked"
    house.gateway.keys("unblock", "blocked")
    until("its end", lambda: not _is_refused(house, "blocked"), 1)


def test_a_key_that_expires_in_use(house: House) -> None:
    """A key that has been used, and is known to the gateway, ends when the clock says so."""
    ends = datetime.now(UTC) + timedelta(seconds=2)
    lapsing = house.keys["lapsing"]
    with _store(house.gateway) as store:
        store.update("lapsing", {"expires_at": ends}, by="test", now=datetime.now(UTC))
    house.lets_in(bearer(lapsing))
    until("the end", lambda: _is_refused(house, "lapsing"), 5)
    assert datetime.now(UTC) >= ends
    house.refuses(EXPIRED, bearer(lapsing))


def test_a_rotated_key(house: House) -> None:
    """Within its grace the old secret works beside the new one; then only the new one does."""
    old = _issue(house.gateway, "turning")
    grace = timedelta(seconds=2)
    with _store(house.gateway) as store:
        new = store.rotate("turning", grace=grace, by="test", now=datetime.now(UTC)).key
    ends = datetime.now(UTC) + grace
    for secret in (old, new):
        house.lets_in(bearer(secret))
    until("the end of the grace", lambda: _status(house, old) == 401)
    assert datetime.now(UTC) >= ends - timedelta(seconds=1)
    row = house.refuses(ROTATED, bearer(old))
    assert row.api_key_alias == "turning"
    house.lets_in(bearer(new))


def _status(house: House, key: str) -> int:
    return house.ask(PATHS[0], bearer(key)).status_code


OUTSIDE = "192.0.2.77"


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "203.0.113.255", "::ffff:198.51.100.1", "2001:db8:7:ffff::1"]
)
def test_networks_that_may_enter(house: House, address: str) -> None:
    """`SEKISHO_ALLOW_IPS` lets its networks in: IPv4, IPv4 written as IPv6, and IPv6."""
    house.lets_in(_via(house.good, address), PROXY)


@pytest.mark.parametrize("address", [OUTSIDE, f"::ffff:{OUTSIDE}", "2001:db8:8::1", "::1"])
def test_networks_that_may_not_enter(house: House, address: str) -> None:
    """All others are refused before anybody looks at their key; the row says where from."""
    headers = {"x-forwarded-for": address}
    address = address.removeprefix("::ffff:")
    words = f"The address {address} may not use this gateway."
    row = house.refuses(_from(words), {**bearer(house.good), **headers}, PROXY)
    assert (row.client_address, row.api_key_id) == (address, None)
    assert house.refuses(_from(words), headers, PROXY).error_message == words


def test_a_peer_that_may_not_enter(house: House) -> None:
    """A peer outside stays outside whatever it claims, and its real address is in the row."""
    for claimed in ("203.0.113.7", "127.0.0.1", "127.0.0.2", "unknown"):
        row = house.refuses(_from("The address "), _via(house.good, claimed), "127.0.0.3")
        assert parse(row.client_address) == parse("127.0.0.3")
        assert "127.0.0.3 may not use this gateway." in (row.error_message or "")


def test_a_proxy_that_says_nothing_of_use(house: House) -> None:
    """A trusted proxy speaks for others: what it can't name is not let in as somebody else."""
    for claimed in ("", "unknown", "203.0.113.7, unknown", "203.0.113.7, _hidden"):
        house.refuses(_from("The address "), _via(house.good, claimed), PROXY)


def test_lists_of_models_are_for_insiders(house: House) -> None:
    """The list of models is refused outside as well, in the caller's dialect."""
    with _outsider(house) as client:
        openai = client.get("/v1/models", headers=bearer(house.good))
        assert (openai.status_code, openai.json()["error"]["code"]) == (403, "network_not_allowed")
        anthropic = client.get("/v1/models", headers={"anthropic-version": "2023-06-01"})
        assert anthropic.json()["error"]["type"] == "permission_error"


def test_health_is_for_everybody(house: House) -> None:
    """A load balancer need not be in the list."""
    with _outsider(house) as client:
        for path in ("/health/liveliness", "/health/readiness"):
            assert client.get(path).json() == {"status": "healthy"}


def _outsider(house: House) -> httpx.Client:
    transport = httpx.HTTPTransport(local_address="127.0.0.3")
    return httpx.Client(base_url=house.gateway.url, transport=transport, timeout=30)
