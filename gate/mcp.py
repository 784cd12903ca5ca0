"""MCP servers through the gateway: the line of one message, from its key to its row.

The same steps as any request's (app.py), but for what is asked: a message names a server and a tool
instead of a model.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import orjson
from starlette.types import Message, Receive, Scope, Send

from ..callbacks.attempts import Attempt
from ..keys.check import Keyring, mcp_servers
from ..log_lines import kind_and_place
from ..settings import Settings
from . import body as bodies
from . import mcp_call, surface
from .admitted import Admitted
from .allowance import Allowance
from .departure import while_there
from .errors import Failure
from .exchange import Exchange
from .mcp_answer import McpAnswer
from .mcp_app import McpApp
from .mcp_call import Call
from .proof import prove
from .readers.mcp import McpAnswerReader
from .recorder import Recorder

log = logging.getLogger("sekisho.gate")

# What of a request's headers the servers' side may see.
_HEADERS = frozenset({b"accept", b"content-type", b"mcp-protocol-version"})
_JSON = (b"content-type", b"application/json")


@dataclass(frozen=True, slots=True)
class McpLine:
    """Serves POST /mcp and /mcp/SERVER."""

    settings: Settings
    keyring: Keyring
    allowance: Allowance
    recorder: Recorder
    app: McpApp

    async def serve(
        self,
        exchange: Exchange,
        scope: Scope,
        receive: Receive,
        send: Send,
        close: Callable[[Exchange], Awaitable[None]],
    ) -> None:
        """Serve one message; `close` is for those that have a row: calls, and what is refused."""

        async def end(exchange: Exchange) -> None:
            failure = exchange.failure
            is_call = exchange.route is not surface.MCP
            if is_call or (failure is not None and _is_told(failure)):
                await close(exchange)
            exchange.closed = True

        answer = McpAnswer(exchange, send, end)
        try:
            await self._serve(exchange, scope, receive, answer)
        except Failure as failure:
            await answer.fail(failure)
        except bodies.ClientGone:
            exchange.client_gone = True
        except Exception as error:  # noqa: BLE001 - LiteLLM's side may raise anything at all
            # The error's own words may quote the message.
            log.error("request %s: %s", exchange.request_id, kind_and_place(error))
            await answer.fail(Failure(500, "The gateway failed.", "internal_error", refused=False))
        await end(exchange)

    async def _serve(
        self, exchange: Exchange, scope: Scope, receive: Receive, answer: McpAnswer
    ) -> None:
        await prove(exchange, self.settings, self.keyring)
        content = await bodies.read(receive, self.settings.max_body_bytes)
        exchange.asked = message = bodies.parse_json(content)
        call = self._read(exchange, message)
        exchange.asked = call.message
        given = _encoded(call)
        if call.route is not None:
            await self._begin(exchange, call)
        assert exchange.identity is not None
        work = self.app.serve(
            exchange.identity, call.servers, _scope(scope), _receive(given), answer.send
        )
        await while_there(work, receive, exchange)
        await answer.finish()

    def _read(self, exchange: Exchange, message: Mapping[str, object]) -> Call:
        """What is asked, and that this key may ask it. Raises Failure."""
        assert exchange.identity is not None
        route, exchange.alias = mcp_call.asked_for(message)
        exchange.route = route or exchange.route
        version = exchange.headers.get("mcp-protocol-version")
        if version is not None and not self.app.speaks(version):
            # New clients ask for the newest first, and fall back on exactly this.
            words = f"This gateway does not speak version {version[:20]!r} of MCP: initialize."
            raise Failure(400, words, "mcp_version_not_served")
        teams: Mapping[str, Sequence[str]] = self.settings.mcp_of_teams
        allowed = mcp_servers(exchange.identity, teams, self.app.servers)
        return mcp_call.read(message, exchange.path, exchange.identity, allowed)

    async def _begin(self, exchange: Exchange, call: Call) -> None:
        """Count a call, and write its beginning down. Raises Failure."""
        assert call.route is not None
        assert call.server is not None
        exchange.route, exchange.alias = call.route, call.full_name
        exchange.content, exchange.mcp = call.content, call
        await self.allowance.take(exchange, Admitted(None))
        exchange.reader = McpAnswerReader(call.message.get("id"))
        exchange.attempts.tried.append(Attempt(call.server, time.monotonic()))
        self.recorder.begin(exchange)


def _encoded(call: Call) -> bytes:
    """The message for LiteLLM. Raises Failure."""
    try:
        return orjson.dumps(call.message)
    except orjson.JSONEncodeError:
        words = "The message is nested too deep."
        raise Failure(400, words, "mcp_invalid_params") from None


def _is_told(failure: Failure) -> bool:
    """Whether a refusal has a row though no call was asked for: one of who may do what."""
    return failure.refused and failure.status in (401, 403, 429)


def _scope(scope: Scope) -> Scope:
    headers = [h for h in scope["headers"] if h[0] in _HEADERS and h[0] != _JSON[0]]
    return {**scope, "headers": [*headers, _JSON], "query_string": b"", "state": {}}


def _receive(content: bytes) -> Receive:
    """The message, and nothing after it: see departure.py."""
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if not sent:
            sent = True
            return {"type": "http.request", "body": content, "more_body": False}
        never: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        return await never

    return receive
