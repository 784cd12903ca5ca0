"""MCP clients of the gateway with neighbours: the SDK's own, and messages by hand."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, TextContent
from sekisho.keys.identity import KeyKind
from sekisho.keys.limits import Limits
from sekisho.keys.store import Store
from sekisho.lake.record import Record

from .gateway import Gateway, until

CALL = {"jsonrpc": "2.0", "id": 7, "method": "tools/call"}
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
ACCEPT = {"accept": "application/json, text/event-stream"}


def issue(
    gateway: Gateway,
    alias: str,
    owner: str | None = None,
    team: str | None = None,
    kind: KeyKind = "person",
    mcp: Sequence[str] = (),
    rpm: int | None = None,
    parallel: int | None = None,
) -> str:
    """A new key, as `sekisho keys issue` makes it."""
    with Store(f"sqlite:///{gateway.home / 'keys.db'}") as store:
        found = store.issue(
            alias=alias,
            kind=kind,
            owner=owner,
            team=team,
            mcp=mcp,
            limits=Limits(rpm=rpm, parallel=parallel),
            by="tests",
            now=datetime.now(UTC),
        )
    return found.key


@asynccontextmanager
async def connected(
    gateway: Gateway, key: str, path: str = "/mcp/calc", **headers: str
) -> AsyncGenerator[Client]:
    """The SDK's client, which asks for the newest version of the protocol first."""
    sent = {"authorization": f"Bearer {key}", **headers}
    async with httpx2.AsyncClient(headers=sent, timeout=30) as http:
        transport = streamable_http_client(gateway.url + path, http_client=http)
        async with Client(transport, mode="auto") as client:
            yield client


def with_client(
    gateway: Gateway, key: str, do: Callable[[Client], Awaitable[Any]], path: str = "/mcp/calc"
) -> Any:
    """What `do` returns."""

    async def run() -> Any:
        async with connected(gateway, key, path) as client:
            return await asyncio.wait_for(do(client), 30)

    return asyncio.run(run())


def post(gateway: Gateway, key: str, message: Any, path: str = "/mcp/calc", **headers: str) -> Any:
    """One message without the SDK."""
    with gateway.client(key) as client:
        return client.post(path, json=message, headers={**ACCEPT, **headers})


def call(gateway: Gateway, key: str, tool: str, path: str = "/mcp/calc", **arguments: Any) -> Any:
    """A call of a tool without the SDK."""
    params = {"name": tool, "arguments": arguments}
    return post(gateway, key, {**CALL, "params": params}, path)


def said(result: CallToolResult) -> str:
    """The text of a result."""
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


def rows_of(gateway: Gateway, key_alias: str, count: int) -> list[Record]:
    """The rows of a key, as soon as there are so many."""

    def found() -> list[Record]:
        return [row for row in gateway.rows() if row.api_key_alias == key_alias]

    until(f"{count} rows of {key_alias}", lambda: len(found()) >= count)
    return found()
