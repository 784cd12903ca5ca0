"""Nothing of LiteLLM's thousand routes is reachable but what gate/surface.py lists."""

import asyncio
import re
import socket
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from sekisho.gate import surface

from .gateway import Gateway, until
from .installed import LiteLLMRoute, routes

# Every route of LiteLLM whose path we serve too. When an upgrade adds one, decide whether it may
# be served, in gate/surface.py, and say so here.
SHARED = {
    "POST /audio/speech",
    "POST /audio/transcriptions",
    "POST /chat/completions",
    "POST /embeddings",
    "GET /health/liveliness",
    "OPTIONS /health/liveliness",
    "GET /health/liveness",
    "OPTIONS /health/liveness",
    "GET /health/readiness",
    "OPTIONS /health/readiness",
    "POST /images/edits",
    "POST /images/generations",
    "GET /models",
    "GET /models/{model_id}",
    "POST /models/{model_name:path}:countTokens",
    "POST /models/{model_name:path}:generateContent",
    "POST /models/{model_name:path}:streamGenerateContent",
    "GET /model/info",
    "GET /v1/model/info",
    "POST /rerank",
    "POST /responses",
    "WEBSOCKET /responses",
    "POST /v1/audio/speech",
    "POST /v1/audio/transcriptions",
    "POST /v1/chat/completions",
    "POST /v1/embeddings",
    "POST /v1/images/edits",
    "POST /v1/images/generations",
    "POST /v1/messages",
    "POST /v1/messages/count_tokens",
    "GET /v1/models",
    "GET /v1/models/{model_id}",
    "POST /v1/rerank",
    "POST /v1/responses",
    "WEBSOCKET /v1/responses",
    "POST /v1beta/models/{model_name:path}:countTokens",
    "POST /v1beta/models/{model_name:path}:generateContent",
    "POST /v1beta/models/{model_name:path}:streamGenerateContent",
    "POST /v2/rerank",
}

# Ours has a server's name in the place of these words of LiteLLM's.
SHARED_MCP = {
    *(" /mcp", " /mcp/mcp", "GET /mcp/docs", "GET /mcp/enabled", "GET /mcp/redoc"),
    *("GET /mcp/sse", "GET /mcp/sse/", "HEAD /mcp/docs", "HEAD /mcp/redoc"),
    *("HEAD /mcp/sse", "HEAD /mcp/sse/"),
    *("DELETE /mcp", "DELETE /mcp/proxy", "GET /mcp", "GET /mcp/proxy", "HEAD /mcp"),
    *("HEAD /mcp/proxy", "OPTIONS /mcp", "OPTIONS /mcp/proxy", "PATCH /mcp", "PATCH /mcp/proxy"),
    *("POST /mcp", "POST /mcp/proxy", "PUT /mcp", "PUT /mcp/proxy"),
}

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
SERVED = {
    "/v1/chat/completions": "POST",
    "/chat/completions": "POST",
    "/v1/responses": "POST",
    "/responses": "POST",
    "/v1/messages": "POST",
    "/v1/messages/count_tokens": "POST",
    "/v1/embeddings": "POST",
    "/embeddings": "POST",
    "/v1/rerank": "POST",
    "/rerank": "POST",
    "/v2/rerank": "POST",
    "/v1/images/generations": "POST",
    "/images/generations": "POST",
    "/v1/images/edits": "POST",
    "/images/edits": "POST",
    "/v1/audio/transcriptions": "POST",
    "/audio/transcriptions": "POST",
    "/v1/audio/speech": "POST",
    "/audio/speech": "POST",
    "/mcp": "POST",
    "/mcp/{server}": "POST",
    "/v1/models": "GET",
    "/models": "GET",
    "/v1/models/{model}": "GET",
    "/models/{model}": "GET",
    "/v1beta/models": "GET",
    "/v1beta/models/{model}": "GET",
    "/v1beta/models/{model}:generateContent": "POST",
    "/v1beta/models/{model}:streamGenerateContent": "POST",
    "/v1beta/models/{model}:countTokens": "POST",
    "/v1/models/{model}:generateContent": "POST",
    "/v1/models/{model}:streamGenerateContent": "POST",
    "/v1/models/{model}:countTokens": "POST",
    "/v1/model/info": "GET",
    "/model/info": "GET",
    "/health/liveliness": "GET",
    "/health/liveness": "GET",
    "/health/readiness": "GET",
    "/metrics": "GET",
}
HIDDEN = "/metrics"  # whoever may not read it finds nothing there, so other methods do neither


