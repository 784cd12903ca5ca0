"""A request as LiteLLM gets it: clean, and with a way to learn that its client has gone."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.types import Message, Receive, Scope

from ..untyped import mapping
from . import clean
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
            "headers": headers,
            "query_string": b"",
            "state": {},
        }
        if self.fields is not None:
            fields = _with_usage(self.fields, exchange)
            mine["parsed_body"] = (tuple(fields), fields)
        return mine

    def receive(self, departure: "asyncio.Future[None]") -> Receive:
        """The body in one message, then, when the client goes away, `http.disconnect`."""
        sent = False

        async def receive() -> Message:
            nonlocal sent
            if not sent:
                sent = True
                content = self.encoded if self.fields is None else orjson.dumps(self.fields)
                return {"type": "http.request", "body": content, "more_body": False}
            await asyncio.shield(departure)
            return {"type": "http.disconnect"}

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


async def departure_of(receive: Receive, exchange: Exchange) -> None:
    """Wait until the client goes away."""
    while (await receive())["type"] != "http.disconnect":
        pass
    if not exchange.complete:
        exchange.client_gone = True
