"""What the store tells about one key, and the errors of this room. Imports no database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from .identity import Identity, KeyKind
from .limits import NO_LIMITS, Limits

State = Literal["active", "blocked", "expired", "revoked"]


class KeysError(Exception):
    """Something about keys went wrong; the message is one line: what, where, what to do next."""


class KeyStoreError(KeysError):
    """The database of keys can't be read or written."""


class NoSuchKeyError(KeysError):
    """No key, or more than one, goes by this name."""


class KeyRefusedError(KeysError):
    """The store won't do this: the alias is taken, the key is revoked, a field is malformed."""


class KeysUnavailable(Exception):
    """A key can't be checked now; nobody is let in. The gate answers 503."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """What may be said about a key: to issue one, and the names that `update` may change.

    `where` is the place in a file (`line 3`) that an error names. `expires_at` is UTC; `networks`
    are CIDR, or single addresses; empty `models` and `networks` mean all, empty `mcp` means no MCP
    server.
    """

    alias: str
    kind: KeyKind
    owner: str | None = None
    team: str | None = None
    models: Sequence[str] = ()
    expires_at: datetime | None = None
    limits: Limits = NO_LIMITS
    networks: Sequence[str] = ()
    tags: Sequence[str] = ()
    mcp: Sequence[str] = ()
    where: str = ""


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One key as it is stored; all times are UTC. The key itself is not here, only its hash.

    `hash`, `prefix` and `secret_ends_at` are of the secret that was asked for, or of the newest:
    a key that was rotated has older ones, which end.
    """

    identity: Identity
    hash: str
    prefix: str
    created_at: datetime
    created_by: str
    blocked_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    secret_ends_at: datetime | None = None

    def state(self, now: datetime) -> State:
        """What the key is at `now` (UTC); revoked says more than blocked, blocked than expired."""
        if self.revoked_at is not None:
            return "revoked"
        if self.blocked_at is not None:
            return "blocked"
        expires_at = self.identity.expires_at
        if expires_at is not None and now >= expires_at:
            return "expired"
        return "active"


@dataclass(frozen=True, slots=True)
class Issued:
    """A new key and its row. `key` exists only here: print it once and forget it."""

    key: str
    row: KeyRow


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the audit trail: who did what to which key, when (UTC)."""

    at: datetime
    who: str
    action: str
    key_id: str
    alias: str
    detail: dict[str, object]
