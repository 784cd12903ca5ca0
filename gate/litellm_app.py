"""LiteLLM inside our process: boots its proxy, and offers only the handlers that we serve.

LiteLLM's own application has about a thousand routes and ten middlewares. Ours has the inference
handlers of `surface.INFERENCE` and nothing else, so a route that an upgrade adds can't be reached.
Every internal that this relies on is named in tests/test_contract.py.
"""

import contextlib
import importlib
import inspect
import io
import logging
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import wraps
from typing import Any

import orjson
from fastapi import Depends, FastAPI, Response
from fastapi.encoders import jsonable_encoder
from starlette.types import ASGIApp

from .. import config
from ..untyped import mapping
from . import counting, surface

Handler = Callable[..., Awaitable[Any]]


def build() -> ASGIApp:
    """The application with LiteLLM's handlers. Imports LiteLLM, which takes some seconds."""
    from litellm.proxy import proxy_server
    from litellm.proxy._types import ProxyException

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.exception_handlers[ProxyException] = proxy_server.app.exception_handlers[ProxyException]
    for route in surface.INFERENCE:
        counts = route.operation == "count_tokens"
        found = counting.or_estimated(load(route)) if counts else load(route)
        handler = _with_proven_identity(found)
        for path in route.paths:
            # LiteLLM's name for the alias in Google's paths.
            mounted = path.replace("{model}", "{model_name:path}")
            app.add_api_route(mounted, handler, methods=[route.method], response_model=None)
    return app


@asynccontextmanager
async def running(
    litellm: Mapping[str, Any], repairs_off: Iterable[str] = ()
) -> AsyncGenerator[None]:
    """LiteLLM's own start and stop: reads the configuration, builds the router, closes sessions.

    `litellm` is that configuration, as `config.Configuration` has it; `repairs_off` names the wire
    repairs that are switched off.
    """
    from litellm.proxy import proxy_server

    from ..callbacks import (
        gemini_speech,
        generate_content,
        lost_counts,
        open_streams,
        success_log,
        told_costs,
        wire,
    )
    from ..callbacks.repairs import hook as repairs

    gemini_speech.install()
    generate_content.install()
    lost_counts.install()
    open_streams.install()
    told_costs.install()
    wire.install()
    repairs.logger.leave_out(repairs_off)
    if not config.needs_litellm_log(litellm):
        success_log.leave_out()
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[Any]]
    lifespan = proxy_server.app.router.lifespan_context
    # Its loggers quote requests and provider answers; the rows have what an operator needs.
    for name in ("LiteLLM", "LiteLLM Proxy", "LiteLLM Router", "mcp"):
        logging.getLogger(name).setLevel(os.environ["LITELLM_LOG"])
    async with AsyncExitStack() as stack:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints its models
            await stack.enter_async_context(lifespan(proxy_server.app))
        yield


def litellm_fields() -> list[str]:
    """The body fields that LiteLLM takes as its own parameters."""
    from litellm.types.utils import all_litellm_params

    return list(all_litellm_params)


def load(route: surface.Route) -> Handler:
    """LiteLLM's handler of a route."""
    assert route.endpoint is not None
    module, _, name = route.endpoint.partition(":")
    handler: Handler = getattr(importlib.import_module(module), name)
    return handler


def _with_proven_identity(handler: Handler) -> Handler:
    """The handler with the gate's proven identity in place of LiteLLM's key check."""
    from ..callbacks import auth

    async def proven_user() -> Any:
        identity = auth.proven.get()
        assert identity is not None, "the gate calls LiteLLM only with a proven identity"
        return auth.as_litellm(identity)

    @wraps(handler)
    async def proven(**arguments: Any) -> Any:
        answer = await handler(**arguments)
        return _json(mapping(answer)) if isinstance(answer, dict) else answer

    signature = inspect.signature(handler)
    parameters = [
        p.replace(default=Depends(proven_user)) if p.name == "user_api_key_dict" else p
        for p in signature.parameters.values()
    ]
    setattr(proven, "__signature__", signature.replace(parameters=parameters))  # noqa: B010
    return proven


def _json(answer: dict[str, Any]) -> Response:
    """A JSON answer without FastAPI's walk through every value of it."""
    content = orjson.dumps(answer, default=jsonable_encoder, option=orjson.OPT_NON_STR_KEYS)
    return Response(content, media_type="application/json")
