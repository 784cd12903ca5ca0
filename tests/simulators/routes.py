"""A table of paths: each cloud's file lists its own, the server tries them in order."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .wire import Endpoint

Chooser = Callable[[str], Endpoint | None]


@dataclass(frozen=True, slots=True)
class Route:
    """A path pattern (group `model` is optional) and the endpoint behind it.

    `stream` says that this path always streams; otherwise the body decides.
    """

    pattern: str
    endpoint: Endpoint | Chooser
    stream: bool = False
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Found:
    endpoint: Endpoint
    model: str
    stream: bool


def find(routes: Sequence[Route], method: str, path: str) -> Found | None:
    """The endpoint of a request, or None. `path` is decoded and without its query."""
    for route in routes:
        match = re.fullmatch(route.pattern, path)
        if not match or method != route.method:
            continue
        model = match.groupdict().get("model") or ""
        chosen = route.endpoint if isinstance(route.endpoint, Endpoint) else route.endpoint(model)
        if chosen:
            return Found(chosen, model, route.stream)
    return None
