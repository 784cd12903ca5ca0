"""Between the tables and Python: what is stored of a key, and the `KeyRow` that it becomes."""

import ipaddress
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import select

from .identity import Identity
from .limits import LIMIT_NAMES, NO_LIMITS, Limits
from .networks import Network
from .row import KeyRow, NewKey
from .tables import key_secrets, keys

_PICO = Decimal(10**12)  # the database counts 1e-12 USD

# Every column of a key, beside a secret of it.
SECRETS = select(
    keys, key_secrets.c.hash, key_secrets.c.prefix.label("secret_prefix"), key_secrets.c.ends_at
).join_from(key_secrets, keys, keys.c.id == key_secrets.c.key_id)
# The same with the newest secret alone: one row for each key.
ROWS = SECRETS.where(key_secrets.c.ends_at.is_(None))


def row(mapping: Mapping[Any, Any]) -> KeyRow:
    """A key from a row of `SECRETS`."""
    return KeyRow(
        identity=Identity(
            key_id=mapping["id"],
            alias=mapping["alias"],
            kind=mapping["kind"],
            owner=mapping["owner"],
            team=mapping["team"],
            models=tuple(mapping["models"]),
            expires_at=mapping["expires_at"],
            limits=_limits(*(mapping[name] for name in LIMIT_NAMES)),
            networks=tuple(map(_network, mapping["networks"])),
            tags=tuple(mapping["tags"]),
            mcp=tuple(mapping["mcp"]),
        ),
        hash=mapping["hash"],
        prefix=mapping["secret_prefix"],
        created_at=mapping["created_at"],
        created_by=mapping["created_by"],
        blocked_at=mapping["blocked_at"],
        revoked_at=mapping["revoked_at"],
        last_used_at=mapping["last_used_at"],
        secret_ends_at=mapping["ends_at"],
    )


def columns(key: NewKey) -> dict[str, Any]:
    """The columns of a checked key."""
    limits = {
        name: int(value * _PICO) if isinstance(value, Decimal) else value
        for name, value in _named(key.limits).items()
    }
    return {
        "alias": key.alias,
        "kind": key.kind,
        "owner": key.owner,
        "team": key.team,
        "models": list(key.models),
        "expires_at": key.expires_at,
        "networks": list(key.networks),
        "tags": list(key.tags),
        "mcp": list(key.mcp),
        **limits,
    }


def told(key: NewKey) -> dict[str, object]:
    """What the audit trail says of a key's fields, as JSON can have it."""
    return {
        name: f"{value:f}"
        if isinstance(value, Decimal)
        else value.isoformat()
        if isinstance(value, datetime)
        else value
        for name, value in {**columns(key), **_named(key.limits)}.items()
    }


def as_new(found: KeyRow) -> NewKey:
    """The fields of a stored key that may be changed."""
    identity = found.identity
    return NewKey(
        alias=identity.alias,
        kind=identity.kind,
        owner=identity.owner,
        team=identity.team,
        models=identity.models,
        expires_at=identity.expires_at,
        limits=identity.limits,
        networks=tuple(map(str, identity.networks)),
        tags=identity.tags,
        mcp=identity.mcp,
    )


def _named(limits: Limits) -> dict[str, int | Decimal | None]:
    return {name: getattr(limits, name) for name in LIMIT_NAMES}


@lru_cache(1000)  # most keys have the same as others
def _limits(
    rpm: int | None,
    tpm: int | None,
    parallel: int | None,
    day: int | None,
    month: int | None,
    total: int | None,
) -> Limits:
    found = Limits(rpm, tpm, parallel, _usd(day), _usd(month), _usd(total))
    return NO_LIMITS if found == NO_LIMITS else found


def _usd(pico: int | None) -> Decimal | None:
    return None if pico is None else Decimal(pico) / _PICO


@lru_cache(1000)
def _network(text: str) -> Network:
    return ipaddress.ip_network(text)
