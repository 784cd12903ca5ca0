"""The installed LiteLLM, imported once into the test process, and all of its proxy's routes."""

import importlib
import json
import logging
import os
import warnings
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from starlette.routing import Mount


@dataclass(frozen=True, slots=True, order=True)
class LiteLLMRoute:
    """One way in: `method` is empty for mounts, `WEBSOCKET` for WebSockets."""

    path: str
    method: str


@contextmanager
def _importing() -> Generator[None]:
    """LiteLLM without network and without a .env file; its own warnings are not ours."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ["LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS"] = "True"
    os.environ["LITELLM_MODE"] = "PRODUCTION"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@cache
def load(module: str) -> Any:
    """A module of LiteLLM."""
    with _importing():
        return importlib.import_module(module)


def proxy() -> ModuleType:
    """`litellm.proxy.proxy_server`; takes some seconds the first time."""
    server: ModuleType = load("litellm.proxy.proxy_server")
    return server


def parameters() -> list[str]:
    """LiteLLM's list of the body fields that it takes as its own parameters."""
    return list(load("litellm.types.utils").all_litellm_params)


@cache
def routes() -> frozenset[LiteLLMRoute]:
    """Every route of LiteLLM's application, with those that it attaches at their first use."""
    server = proxy()
    logging.getLogger("LiteLLM Proxy").setLevel("CRITICAL")  # some need packages we leave out
    with _importing():
        load("litellm.proxy._lazy_features").register_all_features(server.app)
    return frozenset([*_walk(server.app.routes, ""), *_listed(server)])


def _listed(server: ModuleType) -> Iterator[LiteLLMRoute]:
    """LiteLLM's own list of what it attaches, with the features whose packages we leave out."""
    snapshot = Path(str(server.__file__)).with_name("_lazy_openapi_snapshot.json")
    for feature in json.loads(snapshot.read_text()).values():
        for path, methods in feature["paths"].items():
            for method in methods:
                yield LiteLLMRoute(path, method.upper())


def _walk(found: Iterable[Any], prefix: str) -> Iterator[LiteLLMRoute]:
    for route in found:
        if isinstance(route, Mount):
            yield LiteLLMRoute(prefix + route.path, "")
            yield from _walk(route.routes, prefix + route.path)
        elif hasattr(route, "original_router"):  # FastAPI keeps included routers as branches
            inside = route.original_router.routes
            yield from _walk(inside, prefix + route.include_context.prefix)
        else:
            for method in getattr(route, "methods", None) or ("WEBSOCKET",):
                yield LiteLLMRoute(prefix + route.path, method)
