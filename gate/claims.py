"""Who a request says its end user is: kept in `claimed_user` for information, never a decision."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from ..untyped import mapping, text
from . import end_user
from .end_user import EndUser, Headers

# LiteLLM's own, which it believes from anybody.
_LITELLM = (b"x-litellm-end-user-id", b"x-litellm-customer-id")
_PLAIN = (end_user.EMAIL, end_user.ID, end_user.NAME)
_LONGEST = 256


def in_headers(headers: Headers, proven: EndUser) -> str | None:
    """The claim of the headers, less those that have proven who it is."""
    names = _LITELLM if proven.source == "header" else (*_LITELLM, *_PLAIN)
    found = dict(headers)
    plain = [found[name].decode(errors="replace") for name in names if name in found]
    signed = None if proven.source == "jwt" else _subject(found.get(end_user.TOKEN, b""))
    return _first((*plain, signed))


def in_body(body: Mapping[str, Any]) -> str | None:
    """The claim of a body's fields."""
    nested = mapping(body.get("metadata")).get("user_id")
    return _first((text(body.get("user")), text(nested), text(body.get("safety_identifier"))))


def _first(claims: Iterable[str | None]) -> str | None:
    return next((claim[:_LONGEST] for claim in claims if claim), None)


def _subject(token: bytes) -> str | None:
    """Whom a token names that nobody has verified."""
    if len(token) > end_user.LONGEST_TOKEN:
        return None
    try:
        payload = token.split(b".")[1]
        claims = mapping(orjson.loads(base64.urlsafe_b64decode(payload + b"==")))
    except (IndexError, binascii.Error, orjson.JSONDecodeError):
        return None
    return text(claims.get("email")) or text(claims.get("sub"))
