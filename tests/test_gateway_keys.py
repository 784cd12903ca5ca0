"""Who may pass: every reason to refuse a key, as its holder reads it and as the log has it."""

import json
import re
import time
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from .gateway import Gateway, sekisho, until

SAY: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9}


@dataclass(frozen=True)
class No:
    """A refusal in both dialects; `words` begin its message."""

    status: int
    openai_type: str
    code: str
    anthropic_type: str
    words: str


MISSING = No(
    401, "invalid_request_error", "invalid_api_key", "authentication_error", "No API key was sent."
)
MALFORMED = No(
    401,
    "invalid_request_error",
    "invalid_api_key",
    "authentication_error",
    "This is not a key of this gateway",
)
UNKNOWN = No(
    401,
    "invalid_request_error",
    "invalid_api_key",
    "authentication_error",
    "This key is not known here.",
)
BLOCKED = No(
    403, "invalid_request_error", "key_blocked", "permission_error", "This key is blocked."
)
REVOKED = No(
    401, "invalid_request_error", "key_revoked", "authentication_error", "This key was revoked on "
)
EXPIRED = No(
    401, "invalid_request_error", "key_expired", "authentication_error", "This key expired on "
)
NOT_THIS_MODEL = No(
    403,
    "invalid_request_error",
    "model_not_found",
    "permission_error",
    "This key may not use the model 'demo', only: gpt-*.",
)


def ask(gateway: Gateway, headers: dict[str, str], path: str) -> httpx.Response:
    """Ask the demo model for something."""
    sent = {"model": "demo", **SAY}
    return httpx.post(gateway.url + path, json=sent, headers=headers, timeout=30)


def is_refused(gateway: Gateway, headers: dict[str, str], no: No) -> None:
    """Assert that the refusal reads as it must in both dialects, and that its rows say so."""
    openai = ask(gateway, headers, "/v1/chat/completions")
    error = openai.json()["error"]
    assert (openai.status_code, error["type"], error["code"], error["param"]) == (
        no.status,
        no.openai_type,
        no.code,
        None,
    )
    assert error["message"].startswith(no.words)
    anthropic = ask(gateway, headers, "/v1/messages")
    told = anthropic.json()
    assert (anthropic.status_code, told["type"]) == (no.status, "error")
    assert told["error"] == {"type": no.anthropic_type, "message": error["message"]}
    assert told["request_id"] == anthropic.headers["request-id"]
    for answer in (openai, anthropic):
        row = gateway.row(answer)
        assert (row.status, row.error_type, row.error_message) == (
            "refused",
            no.code,
            error["message"],
        )
        assert (row.http_response_status_code, row.billed_cost) == (no.status, Decimal(0))
        assert row.attempts == ()


def bearer(key: str) -> dict[str, str]:
    """The header that carries a key."""
    return {"authorization": f"Bearer {key}"}


@pytest.mark.parametrize(
    ("headers", "no"),
    [
        ({}, MISSING),
        ({"authorization": "Bearer"}, MISSING),
        ({"x-litellm-key": "sk-sekisho-abcdefgh"}, MISSING),
        ({"authorization": "Bearer sk-1234"}, MALFORMED),
        ({"authorization": "Basic dTpw"}, MALFORMED),
        ({"x-api-key": "sk-ant-api03-abc"}, MALFORMED),
        ({"api-key": "sk-sekisho-"}, MALFORMED),
    ],
)
def test_no_key_or_none_of_ours(gateway: Gateway, headers: dict[str, str], no: No) -> None:
    """A missing or misshapen key is 401 and says what a key looks like."""
    is_refused(gateway, headers, no)


def test_a_key_from_another_gateway(gateway: Gateway, tmp_path: Path) -> None:
    """A good key of another gateway is not known here."""
    issued = sekisho(tmp_path, "keys", "issue", "--alias", "stranger", "--json")
    is_refused(gateway, bearer(json.loads(issued.out)["key"]), UNKNOWN)


def test_a_revoked_key(gateway: Gateway) -> None:
    """A revoked key is 401 with the day of its end."""
    key = gateway.issue("revoked")
    assert sekisho(gateway.home, "keys", "revoke", "revoked").code == 0
    _soon(gateway, key, 401)
    is_refused(gateway, bearer(key), REVOKED)