def filled(path: str) -> str:
    """A path with something in place of its parameters."""
    return re.sub(r"\{\w+(:path)?\}", lambda match: "x/y" if match[1] else "x", path)


def master_key(gateway: Gateway) -> str:
    """LiteLLM's master key, which would open everything on a stock LiteLLM."""
    return gateway.variables["SEKISHO_MASTER_KEY"]


def test_the_table_of_routes_is_this_one() -> None:
    """Sekisho serves these 39 paths, each with one method; another one is a decision."""
    assert {path: r.method for r in surface.ROUTES for path in r.paths} == SERVED


def test_litellms_routes_that_share_a_path_with_ours() -> None:
    """An upgrade of LiteLLM that adds a route which we would serve fails here."""
    shared = {f"{r.method} {r.path}" for r in routes() if surface.allowed_methods(filled(r.path))}
    assert shared == SHARED | SHARED_MCP


def code_of(error: dict[str, Any]) -> str:
    """Our own name of an error's reason, in the shape of OpenAI's API or of Google's."""
    details = error.get("details")
    return str(details[0]["reason"]).lower() if details else str(error["code"])


async def _refusals(
    gateway: Gateway, key: str, found: Iterable[LiteLLMRoute]
) -> dict[LiteLLMRoute, tuple[int, str]]:
    """Send each route's method; return status and code of the answers that are not as they must."""
    odd: dict[LiteLLMRoute, tuple[int, str]] = {}
    todo = iter(sorted(found))
    headers = {"authorization": f"Bearer {key}"}

    async def work(client: httpx.AsyncClient) -> None:
        for route in todo:
            path = filled(route.path)
            answer = await client.request(route.method, path, content=b"{}")
            expected = (405, "bad_method") if surface.allowed_methods(path) else _NOTHING
            code = code_of(answer.json()["error"]) if answer.content else "head"
            wanted = (expected[0], "head") if route.method == "HEAD" else expected
            if (answer.status_code, code) != wanted or set(answer.headers) - _PLAIN_HEADERS:
                odd[route] = (answer.status_code, answer.text)

    async with httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=30) as client:
        await asyncio.gather(*(work(client) for _ in range(8)))
    return odd


_NOTHING = (404, "no_such_route")
_PLAIN_HEADERS = {"date", "content-type", "content-length", "transfer-encoding", "allow"}


@pytest.mark.parametrize("holder", ["person", "master"])
def test_no_other_route_of_litellm_answers(gateway: Gateway, key: str, holder: str) -> None:
    """Each of LiteLLM's routes that we don't list is our 404 or 405, with any key."""
    ours = {(method, path) for path, method in SERVED.items() if "{" not in path}
    others = [
        route
        for route in routes()
        if route.method not in ("", "WEBSOCKET")
        and (route.method, route.path) not in ours
        and surface.find(route.method, filled(route.path)) is None
    ]
    assert len(others) > 1000
    presented = key if holder == "person" else master_key(gateway)
    assert asyncio.run(_refusals(gateway, presented, others)) == {}


def test_what_litellm_mounts_does_not_answer(client: httpx.Client) -> None:
    """Its pages and its documentation are not there; at /mcp our own route is."""
    mounts = {route.path for route in routes() if not route.method}
    assert {"/ui", "/swagger", "/mcp"} <= mounts
    for mount in sorted(mounts):
        for path in (filled(mount), filled(mount) + "/", filled(mount) + "/index.html"):
            served = surface.find("POST", path) is surface.MCP
            assert client.get(path).status_code == (405 if served else 404), path
            assert client.post(path).status_code == (400 if served else 404), path


