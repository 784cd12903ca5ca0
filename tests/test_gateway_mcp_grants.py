"""Who may use which MCP server, and on whose name a call is: grants, refusals, end users."""

import json
import time
from decimal import Decimal
from typing import Any

import httpx
import jwt
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from .gateway import Gateway, until
from .mcp_clients import ACCEPT, CALL, INITIALIZE, call, issue, post, rows_of, with_client
from .neighbours import JWT_SECRET, Neighbours


@pytest.fixture(scope="module")
def key(with_neighbours: Gateway) -> str:
    """A person's key for the server `calc` alone."""
    return issue(with_neighbours, "saburo-of-grants", owner="saburo@example.com", mcp=["calc"])


def test_nobody_may_use_what_was_not_granted(with_neighbours: Gateway) -> None:
    """Without a grant every message is refused with 403, on both paths, and says what to type."""
    key = issue(with_neighbours, "shichiro", owner="shichiro@example.com")
    for path in ("/mcp", "/mcp/calc", "/mcp/wiki", "/mcp/no_such_server"):
        for message in (INITIALIZE, {**CALL, "params": {"name": "calc-add", "arguments": {}}}):
            answer = post(with_neighbours, key, message, path)
            assert answer.status_code == 403
            error = answer.json()["error"]
            assert error["data"]["type"] == "mcp_server_not_allowed"
            assert "sekisho keys update KEY --mcp NAME" in error["message"]
    rows = rows_of(with_neighbours, "shichiro", 8)
    assert {(row.status, row.error_type) for row in rows} == {("refused", "mcp_server_not_allowed")}
    assert {row.end_user_id for row in rows} == {"shichiro@example.com"}
    asked = [(row.gen_ai_operation_name, row.gen_ai_request_model) for row in rows]
    assert asked == [("mcp", None), ("mcp_tool_call", "calc-add")] * 4


def test_a_grant_of_one_server_is_not_one_of_another(
    with_neighbours: Gateway, key: str, neighbours: Neighbours
) -> None:
    """A key for calc can't reach wiki by its path, by its tools' names, nor list them."""
    neighbours.clear()
    assert call(with_neighbours, key, "page", "/mcp/wiki", title="x").status_code == 403
    assert call(with_neighbours, key, "wiki-page", "/mcp", title="x").status_code == 200
    crossed = call(with_neighbours, key, "wiki-page", "/mcp/calc", title="x")
    assert with_neighbours.row(crossed).deployment_id == "calc"
    header = post(with_neighbours, key, INITIALIZE, "/mcp", **{"x-mcp-servers": "wiki"})
    assert header.status_code == 200
    lists = [entry for entry in neighbours.journal("wiki") if "tools/call" in entry["body"]]
    assert lists == []

    async def use(client: Client) -> set[str]:
        return {tool.name.split("-")[0] for tool in (await client.list_tools()).tools}

    assert with_client(with_neighbours, key, use, "/mcp") == {"calc"}


def test_a_team_has_its_own_servers(with_neighbours: Gateway) -> None:
    """`sekisho: mcp: teams:` gives wiki to every key of the librarians, beside its own servers."""
    key = issue(with_neighbours, "hachiro", owner="hachiro@example.com", team="librarians")
    other = issue(with_neighbours, "no-librarian", owner="x@example.com", team="sums")
    assert call(with_neighbours, key, "page", "/mcp/wiki", title="Tea").status_code == 200
    assert call(with_neighbours, key, "add", "/mcp/calc", a=1, b=1).status_code == 403
    assert call(with_neighbours, other, "page", "/mcp/wiki", title="Tea").status_code == 403


def test_a_grant_works_at_once_and_ends_at_once(with_neighbours: Gateway) -> None:
    """`keys update --mcp` gives a running gateway's key a server, and `--mcp none` takes it."""
    key = issue(with_neighbours, "kuro", owner="kuro@example.com")

    def status() -> int:
        return int(post(with_neighbours, key, INITIALIZE).status_code)

    assert status() == 403
    with_neighbours.keys("update", "kuro", "--mcp", "calc")
    until("the grant", lambda: status() == 200, 5)
    with_neighbours.keys("update", "kuro", "--mcp", "none")
    until("its end", lambda: status() == 403, 5)


def test_a_call_that_nobody_understands(with_neighbours: Gateway) -> None:
    """A call without a server's name is 400, and has a row as every call."""
    key = issue(with_neighbours, "two", owner="two@example.com", mcp=["calc", "wiki"])
    answer = call(with_neighbours, key, "add", "/mcp", a=1, b=1)
    row = with_neighbours.row(answer)
    assert answer.status_code == 400
    assert (row.gen_ai_operation_name, row.gen_ai_request_model) == ("mcp_tool_call", "add")
    assert (row.status, row.error_type) == ("refused", "mcp_invalid_params")
    assert (row.billed_cost, row.is_priced, row.deployment_id) == (Decimal(0), True, None)


