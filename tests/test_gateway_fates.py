"""Whatever becomes of a request, it has exactly one row, and the row says what became of it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
from sekisho.lake.record import Record

from .gateway import Gateway, until

Json = dict[str, Any]
Send = Callable[[httpx.AsyncClient], Awaitable[str | None]]

# By these the rows are found again: the user agent is this test's own, and the claim, which the
# gate records and does not believe, names the fate where the client never learns a request id.
AGENT = "fates of a thousand"
CLAIM = "x-litellm-end-user-id"


@dataclass(frozen=True)
class Fate:
    """A kind of request: how often, and the status and HTTP status its rows must have."""

    count: int
    status: str
    http: int
    send: Send


def _chat(text: str, model: str = "gpt-4.1", **more: Any) -> Json:
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


def _post(path: str, body: Json | bytes, **headers: str) -> Send:
    async def send(client: httpx.AsyncClient) -> str | None:
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        answer = await client.post(path, headers=headers, content=content)
        return answer.headers["x-sekisho-request-id"]

    return send


def _leave_before_the_answer(path: str, body: Json) -> Send:
    async def send(client: httpx.AsyncClient) -> str | None:
        with suppress(httpx.ReadTimeout):
            await client.post(path, json=body, timeout=0.5, headers={CLAIM: "left before"})
        return None

    return send


def _leave_after_first_piece(path: str, body: Json) -> Send:
    async def send(client: httpx.AsyncClient) -> str | None:
        async with client.stream("POST", path, json=body) as answer:
            async for _ in answer.aiter_bytes():
                break
            return answer.headers["x-sekisho-request-id"]

    return send


_ENDLESS = "[[sim:chunks 200 delay=0.05]]"
_MESSAGES = "/v1/messages"
_CHAT = "/v1/chat/completions"

FATES = {
    "answered": Fate(230, "success", 200, _post(_CHAT, _chat("hello", "claude-sonnet-4-6"))),
    "streamed": Fate(200, "success", 200, _post(_CHAT, _chat("hello", stream=True))),
    "message streamed": Fate(
        100,
        "success",
        200,
        _post(_MESSAGES, _chat("hello", "claude-sonnet-4-6-bedrock", stream=True, max_tokens=99)),
    ),
    "refused by the provider": Fate(
        50, "failure", 400, _post(_CHAT, _chat("[[sim:status 400]]", "gemini-3.5-flash"))
    ),
    "too fast for the provider": Fate(
        50, "failure", 429, _post(_MESSAGES, _chat("[[sim:status 429]]", "nova-pro", max_tokens=9))
    ),
    "failed at the provider": Fate(50, "failure", 500, _post(_CHAT, _chat("[[sim:status 500]]"))),
    "left by the client": Fate(
        50,
        "cancelled",
        200,
        _leave_after_first_piece(_CHAT, _chat(_ENDLESS, stream=True)),
    ),
    "left before": Fate(
        20, "cancelled", 499, _leave_before_the_answer(_CHAT, _chat("[[sim:slow 20]]"))
    ),
    "cut off by the provider": Fate(
        50,
        "truncated",
        200,
        _post(
            _MESSAGES,
            _chat("[[sim:cut 5]] [[sim:chunks 20]]", "claude-sonnet-4-6-vertex", stream=True)
            | {"max_tokens": 99},
        ),
    ),
    "error in mid-stream": Fate(
        50,
        "truncated",
        200,
        _post(_CHAT, _chat("[[sim:midstream 5]] [[sim:chunks 20]]", "nova-pro", stream=True)),
    ),
    "bad JSON": Fate(50, "refused", 400, _post(_CHAT, b'{"model": "gpt-4.1", ')),
    "unknown model": Fate(30, "refused", 404, _post(_MESSAGES, _chat("hello", "claude-sonet-4-6"))),
    "wrong key": Fate(
        30, "refused", 401, _post(_CHAT, _chat("hello"), authorization="Bearer sk-wrong")
    ),
    "tokens counted": Fate(
        40,
        "success",
        200,
        _post("/v1/messages/count_tokens", _chat("hello", "claude-sonnet-4-6-vertex")),
    ),
}


async def _send_all(gateway: Gateway, key: str) -> dict[str, str]:
    """Send every request, 16 at a time, mixed; return the fate of each request id learnt."""
    order = [name for name, fate in FATES.items() for _ in range(fate.count)]
    order = [order[(number * 607) % len(order)] for number in range(len(order))]
    names = iter(order)
    sent: dict[str, str] = {}

    async def work(client: httpx.AsyncClient) -> None:
        for name in names:
            request_id = await FATES[name].send(client)
            if request_id is not None:
                sent[request_id] = name

    headers = {"authorization": f"Bearer {key}", "user-agent": AGENT}
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=gateway.url, headers=headers, timeout=120, limits=limits
    ) as client:
        await asyncio.gather(*(work(client) for _ in range(16)))
    return sent


def test_a_thousand_requests_have_a_thousand_rows(gateway: Gateway, key: str) -> None:
    """1,000 requests of mixed fate give exactly 1,000 rows, each with the right status."""
    assert sum(fate.count for fate in FATES.values()) == 1000
    sent = asyncio.run(_send_all(gateway, key))
    assert len(sent) == 980
    until("all rows", lambda: len(_rows(gateway)) >= 1000)
    rows = _rows(gateway)
    assert len(rows) == 1000
    seen = Counter(
        (
            sent.get(row.request_id) or row.claimed_user,
            row.status,
            row.http_response_status_code,
        )
        for row in rows
    )
    assert seen == {(name, fate.status, fate.http): fate.count for name, fate in FATES.items()}


def _rows(gateway: Gateway) -> list[Record]:
    """Every row that a request of this test has left, whoever knows of it."""
    return [row for row in gateway.rows() if row.user_agent == AGENT]


def test_what_was_answered_is_never_free(gateway: Gateway, key: str) -> None:
    """No request that was answered, in full or in part, is recorded as costing nothing."""
    names = ("answered", "streamed", "message streamed", "left by the client")
    ids = [asyncio.run(_send_one(gateway, key, name)) for name in names]
    for request_id in ids:
        row = gateway.row_of(request_id)
        assert row.is_priced
        assert row.billed_cost is not None
        assert row.billed_cost > 0


async def _send_one(gateway: Gateway, key: str, name: str) -> str:
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=60) as client:
        request_id = await FATES[name].send(client)
    assert request_id is not None
    return request_id
