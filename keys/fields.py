"""What may be said about a key: each field checked and brought into its one spelling."""

import ipaddress
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime

from . import limits
from .identity import KINDS
from .networks import Network
from .row import KeyRefusedError, NewKey

_MODEL_PATTERN = re.compile(r"[a-z0-9._:/@+*?\[\]!-]+")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")  # the shape only: whether it exists, mail alone can tell
_TAG = re.compile(r"[A-Za-z0-9._:/=-]{1,64}")
_MOST_NETWORKS = 100
_MOST_TAGS = 20
_MCP_SERVER = re.compile(r"\*|[A-Za-z0-9_]{1,64}")
_MOST_MCP_SERVERS = 100


@contextmanager
def at(where: str) -> Generator[None]:
    """Put the place (`line 3`) before what is wrong in it, as a KeyRefusedError."""
    try:
        yield
    except (KeyRefusedError, ValueError) as error:
        raise KeyRefusedError(f"{where}: {error}" if where else str(error)) from None


def checked(key: NewKey) -> NewKey:
    """The same with each field in its one spelling.

    Raises KeyRefusedError naming what is wrong, after the key's `where`.
    """
    with at(key.where):
        return _checked(key)


def check_expiry(expires_at: datetime | None, now: datetime) -> None:
    """Raises KeyRefusedError for an expiry in the past, which is probably a mistake."""
    if expires_at is not None and expires_at <= now:
        raise KeyRefusedError(f"expiry {expires_at.isoformat()} has passed; name a later time")


def network(text: str) -> Network:
    """A network in CIDR notation, or an address alone. Raises KeyRefusedError.

    An IPv4 network inside IPv6 (`::ffff:10.0.0.0/104`) is IPv4, as an address is.
    """
    try:
        found = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise KeyRefusedError(
            f"network {text[:60]!r}: write 10.1.0.0/16, 2001:db8::/32 or one address"
        ) from None
    mapped = getattr(found.network_address, "ipv4_mapped", None)
    if mapped is None or found.prefixlen < 96:
        return found
    return ipaddress.IPv4Network((mapped, found.prefixlen - 96))


def _checked(key: NewKey) -> NewKey:
    if key.kind not in KINDS:
        raise KeyRefusedError(f"kind {key.kind}: must be one of {', '.join(KINDS)}")
    if key.kind == "person" and not key.owner:
        raise KeyRefusedError("a person's key needs its owner: add --owner EMAIL")
    return replace(
        key,
        alias=_alias(key.alias),
        owner=_owner(key.owner) if key.owner else None,
        team=_words("team", key.team) if key.team else None,
        models=tuple(_model(pattern) for pattern in key.models),
        limits=limits.read(asdict(key.limits)),
        networks=_networks(key.networks),
        tags=_tags(key.tags),
        mcp=_mcp(key.mcp),
    )


def _words(field: str, text: str) -> str:
    text = text.strip()
    if not text or len(text) > 128 or not text.isprintable():
        raise KeyRefusedError(f"{field} must be 1 to 128 printable characters")
    return text


def _alias(text: str) -> str:
    alias = _words("alias", text)
    if alias.startswith(("key_", "sk-")):
        raise KeyRefusedError(f"alias {alias[:12]}...: key_ and sk- begin ids and keys")
    return alias


def _owner(text: str) -> str:
    owner = _words("owner", text).lower()  # so that one person is one line in every report
    if not _EMAIL.fullmatch(owner):
        raise KeyRefusedError(f"owner {owner}: must be an e-mail address")
    return owner


def _model(text: str) -> str:
    pattern = text.strip().lower()
    if not _MODEL_PATTERN.fullmatch(pattern):
        raise KeyRefusedError(f"model pattern {text!r}: write them like claude-*,gpt-5")
    return pattern


def _networks(texts: Sequence[str]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(str(network(text)) for text in texts))
    if len(found) > _MOST_NETWORKS:
        raise KeyRefusedError(f"{len(found)} networks: at most {_MOST_NETWORKS}")
    return found


def _tags(texts: Sequence[str]) -> tuple[str, ...]:
    most = f"at most {_MOST_TAGS}"
    form = "1 to 64 letters, digits and . _ : / - = without spaces"
    return _named(texts, "tag", _TAG, form, _MOST_TAGS, most)


def _mcp(texts: Sequence[str]) -> tuple[str, ...]:
    most = f"at most {_MOST_MCP_SERVERS}; * means all"
    form = "a name in mcp_servers: (letters, digits, _), or *"
    return _named(texts, "MCP server", _MCP_SERVER, form, _MOST_MCP_SERVERS, most)


def _named(
    texts: Sequence[str], what: str, shape: re.Pattern[str], form: str, limit: int, most: str
) -> tuple[str, ...]:
    """Different names, each of a shape, which `form` tells, and not too many, as `most` tells."""
    found = tuple(dict.fromkeys(text.strip() for text in texts))
    if len(found) > limit:
        raise KeyRefusedError(f"{len(found)} {what}s: {most}")
    for name in found:
        if not shape.fullmatch(name):
            raise KeyRefusedError(f"{what} {name[:80]!r}: {form}")
    return found