def test_a_served_path_with_another_method(client: httpx.Client) -> None:
    """Every other method on a served path is 405 and says which one is right."""
    for path, method in SERVED.items():
        for other in METHODS:
            if other != method and path != HIDDEN:
                named = path.replace("{model}", "demo").replace("{server}", "wiki")
                answer = client.request(other, named)
                assert (answer.status_code, answer.headers["allow"]) == (405, method), path


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_metrics_are_hidden(client: httpx.Client, method: str) -> None:
    """Metrics are read with GET by a direct caller; for all others there is no such route."""
    assert client.get("/metrics").status_code == 200
    forwarded = client.get("/metrics", headers={"x-forwarded-for": "127.0.0.1"})
    for answer in (forwarded, client.request(method, "/metrics")):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_such_route")
        assert "allow" not in answer.headers


def _raw(gateway: Gateway, request: bytes) -> bytes:
    """Send bytes as they are and return the answer's first 4 kB or so."""
    place = urlsplit(gateway.url)
    with socket.create_connection((str(place.hostname), place.port or 0), 10) as connection:
        connection.sendall(request)
        return until("an answer", lambda: connection.recv(4096), 10)


def _target(gateway: Gateway, key: str, method: str, target: str) -> bytes:
    head = f"{method} {target} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
    return _raw(gateway, f"{head}content-length: 2\r\nconnection: close\r\n\r\n{{}}".encode())


@pytest.mark.parametrize(
    "target",
    [
        "//v1/models",
        "/v1//models",
        "/v1/models/",
        "/V1/MODELS",
        "/v1/models;x=1",
        "/v1/models%00",
        "/v1/models%0a",
        "/v1/models\\..\\key",
        "/./v1/models",
        "/v1/models/../key/generate",
        "/v1/models/%2e%2e/key/generate",
        "/v1/models/..%2f..%2fkey%2fgenerate",
        "/v1/models/..;/key/generate",
        "/health/readiness/../../key/info",
        "/%6bey/generate",
        "/key%2finfo",
        "/v1/chat/completions/",
        "/v1/chat/completions/../../../key/generate",
        "http://elsewhere.example/key/generate",
        "*",
    ],
)
def test_tricks_with_the_path_reach_nothing(gateway: Gateway, key: str, target: str) -> None:
    """A path is compared as it is, never normalised: what isn't in the table isn't there."""
    for method in ("GET", "POST"):
        answer = _target(gateway, key, method, target)
        assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 405")), answer


@pytest.mark.parametrize("target", ["/v1%2fmodels", "http://elsewhere.example/v1/models"])
def test_other_spellings_of_a_served_route(gateway: Gateway, key: str, target: str) -> None:
    """A served route by another spelling is that same route, and wants its key."""
    assert _target(gateway, key, "GET", target).startswith(b"HTTP/1.1 200")
    assert _target(gateway, "sk-wrong", "GET", target).startswith(b"HTTP/1.1 401")


def test_the_query_decides_nothing(gateway: Gateway, key: str) -> None:
    """LiteLLM takes keys and models from query strings; here they mean nothing."""
    answer = httpx.get(f"{gateway.url}/v1/models", params={"key": key, "api_key": key})
    assert answer.status_code == 401
    body = {"messages": [{"role": "user", "content": "hi"}]}
    headers = {"authorization": f"Bearer {key}"}
    asked = f"{gateway.url}/v1/chat/completions?model=demo&api_base=http://127.0.0.1:9"
    answer = httpx.post(asked, headers=headers, json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "no_model")


def test_websockets_are_refused(gateway: Gateway, key: str) -> None:
    """Neither LiteLLM's realtime routes nor any other path opens a WebSocket."""
    sockets = {filled(r.path) for r in routes() if r.method == "WEBSOCKET"}
    assert {"/v1/realtime", "/v1/responses"} <= sockets
    for path in sorted({*sockets, "/v1/models", "/nowhere"}):
        upgrade = (
            f"GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
            "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
            "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert _raw(gateway, upgrade.encode()).startswith(b"HTTP/1.1 403"), path


def test_the_master_key_opens_nothing(gateway: Gateway) -> None:
    """LiteLLM's master key is not a key of the gate."""
    headers = {"authorization": f"Bearer {master_key(gateway)}"}
    body = {"model": "demo", "messages": [{"role": "user", "content": "hi"}]}
    for path in ("/v1/chat/completions", "/v1/messages"):
        assert httpx.post(gateway.url + path, headers=headers, json=body).status_code == 401
    assert httpx.get(gateway.url + "/v1/models", headers=headers).status_code == 401
