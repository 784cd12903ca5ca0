"""A request as LiteLLM gets it: clean."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.types import Message, Receive, Scope

from ..untyped import mapping
from . import clean, surface
from .exchange import Exchange


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request as LiteLLM gets it: a clean JSON body, or an encoded form with its upload.

    `pictures` is how many picture files the form has.
    """

    fields: dict[str, Any] | None
    encoded: bytes = b""
    content_type: str = "application/json"
    upload: bytes = b""
    pictures: int = 0

    def scope(self, scope: Scope, exchange: Exchange) -> Scope:
        """The ASGI scope of LiteLLM's handler, with only the headers that it may see.

        `parsed_body` is where LiteLLM keeps a body that it has parsed; filled in here, it is not
        parsed a second time.
        """
        headers = clean.request_headers(scope["headers"])
        headers = [h for h in headers if h[0] != b"content-type"]
        headers.append((b"content-type", self.content_type.encode()))
        mine: Scope = {
            **scope,
            "path": surface.with_alias(scope["path"], exchange.alias),
            "headers": headers,
            "query_string": b"",
            "state": {},
        }
        if self.fields is not None:
            fields = _with_usage(self.fields, exchange)
            mine["parsed_body"] = (tuple(fields), fields)
        return mine

    def receive(self) -> Receive:
        """The body in one message, and nothing after it: see departure.py."""
        sent = False

        async def receive() -> Message:
            nonlocal sent
            if not sent:
                sent = True
                content = self.encoded if self.fields is None else orjson.dumps(self.fields)
                return {"type": "http.request", "body": content, "more_body": False}
            never: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
            return await never

        return receive


def _with_usage(fields: dict[str, Any], exchange: Exchange) -> dict[str, Any]:
    """A streamed chat always asks for the usage; its reader takes the chunk out if need be."""
    if exchange.route.operation != "chat" or not exchange.stream:
        return fields
    options = {**mapping(fields.get("stream_options")), "include_usage": True}
    return {**fields, "stream_options": options}


def headers_of(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """ASGI's headers by lower-case name. The last one of a name counts.

    Only the lines of X-Forwarded-For are one list, in their order: each proxy may add a line.
    """
    found: dict[str, str] = {}
    for name, value in ((n.decode("latin-1"), v.decode("latin-1")) for n, v in raw):
        before = found.get(name) if name == "x-forwarded-for" else None
        found[name] = value if before is None else f"{before}, {value}"
    return found
