"""The gate: one request, one straight line, from its first byte to its row in the log."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from ..callbacks import attempts as hooks
from ..callbacks import auth
from ..keys.check import Keyring, may_use
from ..lake.record import Record
from ..log_lines import kind_and_place
from ..settings import Settings
from . import body as bodies
from . import claims, clean, errors, google, local, shape, surface
from .address import client_address, may_read_metrics
from .admitted import Admitted, headers_of
from .allowance import Allowance
from .answer import Answer
from .departure import while_there
from .errors import Failure
from .exchange import Exchange
from .fleet import Fleet
from .mcp import McpLine
from .metrics import Metrics
from .proof import prove
from .readers.select import reader_for
from .recorder import Recorder

log = logging.getLogger("sekisho.gate")

_NO_ROUTE = "There is nothing at {} {}. See docs/routes.md for what this gateway serves."
_NO_METHOD = "{} is served with {} only."


@dataclass(frozen=True, slots=True)
class Gate:
    """The ASGI application in front of LiteLLM's handlers (`inner`).

    `health` tells the HTTP status of readiness, and in one line what is wrong, if anything is.
    """

    settings: Settings
    keyring: Keyring
    fleet: Fleet
    cleaner: clean.Cleaner
    allowance: Allowance
    recorder: Recorder
    metrics: Metrics
    inner: ASGIApp
    mcp: McpLine
    master_key: str
    health: Callable[[], tuple[int, str | None]]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request; WebSockets are refused."""
        if scope["type"] != "http":
            await _refuse_websocket(scope, send)
            return
        route = surface.find(scope["method"], scope["path"])
        if route is None or (route is surface.METRICS and not self._shows_metrics(scope)):
            await self._no_route(scope, send)
        elif route is surface.METRICS:
            page = await asyncio.to_thread(self.metrics.text)
            await _plain(send, 200, page, b"text/plain; version=0.0.4")
        elif route.operation == "health":
            await self._health(route, send)
        elif route.endpoint is None:
            await self._models(self._exchange(route, scope), scope["query_string"], send)
        elif route is surface.MCP:
            await self._serve_mcp(self._exchange(route, scope), scope, receive, send)
        else:
            await self._infer(self._exchange(route, scope), scope, receive, send)

    async def _infer(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = Answer(exchange, send, self._close, cost=self.recorder.cost)
            await self._serve(exchange, scope, receive, answer)
            await self._close(exchange)
        finally:
            self._abandon(exchange)  # its task is being cancelled, if there is anything left to do

    async def _serve_mcp(
        self, exchange: Exchange, scope: Scope, receive: Receive, send: Send
    ) -> None:
        try:
            await self.mcp.serve(exchange, scope, receive, send, self._close)
        finally:
            if exchange.route is not surface.MCP:
                self._abandon(exchange)

    async def _serve(
        self, exchange: Exchange, scope: Scope, receive: Receive, answer: Answer
    ) -> None:
        try:
            await prove(exchange, self.settings, self.keyring)
            content = await self._admit(exchange, receive)
            await self.allowance.take(exchange, content)
            await self._call(exchange, scope, content, receive, answer)
        except Failure as failure:
            await answer.fail(failure)
        except bodies.ClientGone:
            exchange.client_gone = True
        except Exception as error:  # noqa: BLE001 - see the next line
            # The last resort of every request: LiteLLM's handlers may raise anything at all. The
            # error's own words may quote the request, so only its kind and place are logged.
            log.error("request %s: %s", exchange.request_id, kind_and_place(error))
            await answer.fail(Failure(500, "The gateway failed.", "internal_error", refused=False))

    async def _close(self, exchange: Exchange) -> None:
        """The end of a request, once: its cost is settled, its row is written, its place is free.

        In this order: after a crash in between a budget may have lost a request's cost, and never
        the other way round. It goes to its end although the client leaves meanwhile.
        """
        if exchange.closed:
            return
        exchange.closed = True
        await self.allowance.finish(self._settle_and_write(exchange))

    async def _settle_and_write(self, exchange: Exchange) -> None:
        record = self.recorder.row(exchange)
        try:
            await self.allowance.settle(exchange, record)
        finally:
            self._write(exchange, record)
        await self.allowance.leave(exchange, record)

    def _abandon(self, exchange: Exchange) -> None:
        """The same, without waiting for anything."""
        if exchange.closed:
            return
        exchange.closed = True
        record = self.recorder.row(exchange)
        self.allowance.abandon(exchange, record)
        self._write(exchange, record)

    def _write(self, exchange: Exchange, record: Record) -> None:
        self.recorder.write(exchange, record)
        why = record.error_type if record.status == "refused" else None
        self.metrics.ended(exchange.route.operation, record.status, why)

    def _exchange(self, route: surface.Route, scope: Scope) -> Exchange:
        headers = headers_of(scope["headers"])
        peer = scope["client"][0] if scope.get("client") else None
        forwarded = headers.get("x-forwarded-for")
        address = client_address(peer, forwarded, self.settings.trusted_proxies)
        query = scope["query_string"] if route.dialect == "google" else b""
        return Exchange(route, scope["path"], headers, address, query, scope["headers"])

    async def _admit(self, exchange: Exchange, receive: Receive) -> Admitted:
        """What is asked, cleaned, and that this identity may ask it. Raises Failure."""
        content = await bodies.read(receive, self.settings.max_body_bytes)
        assert exchange.identity is not None
        named = exchange.end_user.id or exchange.identity.alias
        who = clean.user_hash(named, self.master_key)
        if exchange.route.body == "multipart":
            return await self._admit_form(exchange, content, who)
        asked = bodies.parse_json(content)
        exchange.claimed_user = exchange.claimed_user or claims.in_body(asked)
        as_sent: bytes | None = content
        if exchange.route.dialect == "google":
            alias = surface.model_name(exchange.path) or ""
            asked, as_sent = google.read(asked, alias, exchange.route.streams), None
        exchange.asked = asked
        harmless = self.cleaner.harmless(asked)
        is_all = len(harmless) == len(asked)
        exchange.content = as_sent if as_sent is not None and is_all else harmless
        self._choose_model(exchange)
        return Admitted({**clean.body(harmless, who), "model": exchange.alias})

    async def _admit_form(self, exchange: Exchange, content: bytes, who: str) -> Admitted:
        form = await bodies.parse_form(content, exchange.headers.get("content-type", ""))
        asked = form.values()
        exchange.claimed_user = exchange.claimed_user or claims.in_body(asked)
        exchange.asked = asked
        exchange.content, exchange.files = self.cleaner.harmless(asked), form.files
        form.check_model()
        self._choose_model(exchange)
        changed = {**dict.fromkeys(clean.USER_FIELDS, who), "model": exchange.alias or ""}
        encoded, content_type = form.encode(self.cleaner.keeps_in_form, clean.FILE_PARTS, changed)
        if exchange.route.operation == "transcription":
            return Admitted(None, encoded, content_type, form.only_file("file"))
        return Admitted(None, encoded, content_type, pictures=len(form.files))

    def _choose_model(self, exchange: Exchange) -> None:
        assert exchange.identity is not None
        alias = exchange.asked.get("model")
        if not isinstance(alias, str) or not alias:
            raise Failure(400, "The request names no model: set the field 'model'.", "no_model")
        exchange.alias = self.fleet.resolve(alias) or alias[:200]
        unknown = self.fleet.refusal(exchange.identity, alias)
        if unknown is not None:
            raise unknown
        alias = exchange.alias
        refusal = may_use(exchange.identity, alias)
        if refusal is not None:
            raise errors.of_refusal(refusal)
        wrong = self.fleet.wrong_place(exchange.route, alias)
        wrong = wrong or shape.malformed(exchange.route, exchange.asked)
        if wrong is not None:
            raise wrong

    async def _call(
        self,
        exchange: Exchange,
        scope: Scope,
        admitted: Admitted,
        receive: Receive,
        answer: Answer,
    ) -> None:
        """Hand LiteLLM the clean request, and the client its answer."""
        exchange.reader = reader_for(exchange.route, exchange.asked, admitted.upload)
        auth.proven.set(exchange.identity)
        hooks.current.set(exchange.attempts)
        self.recorder.begin(exchange)
        work = self.inner(admitted.scope(scope, exchange), admitted.receive(), answer.send)
        await while_there(work, receive, exchange)
        await answer.finish()

    async def _models(self, exchange: Exchange, query: bytes, send: Send) -> None:
        dialect = local.dialect_of(exchange.route, exchange.headers)
        answer = Answer(exchange, send, _no_row, dialect)
        try:
            await prove(exchange, self.settings, self.keyring)
            await answer.whole(200, local.models(exchange, self.fleet, query))
        except Failure as failure:
            await answer.fail(failure)

    async def _health(self, route: surface.Route, send: Send) -> None:
        status, trouble = self.health() if route is surface.READY else (200, None)
        if trouble is None:
            state = {"status": "healthy"}
        else:
            state = {"status": "degraded" if status == 200 else "unhealthy", "detail": trouble}
        await _plain(send, status, orjson.dumps(state))

    def _shows_metrics(self, scope: Scope) -> bool:
        peer = scope["client"][0] if scope.get("client") else None
        forwarded = headers_of(scope["headers"]).get("x-forwarded-for")
        known = self.settings.trusted_proxies, self.settings.metrics_ips
        return may_read_metrics(peer, forwarded, *known)

    async def _no_route(self, scope: Scope, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        allowed = surface.allowed_methods(path)
        if allowed:
            failure = Failure(405, _NO_METHOD.format(path, " or ".join(allowed)), "bad_method")
        else:
            failure = Failure(404, _NO_ROUTE.format(method, path[:200]), "no_such_route")
        content = errors.body(failure, surface.dialect_at(path), "")
        await _plain(send, failure.status, content, allow=", ".join(allowed))


async def _no_row(_: Exchange) -> None:
    """Lists of models have no row."""


async def _plain(
    send: Send,
    status: int,
    content: bytes,
    content_type: bytes = b"application/json",
    allow: str = "",
) -> None:
    headers = [(b"content-type", content_type)]
    if allow:
        headers.append((b"allow", allow.encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


async def _refuse_websocket(scope: Scope, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
