"""Reads a request's body: all of it, at most so large, as a JSON object or as form parts."""

import re
from collections.abc import AsyncGenerator, Callable, Container, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
from python_multipart.multipart import parse_options_header
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

    def check_model(self) -> None:
        """Raise Failure 400 when the model is named in a way that might be read in two ways.

        A form without a model is left to the check that all requests share.
        """
        names = [name for name, _ in (*self.fields, *self.files)]
        claims = [name for name in names if name.partition("[")[0] == "model"]
        if claims and (claims != ["model"] or "model" not in self.values()):
            message = "The form must have exactly one text field 'model'."
            raise Failure(400, message, "invalid_form")

    def only_file(self, field: str) -> bytes:
        """The one file of a field: of several, LiteLLM might take another one than we.

        Raises Failure 400.
        """
        found = [content for name, (_, content, _) in self.files if name == field]
        named = [name for name, _ in self.fields if name == field]
        if len(found) != 1 or named:
            message = f"The form must have exactly one file in the field '{field}'."
            raise Failure(400, message, "invalid_form")
        return found[0]

    def encode(
        self, keep: Callable[[str], bool], files: Container[str], changed: Mapping[str, str]
    ) -> tuple[bytes, str]:
        """The body and content type with the fields that `keep` likes and the parts in `files`.

        `changed` has new values of text fields; `name[inner]` is changed as `name`.
        """
        fields: dict[str, Any] = {}
        for name, value in self.fields:
            if keep(name):
                value = changed.get(name.partition("[")[0], value)
                fields.setdefault(name, []).append(value)
        parts = [part for part in self.files if part[0] in files]
        request = httpx.Request("POST", "http://gate", data=fields, files=parts)
        return request.read(), request.headers["content-type"]


# RFC 2046, 5.1.1, but longer than its 70 characters: some clients don't count.
_BOUNDARY = re.compile(rb"[0-9A-Za-z'()+_,\-./:=? ]{0,199}[0-9A-Za-z'()+_,\-./:=?]")


def _boundary_of(content_type: str) -> str:
    """What separates the parts of a form. Raises Failure 400."""
    kind, options = parse_options_header(content_type)
    if kind.strip() != b"multipart/form-data":
        raise Failure(400, "The body must be multipart/form-data.", "invalid_form")
    boundary = options.get(b"boundary", b"")
    if not _BOUNDARY.fullmatch(boundary):
        raise Failure(400, "The form's content type has no valid boundary.", "invalid_form")
    return boundary.decode("ascii")


def _headers(boundary: str) -> Headers:
    """A content type of nothing but the boundary: Starlette would look up a client's charset."""
    return Headers({"content-type": f'multipart/form-data; boundary="{boundary}"'})


async def parse_form(content: bytes, content_type: str) -> Form:
    """The body as a form. Raises Failure 400."""
    boundary = _boundary_of(content_type)

    async def stream() -> AsyncGenerator[bytes, None]:
        yield content

    try:
        parser = MultiPartParser(_headers(boundary), stream())
        data = await parser.parse()
    except (MultiPartException, KeyError, UnicodeDecodeError) as error:
        raise Failure(400, f"The form can't be read: {error}", "invalid_form") from None
    form = Form([], [])
    for name, value in data.multi_items():
        if isinstance(value, UploadFile):
            kind = value.content_type or ""
            if not (kind and kind.isascii() and kind.isprintable()):
                kind = "application/octet-stream"
            form.files.append((name, (value.filename or name, await value.read(), kind)))
        else:
            form.fields.append((name, value))
    await data.close()
    return form
