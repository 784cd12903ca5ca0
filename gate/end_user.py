"""Who the end user of a request is: the whole decision stands here.

A person's or a service's key is its owner, whatever the request says. A `frontend` key belongs to a
chat that serves many people (Open WebUI), and names in a header who asks:

- With `SEKISHO_OPENWEBUI_JWT_SECRET` set it is Open WebUI's signed `X-OpenWebUI-User-Jwt`, and
  nothing else. No token: nobody is known. A token that isn't right: the request is refused.
- Without a secret it is Open WebUI's plain headers: whoever has the key can write them.

Claims that prove nothing are in `claims.py`. Nothing here reads a body.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote

import jwt
from jwt.types import Options

from ..keys.identity import Identity, Refusal, refuse
from ..lake.record import EndUserSource

Headers = Sequence[tuple[bytes, bytes]]

TOKEN = b"x-openwebui-user-jwt"
ID, EMAIL, NAME = b"x-openwebui-user-id", b"x-openwebui-user-email", b"x-openwebui-user-name"

_LEEWAY = 30  # seconds that two machines' clocks may differ
LONGEST_TOKEN = 8192  # bytes; Open WebUI's tokens have about 400
_MOST = 320  # characters of an id, an e-mail address or a name: what the key store has room for

_OPTIONS: Options = {
    "require": ["exp", "iat", "iss", "sub"],
    # The times are checked in `_check_times`, by our caller's clock.
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
}


@dataclass(frozen=True, slots=True)
class EndUser:
    """The end user of a request, and what proved it; without an `id` nobody is known.

    Limits count by `id`, which for Open WebUI is its own id of the user. `email` and `name` may be
    missing.
    """

    source: EndUserSource
    id: str | None = None
    email: str | None = None
    name: str | None = None


NOBODY = EndUser("none")


class _WrongTokenError(ValueError):
    """A token that proves nothing; the message says why, and what to do."""


def decide(
    identity: Identity, headers: Headers, secrets: Sequence[str], now: datetime
) -> EndUser | Refusal:
    """The end user of a request with a proven key.

    `headers` are ASGI's, all of them, with names in lower case; `now` is aware UTC.
    """
    if identity.kind != "frontend":
        return EndUser("key", identity.owner or identity.alias, identity.owner)
    if not secrets:
        return _by_headers(headers)
    try:
        return _by_token(headers, secrets, now)
    except _WrongTokenError as error:
        return refuse("end_user_token_invalid", str(error), identity)


def _by_token(headers: Headers, secrets: Sequence[str], now: datetime) -> EndUser:
    tokens = [value for name, value in headers if name == TOKEN]
    if not tokens:
        return NOBODY
    if len(tokens) > 1:
        raise _WrongTokenError(
            f"The request has {len(tokens)} headers X-OpenWebUI-User-Jwt; send exactly one. A "
            "proxy between Open WebUI and the gateway may add another."
        )
    claims = _signed(tokens[0], secrets)
    _check_times(claims, now)
    user = _word(claims.get("sub"))
    if user is None:
        raise _WrongTokenError(
            "The token in X-OpenWebUI-User-Jwt names no user: `sub` must be Open WebUI's id of one."
        )
    return EndUser("jwt", user, _word(claims.get("email")), _line(claims.get("name")))


def _signed(token: bytes, secrets: Sequence[str]) -> Mapping[str, Any]:
    """What a token says that one of the secrets has signed, with HS256 and by Open WebUI."""
    if len(token) > LONGEST_TOKEN:
        raise _foreign("it is too long")
    for secret in secrets:
        try:
            # Never the token's own choice of an algorithm.
            return jwt.decode(token, secret, ["HS256"], _OPTIONS, issuer="open-webui")
        except jwt.InvalidSignatureError:
            continue
        except jwt.PyJWTError as error:
            raise _foreign(" ".join(str(error).split())[:80]) from None
    raise _WrongTokenError(
        "The token in X-OpenWebUI-User-Jwt is signed with another secret: Open WebUI's "
        "FORWARD_USER_INFO_HEADER_JWT_SECRET must be one of the gateway's "
        "SEKISHO_OPENWEBUI_JWT_SECRET."
    )


def _foreign(why: str) -> _WrongTokenError:
    return _WrongTokenError(
        f"The token in X-OpenWebUI-User-Jwt is none of Open WebUI's ({why}): it must come as "
        "Open WebUI sends it, unchanged and signed with HS256."
    )


def _check_times(claims: Mapping[str, Any], now: datetime) -> None:
    """Raise _WrongTokenError for a token that has expired, or comes from the future.

    Each condition says what must hold: NaN, which JSON in Python may have, holds none of them.
    """
    at = now.timestamp()
    times = [claims["exp"], claims["iat"], claims.get("nbf", 0)]
    if not all(isinstance(time, int | float) and not isinstance(time, bool) for time in times):
        raise _WrongTokenError("The token in X-OpenWebUI-User-Jwt has times that are no numbers.")
    expires, *begins = times
    if not expires + _LEEWAY > at:
        what = "has expired"
    elif not all(time - _LEEWAY <= at for time in begins):
        what = "is from the future"
    else:
        return
    raise _WrongTokenError(
        f"The token in X-OpenWebUI-User-Jwt {what}: set the clocks of Open WebUI and of the "
        f"gateway right ({_LEEWAY} s of difference are allowed), and try again."
    )


def _by_headers(headers: Headers) -> EndUser:
    """Who the plain headers name; two of one name, or an id that can't be one, name nobody."""
    user = _word(one(headers, ID))
    if user is None:
        return NOBODY
    return EndUser("header", user, _word(one(headers, EMAIL)), _line(_unquoted(one(headers, NAME))))


def one(headers: Headers, name: bytes) -> str | None:
    """The value of a header that is there exactly once, in UTF-8, as Open WebUI writes it."""
    found = [value for given, value in headers if given == name]
    try:
        return found[0].decode() if len(found) == 1 else None
    except UnicodeDecodeError:
        return None


def _unquoted(value: str | None) -> str | None:
    """Open WebUI percent-encodes names, and leaves spaces as they are."""
    try:
        return None if value is None else unquote(value, errors="strict")
    except UnicodeDecodeError:
        return None


def _word(value: object) -> str | None:
    """An id or an address, or None. A proxy may join two headers with a comma: that is neither."""
    if not isinstance(value, str) or not 0 < len(value) <= _MOST:
        return None
    return value if value.isprintable() and " " not in value and "," not in value else None


def _line(value: object) -> str | None:
    """A name, or None. Names may have any letters and spaces, but no control characters."""
    if not isinstance(value, str) or not value.strip() or len(value) > _MOST:
        return None
    kinds = {unicodedata.category(character) for character in value}
    return None if kinds & {"Cc", "Cs", "Zl", "Zp"} else value
