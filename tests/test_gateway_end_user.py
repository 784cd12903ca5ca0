"""End users of a chat with signed tokens: who they are in the log, and what others learn of it."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
from sekisho.gate import surface

from .end_users import (
    HIDDEN,
    IN_CHAT,
    OLD_SECRET,
    PLAIN,
    REQUESTS,
    SAID,
    TANAKA,
    TANAKA_EMAIL,
    TANAKA_NAME,
    ask,
    claims,
    token,
)
from .gateway import Gateway
from .simulators import Simulator

Json = dict[str, Any]

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
JWT = "x-openwebui-user-jwt"


@pytest.fixture(scope="module")
def frontend(gateway: Gateway) -> Iterator[httpx.Client]:
    """Open WebUI, with its key, of which the gateway knows the secret."""
    with gateway.client(gateway.issue("open-webui", kind="frontend")) as client:
        yield client


def test_the_table_has_every_route() -> None:
    """What is tried for each route is tried for all that there are."""
    found = {surface.find("POST", path) for path, _, _ in REQUESTS.values()}
    assert found == set(surface.INFERENCE)


@pytest.mark.parametrize("name", REQUESTS)
def test_a_token_on_every_route(
    frontend: httpx.Client, gateway: Gateway, clouds: Simulator, name: str
) -> None:
    """The row has Tanaka with chat, message and task; no provider learns the e-mail or name."""
    clouds.clear()
    answer = ask(frontend, name, {JWT: token(), **PLAIN, **IN_CHAT}, **SAID)
    row = gateway.row(answer)
    assert (row.end_user_id, row.end_user_email, row.end_user_name, row.end_user_source) == (
        TANAKA, TANAKA_EMAIL, TANAKA_NAME, "jwt"
    )  # fmt: skip
    assert (row.chat_id, row.message_id, row.task) == ("chat-1", "message-1", "title_generation")
    assert (row.app, row.gen_ai_conversation_id) == ("open-webui", "chat-1")
    assert row.claimed_user == TANAKA_EMAIL
    told = json.dumps(clouds.journal(), ensure_ascii=False)
    assert len(clouds.journal()) > 0
    for secret in HIDDEN:
        assert secret not in told, secret


# The stable stand-in for Tanaka: "u-" and 32 digits of the HMAC-SHA-256 of "end user:" and the id
# with the gateway's master key, as openssl computes it.
STAND_IN = "u-b68d8d052427eb237a26bd4516f6908e"


def test_the_provider_gets_a_hash(frontend: httpx.Client, clouds: Simulator) -> None:
    """Whoever the body names, the provider's `user` is the stand-in for the proven end user."""
    clouds.clear()
    ask(frontend, "chat", {JWT: token()}, user="taro@example.com")
    (entry,) = clouds.journal()
    assert entry["body"]["user"] == STAND_IN


def test_an_old_secret_is_good(frontend: httpx.Client, gateway: Gateway) -> None:
    """While the secret changes, tokens of both are believed."""
    row = gateway.row(ask(frontend, "chat", {JWT: token(secret=OLD_SECRET)}))
    assert (row.end_user_id, row.end_user_source) == (TANAKA, "jwt")


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (CHAT, ("invalid_request_error", "end_user_token_invalid")),
        (MESSAGES, ("authentication_error", None)),
        ("/v1beta/models/gemini-3.5-flash:generateContent", (None, 401)),
    ],
)
def test_a_bad_token_in_each_dialect(
    frontend: httpx.Client, path: str, told: tuple[object, object]
) -> None:
    """An expired token is 401 in the caller's dialect, in words that name the clocks."""
    old = token(claims(iat=1, exp=2))
    answer = frontend.post(path, json={}, headers={JWT: old})
    assert answer.status_code == 401
    error = answer.json()["error"]
    assert "set the clocks of Open WebUI and of the gateway right" in error["message"]
    assert (error.get("type"), error.get("code")) == told


def test_lists_of_models(frontend: httpx.Client) -> None:
    """A list is the same for everyone with the key, but not for who comes with a forged token."""
    anybody = frontend.get("/v1/models")
    assert anybody.status_code == 200
    assert frontend.get("/v1/models", headers={JWT: token()}).json() == anybody.json()
    refused = frontend.get("/v1/models", headers={JWT: token()[:-2]})
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "end_user_token_invalid")


def events(answer: httpx.Response) -> list[Json]:
    """The JSON of a stream's events."""
    lines = [line[5:].strip() for line in answer.text.splitlines() if line.startswith("data:")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def usage(answer: httpx.Response) -> list[Json]:
    """All usage that an answer tells, but for what Anthropic's streams begin with."""
    streamed = answer.headers["content-type"].startswith("text/event-stream")
    found = events(answer) if streamed else [answer.json()]
    told = [one.get("response", one).get("usage") for one in found]
    return [one for one in told if one]


WITH_USAGE = {"stream_options": {"include_usage": True}}
COSTS: dict[str, tuple[Json, float]] = {
    "chat": ({}, 0.00028),
    "chat, streamed": (WITH_USAGE, 0.00028),
    "chat on Bedrock": ({"stream": True, **WITH_USAGE}, 0.0000084),
    "messages": ({}, 0.00045),
    "messages on Bedrock": ({"stream": True}, 0.00045),
    "responses": ({"input": "[[sim:usage input=100 output=10]]"}, 0.00028),
    "responses, streamed": ({"input": "[[sim:usage input=100 output=10]]"}, 0.00028),
    "embeddings": ({"input": "[[sim:usage input=100]]"}, 0.0000143),
}


@pytest.mark.parametrize("name", COSTS)
def test_a_frontend_is_told_the_cost(
    frontend: httpx.Client, client: httpx.Client, gateway: Gateway, name: str
) -> None:
    """`usage.cost` is the row's cost in USD, a number; a person's answer has none."""
    more, usd = COSTS[name]
    answer = ask(frontend, name, {}, **more)
    assert {one.get("cost") for one in usage(answer)} == {usd}
    assert gateway.row(answer).billed_cost == Decimal(str(usd))
    own = ask(client, name, {}, **more)
    assert {one.get("cost") for one in usage(own)} == {None}


def test_the_cost_of_another_tier(frontend: httpx.Client, gateway: Gateway) -> None:
    """What a stream tells is what the row has, at the prices of the tier that was served."""
    answer = ask(frontend, "chat, streamed", {}, service_tier="priority", **WITH_USAGE)
    row = gateway.row(answer)
    assert row.service_tier == "priority"
    assert usage(answer)[-1]["cost"] == float(row.billed_cost or 0) > 0.00028


def test_no_usage_no_cost(frontend: httpx.Client) -> None:
    """A streamed chat without `include_usage` has neither, as the API says."""
    answer = ask(frontend, "chat, streamed", {})
    assert usage(answer) == []
