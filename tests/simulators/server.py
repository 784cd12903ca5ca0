"""The server: one ASGI app for all clouds, its journal, and its queue of behaviours.

`GET /_journal` lists the requests received, `DELETE /_journal` forgets them and the queue,
`POST /_script` queues a list of behaviours for the next requests (see `script`).
"""

import asyncio
import re
import time
import traceback
from collections import Counter, deque
from dataclasses import replace
from typing import Any, cast

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from . import azure, bedrock, script, vertex
from .caching import Cache
from .deliver import Connection, deliver, refuse
from .pretend import Json, MalformedError, Prompt
from .routes import Found, find
from .script import Behaviour, ScriptError
from .wire import Refusal

ROUTES = (*bedrock.ROUTES, *vertex.ROUTES, *azure.ROUTES)
SECRETS = ("authorization", "api-key", "x-api-key", "x-goog-api-key", "x-amz-security-token")
JOURNAL_LENGTH = 20_000  # requests


class App:
    """ASGI application with the journal and the queue as its only state."""

    def __init__(self) -> None:
        self.journal: deque[Json] = deque(maxlen=JOURNAL_LENGTH)
        self.queue: deque[Behaviour] = deque()
        self.cache = Cache()
        self.tried: Counter[str] = Counter()  # requests with a behaviour that ends

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        if request.url.path.startswith("/_"):
            response = await self._control(request)
            await response(scope, receive, send)
        else:
            await self._guarded(request, Connection(receive, send))

    async def _guarded(self, request: Request, connection: Connection) -> None:
        try:
            await self._serve(request, connection)
        except ClientDisconnect:
            pass  # left while sending its body: `_serve` has noted it
        except Exception:
            traceback.print_exc()  # a mistake of the simulator: uvicorn answers 500, we say why
            raise

    async def _control(self, request: Request) -> Response:
        match request.method, request.url.path:
            case "GET", "/_journal":
                return JSONResponse(list(self.journal))
            case "DELETE", "/_journal":
                self.journal.clear()
                self.queue.clear()
                self.tried.clear()
            case "POST", "/_script":
                try:
                    self.queue.extend([script.from_mapping(raw) for raw in await request.json()])
                except ScriptError as error:
                    return JSONResponse({"error": str(error)}, 400)
            case _:
                return JSONResponse({"error": "unknown"}, 404)
        return JSONResponse({"queued": len(self.queue)})

    async def _serve(self, request: Request, connection: Connection) -> None:
        entry = _entry(request)
        self.journal.append(entry)
        found = _find(request)
        if found is None:
            text = f"The simulator has no {request.method} {request.url.path}"
            await refuse(connection, Refusal(404, {"error": {"message": text}}), entry)
            return
        try:
            body = await _read(request, entry)
            entry["body"] = _shown(body)
            prompt = found.endpoint.read(found.model, body)
            if found.endpoint.rules:
                found.endpoint.rules(prompt, request.headers)
            behaviour = self._behaviour(found, prompt)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # Whatever shape trips the reader is malformed to the provider, too.
            known = isinstance(error, MalformedError | ScriptError)
            text = str(error) if known else f"Malformed input request: {error!r}"
            await refuse(connection, found.endpoint.refuse(400, text), entry)
            return
        if found.endpoint.complaint:
            entry["faults"].append(found.endpoint.complaint)
        prompt = replace(prompt, stream=found.stream or prompt.stream)
        if behaviour.status < 400 and not (behaviour.overflow or behaviour.usage):
            prompt = replace(prompt, base_usage={**prompt.base_usage, **self.cache.used(prompt)})
        watch = asyncio.create_task(connection.watch(entry))
        try:
            await deliver(connection, found.endpoint, prompt, behaviour, entry)
        finally:
            watch.cancel()
            connection.note(entry)

    def _behaviour(self, found: Found, prompt: Prompt) -> Behaviour:
        if self.queue and found.endpoint is not vertex.TOKEN:
            return self.queue.popleft()
        words = "".join(prompt.fresh("user"))
        behaviour = script.from_text(words)
        if behaviour.times is not None:
            self.tried[words] += 1
            if self.tried[words] > behaviour.times:
                return replace(behaviour, status=200, overflow=False)
        return behaviour


def _find(request: Request) -> Found | None:
    path = request.url.path
    sse = request.query_params.get("alt") == "sse"
    with_query = find(ROUTES, request.method, f"{path}?alt=sse") if sse else None
    return with_query or find(ROUTES, request.method, path)


def _entry(request: Request) -> Json:
    headers = {
        name: _scheme(value) if name in SECRETS else value
        for name, value in request.headers.items()
    }
    return {
        "method": request.method,
        "path": request.url.path,
        "query": dict(request.query_params),
        "headers": headers,
        "body": None,
        "status": None,
        "complete": False,
        "at": time.time(),
        "left": None,
        "faults": [],
    }


def _scheme(secret: str) -> str:
    """What kind of secret came, not the secret: `Bearer <hidden>`, `AWS4-HMAC-SHA256 <hidden>`."""
    scheme = re.match(r"(Bearer|Basic|AWS4-HMAC-SHA256) ", secret)
    return f"{scheme[0] if scheme else ''}<hidden>"


async def _read(request: Request, entry: Json) -> Json:
    try:
        return await _body(request)
    except ClientDisconnect:
        entry["left"] = time.time()
        raise


async def _body(request: Request) -> Json:
    if request.method == "GET":
        return {}
    kind = request.headers.get("content-type", "")
    if not kind.startswith(("multipart/", "application/x-www-form-urlencoded")):
        given: object = await request.json()
        if not isinstance(given, dict):
            raise MalformedError("Malformed input request: not a JSON object")
        return cast("Json", given)
    form = await request.form()
    return {
        name: value if isinstance(value, str) else await value.read()
        for name, value in form.multi_items()
    }


def _shown(body: Json) -> Json:
    """A body as the journal shows it: uploads by their size, the login assertion not at all."""
    shown: dict[str, Any] = {}
    for name, value in body.items():
        shown[name] = f"<{len(value)} bytes>" if isinstance(value, bytes) else value
    return shown | ({"assertion": "<hidden>"} if "assertion" in body else {})
