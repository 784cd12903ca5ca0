"""Reads a request's body: all of it, at most so large, as a JSON object or as form parts."""

from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.types import Receive

from ..untyped import mapping
from .errors import Failure


class ClientGone(Exception):
    """The client closed the connection before its request was whole."""


async def read(receive: Receive, most: int) -> bytes:
    """All bytes of the body. Raises Failure 413 beyond `most` bytes, ClientGone when cut off."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            raise Failure(
                413,
                f"The request is larger than {most} bytes. Send less, or ask the gateway's "
                "operator to raise SEKISHO_MAX_BODY_BYTES.",
                "request_too_large",
            )
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def parse_json(content: bytes) -> dict[str, Any]:
    """The body as a JSON object. Raises Failure 400."""
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Failure(400, f"The body is not valid JSON: {error}", "invalid_json") from None
    if not isinstance(value, dict):
        raise Failure(400, "The body must be a JSON object.", "invalid_json")
    return mapping(value)


@dataclass(frozen=True, slots=True)
class Form:
    """A multipart body: its text fields, and its files as (field, (name, content, type))."""

    fields: list[tuple[str, str]]
    files: list[tuple[str, tuple[str, bytes, str]]]

    def values(self) -> dict[str, Any]:
        """The text fields by name; the last one of a name counts."""
        return dict(self.fields)

    def encode(self, keep: Iterable[str], changed: dict[str, str]) -> tuple[bytes, str]:
        """The body and content type with only the fields in `keep`, some of them changed."""
        kept = set(keep)
        fields: dict[str, Any] = {}
        for name, value in self.fields:
            if name in kept:
                fields.setdefault(name, []).append(changed.get(name, value))
        files = [part for part in self.files if part[0] in kept]
        request = httpx.Request("POST", "http://gate", data=fields, files=files)
        return request.read(), request.headers["content-type"]


async def parse_form(content: bytes, content_type: str) -> Form:
    """The body as a form. Raises Failure 400."""
    if not content_type.lower().startswith("multipart/form-data"):
        raise Failure(400, "The body must be multipart/form-data.", "invalid_form")

    async def stream() -> AsyncGenerator[bytes, None]:
        yield content

    try:
        parser = MultiPartParser(Headers({"content-type": content_type}), stream())
        data = await parser.parse()
    except (MultiPartException, KeyError, UnicodeDecodeError) as error:
        raise Failure(400, f"The form can't be read: {error}", "invalid_form") from None
    form = Form([], [])
    for name, value in data.multi_items():
        if isinstance(value, UploadFile):
            kind = value.content_type or "application/octet-stream"
            form.files.append((name, (value.filename or name, await value.read(), kind)))
        else:
            form.fields.append((name, value))
    await data.close()
    return form
