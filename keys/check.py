"""The decision at the gate: a presented key is an `Identity`, or a `Refusal` with its reason."""

import time
from collections.abc import Callable
from datetime import datetime
from fnmatch import fnmatchcase

from . import secret
from .identity import Identity, Refusal, refuse
from .row import KeyRow, KeyStoreError, KeysUnavailable
from .store import Store

# A change made by another process is seen at the latest this long after, in seconds. The promise
# is 1 s; the rest is for an event loop that is late.
POLL_SECONDS = 0.4
_MOST_CACHED = 100_000  # about 100 MB; beyond that the cache starts afresh

_MISSING = refuse(
    "missing_key",
    "No API key was sent. Send it as 'Authorization: Bearer sk-sekisho-...' or as 'x-api-key'.",
)
_MALFORMED = refuse(
    "malformed_key",
    "This is not a key of this gateway: keys look like sk-sekisho-XXXXXXXX-... and are "
    f"{secret.KEY_LENGTH} characters long. Check that it was copied whole.",
)
_UNKNOWN = refuse(
    "unknown_key",
    "This key is not known here. Check that it was issued by this gateway and copied whole, or "
    "ask its operator for a new one.",
)
_BLOCKED = "This key is blocked. Ask the gateway's operator why, and to unblock it."


def decide(row: KeyRow | None, now: datetime) -> Identity | Refusal:
    """The decision alone, from what the store knows; `now` is aware UTC."""
    if row is None:
        return _UNKNOWN
    state = row.state(now)
    if state == "active":
        return row.identity
    if state == "blocked":
        return refuse("blocked", _BLOCKED, row.identity)
    when = row.revoked_at if state == "revoked" else row.identity.expires_at
    what = "was revoked" if state == "revoked" else "expired"
    message = f"This key {what} on {when:%Y-%m-%d}. Ask the gateway's operator for a new one."
    return refuse(state, message, row.identity)


def may_use(identity: Identity, model: str) -> Refusal | None:
    """None when the key may use the model alias; patterns ignore case; no pattern allows all."""
    if not identity.models:
        return None
    name = model.lower()
    if any(fnmatchcase(name, pattern) for pattern in identity.models):
        return None
    allowed = ", ".join(identity.models)
    return refuse(
        "model_not_allowed",
        f"This key may not use the model {model[:100]!r}, only: {allowed}. Choose one of those, "
        "or ask the gateway's operator.",
    )


class Keyring:
    """Checks keys against a store, with a cache that other processes' changes empty in time.

    Only keys that exist are cached, so strangers can't fill it.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` counts seconds and never goes back."""
        self._store = store
        self._clock = clock
        self._polled = float("-inf")
        self._generation = ""
        self._cache: dict[str, KeyRow] = {}
        self._seen: dict[str, datetime] = {}

    def check(self, presented: str | None, now: datetime) -> Identity | Refusal:
        """Decide about the bare key of a request (no `Bearer`); `now` is aware UTC.

        Raises KeysUnavailable when the store can't be asked: the gate answers 503.
        """
        if not presented:
            return _MISSING
        if not secret.well_formed(presented):
            return _MALFORMED
        try:
            self._forget_changes()
            decision = decide(self._find(secret.hash_key(presented)), now)
        except KeyStoreError as error:
            raise KeysUnavailable(str(error)) from error
        if isinstance(decision, Identity):
            self._seen[decision.key_id] = now
        return decision

    def save_last_used(self) -> None:
        """Write to the store when keys were last used: call it every minute and at the end.

        Raises KeysUnavailable; then the times are kept for the next call.
        """
        seen, self._seen = self._seen, {}
        try:
            self._store.touch(seen)
        except KeyStoreError as error:
            self._seen = {**seen, **self._seen}
            raise KeysUnavailable(str(error)) from error

    def _forget_changes(self) -> None:
        clock = self._clock()
        if clock - self._polled < POLL_SECONDS:
            return
        generation = self._store.generation()
        if generation != self._generation:
            self._cache.clear()
        # Only now: when the store fails, the next check asks again at once.
        self._generation = generation
        self._polled = clock

    def _find(self, key_hash: str) -> KeyRow | None:
        row = self._cache.get(key_hash)
        if row is None:
            row = self._store.find_by_hash(key_hash)
            if row is not None:
                if len(self._cache) >= _MOST_CACHED:
                    self._cache.clear()
                self._cache[key_hash] = row
        return row
