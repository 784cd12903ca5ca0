"""Attempts to be somebody else: none of them changes whom the row names as the end user."""

import socket
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from sekisho.lake.record import Record

from .end_user_raw import RAW
from .end_user_spoofs import HOLDERS, TABLE, VICTIM, Attempt
from .end_users import REQUESTS, token
from .gateway import Gateway, until

Json = dict[str, Any]


@pytest.fixture(scope="module")
def keys(gateway: Gateway, key: str) -> dict[str, str]:
    """A key of each kind."""
    return {
        "person": key,
        "service": gateway.issue("spoofer", kind="service", owner="bot@example.com"),
        "frontend": gateway.issue("open-webui-spoofed", kind="frontend"),
    }


@dataclass(frozen=True)
class Result:
    """The HTTP status, and the row."""

    status: int
    row: Record


def send(client: httpx.Client, attempt: Attempt, key: str) -> tuple[int, str]:
    """Status and request id of one attempt."""
    path, fields, files = REQUESTS[attempt.route]
    sent = (("Authorization", f"Bearer {key}"), *attempt.headers)
    headers = [(n.encode(), v if isinstance(v, bytes) else v.encode()) for n, v in sent]
    asked = {**fields, **attempt.fields}
    body: Json = {"json": asked} if files is None else {"data": flat(asked), "files": files}
    answer = client.post(path, headers=headers, **body)
    return answer.status_code, answer.headers["x-sekisho-request-id"]


def flat(fields: Json) -> Json:
    """Fields as a form can have them."""
    return {name: value if isinstance(value, str) else str(value) for name, value in fields.items()}


@pytest.fixture(scope="module")
def results(gateway: Gateway, keys: dict[str, str]) -> dict[str, Result]:
    """What became of each attempt."""
    with httpx.Client(base_url=gateway.url, timeout=60) as client:
        sent = {name: send(client, one, keys[one.key]) for name, one in TABLE.items()}
    wanted = {request_id for _, request_id in sent.values()}

    def found() -> dict[str, Record]:
        rows = {row.request_id: row for row in gateway.rows() if row.request_id in wanted}
        return rows if len(rows) == len(wanted) else {}

    rows = until("all rows", found)
    return {name: Result(status, rows[request_id]) for name, (status, request_id) in sent.items()}


def who(row: Record) -> tuple[str | None, ...]:
    """Whom a row names."""
    return row.end_user_id, row.end_user_email, row.end_user_name, row.end_user_source


def test_nobody_is_somebody_else(results: dict[str, Result]) -> None:
    """Each of more than 200 attempts leaves the row with the proven end user, or without one; a
    token that isn't right is refused.
    """
    assert len(results) > 200
    found = {name: (one.status, who(one.row)) for name, one in results.items()}
    assert found == {name: (one.status, one.named) for name, one in TABLE.items()}


def test_a_refused_token_has_a_row(results: dict[str, Result]) -> None:
    """It says why, whose key it was and whom the token named, and that nothing was paid."""
    for name, one in results.items():
        if one.status == 401:
            told = one.row.status, one.row.error_type, one.row.api_key_alias, one.row.billed_cost
            refused = ("refused", "end_user_token_invalid", "open-webui-spoofed", Decimal(0))
            assert told == refused, name
    assert results["frontend: token signed with another secret"].row.claimed_user == VICTIM


def test_claims_are_kept(results: dict[str, Result]) -> None:
    """What a request has claimed stands beside what was proven."""
    for name in ("LiteLLM's end user", "LiteLLM's customer", "Open WebUI's e-mail"):
        for key in HOLDERS:
            assert results[f"{key}: {name}"].row.claimed_user == VICTIM
    for key in HOLDERS:
        for name in ("user", "safety_identifier", "metadata"):
            assert results[f"{key}: the field {name}"].row.claimed_user == VICTIM
    assert results["person: a good token"].row.claimed_user == VICTIM
    assert results["frontend: a good token's name in lower case"].row.claimed_user is None


@pytest.mark.parametrize("name", RAW)
def test_what_no_library_sends(gateway: Gateway, keys: dict[str, str], name: str) -> None:
    """Smuggled headers name nobody: the request is refused, or has the user of its one token."""
    sent, named = RAW[name]
    before = {row.request_id for row in gateway.rows()}
    for mark, value in ((b"{key}", keys["frontend"]), (b"{good}", token())):
        sent = sent.replace(mark, value.encode())
    place = urlsplit(gateway.url)
    with socket.create_connection((place.hostname, place.port), timeout=10) as wire:
        wire.sendall(sent)
        answer = wire.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 ")
    id_ = answer.lower().partition(b"x-sekisho-request-id: ")[2][:36].decode()
    if id_:
        gateway.row_of(id_)
    rows = [row for row in gateway.rows() if row.request_id not in before]
    assert {who(row) for row in rows} == named
    assert not rows or rows[0].request_id == id_
