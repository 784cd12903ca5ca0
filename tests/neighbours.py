"""What a gateway has beside the clouds: an agent and two MCP servers, in one process of their own.

`python -m tests.neighbours`: the agent speaks chat completions at /agent/v1, the MCP servers `calc`
and `wiki` at /calc and /wiki; GET /journal tells every request.
"""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from mcp.server import MCPServer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

_ROOT = Path(__file__).resolve().parents[1]

_AGENTS = """agents:
  - {{name: desk, {url}, price: {{per_request: 0.05}}, key: os.environ/DESK_KEY,
     model: travel-agent-v2}}
  - {{name: free-desk, {url}, price: free}}
  - {{name: honest-desk, {url}, price: passed_through}}
  - {{name: token-desk, {url}, price: {{input: 2, output: 4}}}}
  - {{name: busy-desk, {url}, price: free, limits: {{rpm: 2}}}}
  - {{name: poor-desk, {url}, price: {{per_request: 0.05}}, limits: {{budget_total: 0.08}}}}
  - {{name: desk-without-key, {url}, price: free, key: os.environ/NOBODY_SETS_THIS}}
"""
_CONFIG = """include: [agents.yaml]
router_settings: {{num_retries: 2, retry_after: 0}}
general_settings:
  custom_auth: sekisho.callbacks.auth.custom_auth
  cancel_on_disconnect: true
mcp_servers:
  calc: {{url: "{calc}", description: Sums, disallowed_tools: [hidden]}}
  wiki:
    url: "{wiki}"
    auth_type: bearer_token
    auth_value: os.environ/WIKI_KEY
    static_headers: {{x-wiki-room: os.environ/WIKI_ROOM}}
  gone: {{url: "http://127.0.0.1:9/mcp"}}
sekisho: {{mcp: {{teams: {{librarians: [wiki]}}}}}}
"""
JWT_SECRET = "a-secret-of-the-tests-that-is-long-enough"
_WORDS = ("The 9:12 ", "to Kanazawa ", "is booked.")


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Running ones; `url` has no path."""

    url: str

    @classmethod
    @contextmanager
    def start(cls) -> Generator["Neighbours"]:
        """Run them until the block ends."""
        command = [sys.executable, "-m", "tests.neighbours"]
        process = subprocess.Popen(
            command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout
            url = process.stdout.readline().strip()
            assert url, "the neighbours did not start; the error is on stderr"
            yield cls(url)
        finally:
            process.kill()
            process.communicate()

    def configure(self, folder: Path) -> tuple[Path, dict[str, str]]:
        """Write a gateway's configuration for them; its path, and the variables it needs."""
        url = f"url: {self.url}/agent/v1"
        (folder / "agents.yaml").write_text(_AGENTS.format(url=url))
        config = folder / "litellm_config.yaml"
        config.write_text(_CONFIG.format(calc=f"{self.url}/calc", wiki=f"{self.url}/wiki"))
        keys = {"DESK_KEY": "agents-own-key", "WIKI_KEY": "wikis-own-key", "WIKI_ROOM": "north"}
        return config, {**keys, "SEKISHO_OPENWEBUI_JWT_SECRET": JWT_SECRET}

    def journal(self, place: str) -> list[dict[str, Any]]:
        """Every request to `agent`, `calc` or `wiki`: headers (in lower case), body as text."""
        entries: list[dict[str, Any]] = httpx.get(self.url + "/journal").json()
        return [entry for entry in entries if entry["path"].startswith(f"/{place}")]

    def clear(self) -> None:
        """Forget the journal."""
        httpx.delete(self.url + "/journal")


class _Journal:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._entries: list[dict[str, Any]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == "/journal":
            await self._tell(scope, receive, send)
        else:
            heads = {n.decode("latin-1"): v.decode("latin-1") for n, v in scope["headers"]}
            entry: dict[str, Any] = {"path": scope["path"], "headers": heads, "body": ""}
            self._entries.append(entry)

            async def listening() -> Any:
                message = await receive()
                entry["body"] += message.get("body", b"").decode()
                return message

            await self._app(scope, listening, send)

    async def _tell(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "DELETE":
            self._entries.clear()
        await JSONResponse(self._entries)(scope, receive, send)


async def _agent(request: Request) -> Response:
    """Answers `Book a train`; `fail` in the question is a 500, `cost` what `usage.cost` says."""
    asked = await request.json()
    question = str(asked["messages"][-1]["content"])
    if "fail" in question:
        return JSONResponse({"error": {"message": "No trains.", "type": "server_error"}}, 500)
    usage: dict[str, Any] = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    if "cost" in question:
        usage["cost"] = float(question.split()[-1])
    base = {"id": "chatcmpl-1", "created": 1795231634, "model": asked["model"]}
    if not asked.get("stream"):
        message = {"role": "assistant", "content": "".join(_WORDS)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return JSONResponse(
            {**base, "object": "chat.completion", "choices": [choice], "usage": usage}
        )
    return StreamingResponse(_stream(base, usage), media_type="text/event-stream")


async def _stream(base: dict[str, Any], usage: dict[str, Any]) -> AsyncGenerator[str]:
    base = {**base, "object": "chat.completion.chunk"}
    deltas: list[dict[str, Any]] = [{"content": word} for word in _WORDS]
    for delta in ({"role": "assistant"}, *deltas, {}):
        reason = None if delta else "stop"
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        yield f"data: {json.dumps({**base, 'choices': [choice]})}\n\n"
    yield f"data: {json.dumps({**base, 'choices': [], 'usage': usage})}\n\n"
    yield "data: [DONE]\n\n"


def add(a: int, b: int) -> str:
    """The sum of two numbers."""
    return str(a + b)


def divide(a: int, b: int) -> str:
    """The quotient of two numbers."""
    return str(a // b)


def hidden() -> str:
    """Not to be offered."""
    return "found"


async def sleep() -> str:
    """Takes longer than anybody waits."""
    await asyncio.sleep(600)
    return "awake"


def page(title: str) -> str:
    """A page of the company's wiki."""
    return f"{title}: no page has that name yet."


def ask(topic: str) -> str:
    """How to ask the wiki."""
    return f"What does the wiki say about {topic}?"


def start() -> str:
    """The wiki's first page."""
    return "Welcome."


def _servers() -> list[Starlette]:
    calc, wiki = (MCPServer(name, log_level="CRITICAL") for name in ("calc", "wiki"))
    for tool in (add, divide, hidden, sleep):
        calc.tool()(tool)
    wiki.tool()(page)
    wiki.prompt()(ask)
    wiki.resource("wiki://start")(start)
    return [
        calc.streamable_http_app(streamable_http_path="/calc"),
        wiki.streamable_http_app(streamable_http_path="/wiki"),
    ]


def _app() -> ASGIApp:
    servers = _servers()

    @contextlib.asynccontextmanager
    async def all_of_them(_: Starlette) -> AsyncGenerator[None]:
        async with contextlib.AsyncExitStack() as running:
            for server in servers:
                await running.enter_async_context(server.router.lifespan_context(server))
            yield

    routes = [route for server in servers for route in server.routes]
    agent = Route("/agent/v1/chat/completions", _agent, methods=["POST"])
    return _Journal(Starlette(routes=[*routes, agent], lifespan=all_of_them))


def _die_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


def main() -> None:
    """Serve until standard input closes."""
    config = uvicorn.Config(_app(), log_level="critical", access_log=False)
    listener = socket.create_server(("127.0.0.1", 0), backlog=100)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    main()