def test_an_expired_key(gateway: Gateway) -> None:
    """A key works until its moment, and is 401 from then on."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3))
    key = gateway.issue("expiring", expires=moment)
    _soon(gateway, key, 401, within=10)
    is_refused(gateway, bearer(key), EXPIRED)


def test_a_model_that_is_not_allowed(gateway: Gateway) -> None:
    """A key for some models is 403 for another one, and lists only its own."""
    key = gateway.issue("gpt-only", models="gpt-*")
    is_refused(gateway, bearer(key), NOT_THIS_MODEL)
    listed = httpx.get(gateway.url + "/v1/models", headers=bearer(key)).json()["data"]
    assert {"gpt-4.1", "gpt-image-2"} <= {model["id"] for model in listed}
    assert all(model["id"].startswith("gpt-") for model in listed)
    one = httpx.get(gateway.url + "/v1/models/demo", headers=bearer(key))
    assert one.status_code == 403


def test_a_model_that_does_not_exist(gateway: Gateway, key: str) -> None:
    """An unknown model is 404 and names the nearest ones that the key may use."""
    sent = {"model": "gpt-41", **SAY}
    answer = httpx.post(gateway.url + "/v1/chat/completions", json=sent, headers=bearer(key))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (404, "model_not_found")
    assert "did you mean gpt-4.1" in error["message"]
    told = httpx.post(gateway.url + "/v1/messages", json=sent, headers=bearer(key)).json()
    assert told["error"]["type"] == "not_found_error"


def test_blocking_works_within_a_second(gateway: Gateway) -> None:
    """A key that was in use a moment ago is 403 within 1 s of its blocking, and back as fast."""
    key = gateway.issue("blockable", kind="service")
    assert ask(gateway, bearer(key), "/v1/chat/completions").status_code == 200
    assert sekisho(gateway.home, "keys", "block", "blockable").code == 0
    _soon(gateway, key, 403)
    is_refused(gateway, bearer(key), BLOCKED)
    listing = httpx.get(gateway.url + "/v1/models", headers=bearer(key))
    assert listing.status_code == 403
    assert sekisho(gateway.home, "keys", "unblock", "blockable").code == 0
    _soon(gateway, key, 200)


def _soon(gateway: Gateway, key: str, status: int, within: float = 1.0) -> None:
    def seen() -> bool:
        listing = httpx.get(gateway.url + "/v1/models", headers=bearer(key))
        return listing.status_code == status

    until(f"{status} within {within} s", seen, within)


def test_every_place_for_a_key(gateway: Gateway, key: str) -> None:
    """OpenAI's, Anthropic's, Azure's and LiteLLM's clients each send it in their own header."""
    places = [bearer(key), {"authorization": key}, {"x-api-key": key}, {"api-key": key}]
    places += [{"x-litellm-api-key": key}, {"x-litellm-api-key": f"Bearer {key}"}]
    for headers in places:
        assert ask(gateway, headers, "/v1/messages").status_code == 200, headers
    both = {**bearer(key), "x-api-key": "sk-ant-of-its-own"}
    assert ask(gateway, both, "/v1/messages").status_code == 200


def test_the_key_database_is_away(gateway: Gateway, key: str) -> None:
    """Without its key database the gateway lets only known keys in, says so, and recovers."""
    other = gateway.issue("seldom-used")
    assert ask(gateway, bearer(key), "/v1/messages").status_code == 200
    away = gateway.home / "away.db"
    database = gateway.home / "keys.db"
    database.rename(away)
    try:
        trouble = until("readiness to tell", lambda: _degraded(gateway), 5)
        seconds = re.fullmatch(
            r"keys: the key store can't be reached; known keys work for (\d+) s more", trouble
        )
        assert seconds is not None, trouble
        assert 290 <= int(seconds[1]) <= 300
        assert _is_answered(gateway, "/health/liveliness", 200)
        assert ask(gateway, bearer(key), "/v1/messages").status_code == 200
        answer = ask(gateway, bearer(other), "/v1/chat/completions")
        malformed = ask(gateway, bearer(other[:-1]), "/v1/chat/completions")
    finally:
        away.rename(database)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (
        503,
        "server_error",
        "keys_unavailable",
    )
    assert "keys.db" not in answer.text
    assert malformed.status_code == 401
    row = gateway.row(answer)
    assert (row.status, row.error_type, row.api_key_id) == ("refused", "keys_unavailable", None)
    until("readiness again", lambda: not _degraded(gateway), 5)
    for each in (key, other):
        assert ask(gateway, bearer(each), "/v1/messages").status_code == 200


def _degraded(gateway: Gateway) -> str:
    """What readiness says is wrong while the gateway stays in service; empty when nothing is."""
    answer = httpx.get(gateway.url + "/health/readiness")
    found: dict[str, str] = answer.json()
    assert answer.status_code == 200
    assert found["status"] == ("degraded" if "detail" in found else "healthy")
    return found.get("detail", "")


def _is_answered(gateway: Gateway, path: str, status: int) -> bool:
    return httpx.get(gateway.url + path).status_code == status


def test_no_key_is_in_the_log_or_on_disk(gateway: Gateway, key: str) -> None:
    """Neither the gateway's output nor its files hold a key in clear."""
    secret = key.rpartition("-")[2].encode()
    assert len(secret) > 20
    for path in gateway.home.rglob("*"):
        if path.is_file():
            assert secret not in path.read_bytes(), path
