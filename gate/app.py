"""The gate: one request, one straight line, from its first byte to its row in the log."""

import asyncio
import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from ..callbacks import attempts as hooks
from ..callbacks import auth
from ..keys.check import Keyring, may_use
from ..keys.identity import Refusal
from ..keys.row import KeysUnavailable
from ..settings import Settings
from . import body as bodies
from . import clean, credentials, errors, local, shape, surface
from .address import client_address
from .admitted import Admitted, departure_of, headers_of
from .answer import Answer
from .errors import Failure
from .exchange import Exchange
from .fleet import Fleet
from .readers.select import reader_for
from .recorder import Recorder

log = logging.getLogger("sekisho.gate")

_NO_ROUTE = "There is nothing at {} {}. See docs/routes.md for what this gateway serves."
_NO_METHOD = "{} is served with {} only."


@dataclass(frozen=True, slots=True)
class Gate:
    """The ASGI application in front of LiteLLM's handlers (`inner`).

    `ready` tells in one line what is wrong, or nothing when all is well.
    """

    settings: Settings
    keyring: Keyring
    fleet: Fleet
    cleaner: clean.Cleaner
    recorder: Recorder
    inner: ASGIApp
    master_key: str
    ready: Callable[[], str | None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request; WebSockets are refused."""
        if scope["type"] != "http":
            await _refuse_websocket(scope, send)
            return
        route = surface.find(scope["method"], scope["path"])
        if route is None:
            await self._no_route(scope, send)
        elif route.operation == "health":
            await self._health(route, send)
        elif route.endpoint is None:
            await self._models(self._exchange(route, scope), send)
        else:
            await self._infer(self._exchange(route, scope), scope, receive, send)

    async def _infer(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        answer = Answer(exchange, send, self.recorder.write)
        try:
            self._prove(exchange)
            content = await self._admit(exchange, receive)
            await self._call(exchange, scope, content, receive, answer)
        except Failure as failure:
            await answer.fail(failure)
        except bodies.ClientGone:
            exchange.client_gone = True
        except Exception as error:  # noqa: BLE001 - see the next line
            # The last resort of every request: LiteLLM's handlers may raise anything at all. The
            # error's own words may quote the request, so only its kind and place are logged.
            log.error("request %s: %s at %s", exchange.request_id, type(error).__name__, _at(error))
            await answer.fail(Failure(500, "The gateway failed.", "internal_error", refused=False))
        finally:
            self.recorder.write(exchange)

    def _exchange(self, route: surface.Route, scope: Scope) -> Exchange:
        headers = headers_of(scope["headers"])
        peer = scope["client"][0] if scope.get("client") else None
        forwarded = headers.get("x-forwarded-for")
        address = client_address(peer, forwarded, self.settings.trusted_proxies)
        return Exchange(route, scope["path"], headers, address)

    def _prove(self, exchange: Exchange) -> None:
        """Who asks. Raises Failure; then the row still says whose key was refused."""
        presented = credentials.bearer(exchange.headers)
        try:
            decision = self.keyring.check(presented, datetime.now(UTC))
        except KeysUnavailable:
            raise Failure(
                503, "Keys can't be checked at the moment. Try again soon.", "keys_unavailable"
            ) from None
        if isinstance(decision, Refusal):
            exchange.identity = decision.identity
            raise errors.of_refusal(decision)
        exchange.identity = decision

    async def _admit(self, exchange: Exchange, receive: Receive) -> Admitted:
        """What is asked, cleaned, and that this identity may ask it. Raises Failure."""
        content = await bodies.read(receive, self.settings.max_body_bytes)
        assert exchange.identity is not None
        who = clean.user_hash(exchange.identity.owner or exchange.identity.alias, self.master_key)
        if exchange.route.body == "multipart":
            admitted = await self._admit_form(exchange, content, who)
        else:
            asked = bodies.parse_json(content)
            exchange.claimed_user = clean.claimed_user(exchange.headers, asked)
            exchange.asked = asked
            admitted = Admitted(self.cleaner.body(asked, who))
        self._choose_model(exchange)
        return admitted

    async def _admit_form(self, exchange: Exchange, content: bytes, who: str) -> Admitted:
        form = await bodies.parse_form(content, exchange.headers.get("content-type", ""))
        asked = form.values()
        exchange.claimed_user = clean.claimed_user(exchange.headers, asked)
        exchange.asked = asked
        form.check_model()
        users = dict.fromkeys(clean.USER_FIELDS, who)
        encoded, content_type = form.encode(self.cleaner.keeps_in_form, clean.FILE_PARTS, users)
        sounds = exchange.route.operation == "transcription"
        upload = next((file[1] for name, file in form.files if name == "file"), b"")
        return Admitted(None, encoded, content_type, upload if sounds else b"")

    def _choose_model(self, exchange: Exchange) -> None:
        assert exchange.identity is not None
        alias = exchange.asked.get("model")
        if not isinstance(alias, str) or not alias:
            raise Failure(400, "The request names no model: set the field 'model'.", "no_model")
        exchange.alias = alias[:200]
        unknown = self.fleet.refusal(exchange.identity, alias)
        if unknown is not None:
            raise unknown
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
        departure = asyncio.ensure_future(departure_of(receive, exchange))
        try:
            await self.inner(
                admitted.scope(scope, exchange), admitted.receive(departure), answer.send
            )
        finally:
            departure.cancel()
        await answer.finish()

    async def _models(self, exchange: Exchange, send: Send) -> None:
        answer = Answer(exchange, send, lambda _: None, local.dialect_of(exchange.headers))
        try:
            self._prove(exchange)
            await answer.whole(200, local.models(exchange, self.fleet))
        except Failure as failure:
            await answer.fail(failure)

    async def _health(self, route: surface.Route, send: Send) -> None:
        trouble = self.ready() if route is surface.READY else None
        state = {"status": "unhealthy", "detail": trouble} if trouble else {"status": "healthy"}
        await _plain(send, 503 if trouble else 200, orjson.dumps(state))

    async def _no_route(self, scope: Scope, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        allowed = surface.allowed_methods(path)
        if allowed:
            failure = Failure(405, _NO_METHOD.format(path, " or ".join(allowed)), "bad_method")
        else:
            failure = Failure(404, _NO_ROUTE.format(method, path[:200]), "no_such_route")
        dialect: surface.Dialect = "anthropic" if path.startswith("/v1/messages") else "openai"
        content = errors.body(failure, dialect, "")
        await _plain(send, failure.status, content, allow=", ".join(allowed))


def _at(error: Exception) -> str:
    """Where an error was raised, as `file:line`."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


async def _plain(send: Send, status: int, content: bytes, allow: str = "") -> None:
    headers = [(b"content-type", b"application/json")]
    if allow:
        headers.append((b"allow", allow.encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


async def _refuse_websocket(scope: Scope, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