@pytest.mark.parametrize("key", ["", "sk-sekisho-AbCd1234-" + "x" * 43])
def test_a_wrong_key(with_neighbours: Gateway, key: str) -> None:
    """Without a key, or with an unknown one, the answer is 401 in JSON-RPC's form, with a row."""
    headers = {**ACCEPT, **({"authorization": f"Bearer {key}"} if key else {})}
    answer = httpx.post(with_neighbours.url + "/mcp/calc", json=INITIALIZE, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["jsonrpc"] == "2.0"
    row = with_neighbours.row(answer)
    assert (row.status, row.error_type) == ("refused", "invalid_api_key")


def test_a_key_is_believed_in_no_other_way(with_neighbours: Gateway, key: str) -> None:
    """LiteLLM's own ways to sign in and to choose servers are not served."""
    answers = [
        httpx.post(with_neighbours.url + path, json=INITIALIZE, headers={**ACCEPT, **headers})
        for path, headers in (
            ("/mcp/calc", {"x-litellm-api-key": f"Bearer {key}"}),
            ("/calc/mcp", {"authorization": f"Bearer {key}"}),
            ("/mcp/calc,wiki", {"authorization": f"Bearer {key}"}),
            ("/mcp/calc/more", {"authorization": f"Bearer {key}"}),
            ("/mcp-rest/tools/list", {"authorization": f"Bearer {key}"}),
            ("/sse/messages", {"authorization": f"Bearer {key}"}),
        )
    ]
    assert [answer.status_code for answer in answers[1:]] == [404] * 5
    assert answers[0].status_code in (200, 401)
    get = httpx.get(with_neighbours.url + "/mcp/calc", headers={"authorization": f"Bearer {key}"})
    assert (get.status_code, get.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b'[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]', b'{"jsonrpc":"2.0"}'],
)
def test_what_is_no_message(with_neighbours: Gateway, key: str, body: bytes) -> None:
    """A body that is no JSON-RPC message is a 400 in JSON-RPC's form."""
    with with_neighbours.client(key) as client:
        answer = client.post("/mcp/calc", content=body, headers=ACCEPT)
    assert (answer.status_code, answer.json()["jsonrpc"]) == (400, "2.0")


def token(secret: str = JWT_SECRET, **claims: Any) -> str:
    """Open WebUI's signed user."""
    now = int(time.time())
    user = {"sub": "owui-1", "email": "山田@example.com", "name": "山田 太郎", "iss": "open-webui"}
    return jwt.encode({**user, "iat": now, "exp": now + 300, **claims}, secret, "HS256")


def test_the_end_user_of_a_frontend(with_neighbours: Gateway, neighbours: Neighbours) -> None:
    """A call by Open WebUI is on the signed user, with chat and message; the server learns none."""
    key = issue(with_neighbours, "frontend-mcp", kind="frontend", mcp=["wiki"])
    neighbours.clear()
    headers = {
        "x-openwebui-user-jwt": token(),
        "x-openwebui-chat-id": "chat-1",
        "x-openwebui-message-id": "message-1",
    }
    message = {**CALL, "params": {"name": "page", "arguments": {"title": "Tea"}}}
    row = with_neighbours.row(post(with_neighbours, key, message, "/mcp/wiki", **headers))
    assert (row.end_user_id, row.end_user_source) == ("owui-1", "jwt")
    assert (row.end_user_email, row.end_user_name) == ("山田@example.com", "山田 太郎")
    assert (row.chat_id, row.message_id, row.app) == ("chat-1", "message-1", "open-webui")
    calls = [entry for entry in neighbours.journal("wiki") if "tools/call" in entry["body"]]
    assert len(calls) == 1
    assert calls[0]["headers"]["authorization"] == "Bearer wikis-own-key"
    assert calls[0]["headers"]["x-wiki-room"] == "north"
    told = json.dumps(neighbours.journal("wiki"))
    assert not any(word in told for word in ("owui-1", "example.com", "\\u5c71", "chat-1", key))


def test_a_forged_end_user_is_refused(with_neighbours: Gateway) -> None:
    """A token by another secret is refused before anything is called, and no row believes it."""
    key = issue(with_neighbours, "frontend-forged", kind="frontend", mcp=["calc"])
    forged = {"x-openwebui-user-jwt": token("another-secret-that-is-long-enough-too")}
    answer = post(with_neighbours, key, INITIALIZE, **forged)
    assert answer.status_code == 401
    assert answer.json()["error"]["data"]["type"] == "end_user_token_invalid"
    row = with_neighbours.row(answer)
    assert (row.status, row.end_user_id, row.end_user_source) == ("refused", None, "none")


def test_calls_count_for_the_limits_of_a_key(with_neighbours: Gateway) -> None:
    """A key of 2 requests a minute calls twice; lists and greetings don't count."""
    key = issue(with_neighbours, "juro", owner="juro@example.com", mcp=["calc"], rpm=2)
    for _ in range(4):
        assert post(with_neighbours, key, INITIALIZE).status_code == 200
    answers = [call(with_neighbours, key, "add", a=1, b=n) for n in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["error"]["data"]["type"] == "rate_limit_exceeded"
    assert int(answers[2].headers["retry-after"]) > 0


def test_an_error_of_the_sdk_is_readable(with_neighbours: Gateway) -> None:
    """The SDK raises the gate's own words when a key may not use a server."""
    key = issue(with_neighbours, "no-server", owner="nobody@example.com")

    async def use(client: Client) -> None:
        await client.list_tools()

    with pytest.raises((MCPError, ExceptionGroup)) as error:
        with_client(with_neighbours, key, use)
    assert "may use no MCP server" in "".join(map(str, _leaves(error.value)))


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]
