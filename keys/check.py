"""The decision at the gate: a presented key is an `Identity`, or a `Refusal` with its reason."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from fnmatch import fnmatchcase

from .. import log_lines
from . import networks, secret
from .identity import Identity, Refusal, refuse
from .row import KeyRow, KeyStoreError, KeysUnavailable
from .store import Store

log = logging.getLogger("sekisho.keys")

# A change made by another process is seen at the latest this long after, in seconds. The promise
# is 1 s on one machine and 5 s on several; the rest is for a busy machine or network.
POLL_SECONDS = 0.4  # by `check_now` itself
_WATCH_SECONDS = {"sqlite": 0.25, "postgresql": 1.0}  # by `watch`
GRACE_SECONDS = 300.0  # so long known keys go on without the store
_PATIENCE_SECONDS = 5.0  # so long a request waits for the store
_SILENCE_SECONDS = 8.0  # a poll that takes longer is no answer
_THREADS = 4  # that ask the store for keys that aren't cached
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
_ROTATED = (
    "This key was replaced by a newer one on {:%Y-%m-%d}. Use that one, or ask the gateway's "
    "operator for it."
)
_BLOCKED = "This key is blocked. Ask the gateway's operator why, and to unblock it."


def decide(row: KeyRow | None, now: datetime) -> Identity | Refusal:
    """The decision alone, from what the store knows; `now` is aware UTC."""
    if row is None:
        return _UNKNOWN
    state, ended = row.state(now), row.secret_ends_at
    if state != "revoked" and ended is not None and now >= ended:
        return refuse("rotated", _ROTATED.format(ended), row.identity)
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


def mcp_servers(
    identity: Identity, of_teams: Mapping[str, Sequence[str]], known: Iterable[str]
) -> tuple[str, ...]:
    """Those of the `known` MCP servers that the key may use: its own, and its team's.

    `of_teams` are the servers that each team's keys may all use; `*` is every one. Nobody may use
    one without being granted it.
    """
    granted = {*identity.mcp, *of_teams.get(identity.team or "", ())}
    return tuple(name for name in known if name in granted or "*" in granted)


def from_network(identity: Identity, address: str | None) -> Refusal | None:
    """None when the key may be used from the client's address; no networks allow every one.

    What is no address is in no network. The message doesn't say which ones are allowed: whoever
    has found a key learns nothing.
    """
    if not identity.networks or networks.contains(identity.networks, address):
        return None
    seen = networks.parse(address) or "an unknown address"
    return refuse(
        "network_not_allowed",
        f"This key may not be used from {seen}. Use it from a network it is meant for, or ask the "
        "gateway's operator to allow this one.",
    )


class Keyring:
    """Checks keys against a store, with a cache that other processes' changes correct in time.

    Only keys that exist are cached, so strangers can't fill it. Safe for threads; `check` is for
    one event loop.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` counts seconds and never goes back."""
        self._store = store
        self._clock = clock
        self._cache: dict[str, KeyRow] = {}  # by hash
        self._seen: dict[str, datetime] = {}
        self._generation = ""  # of the store, as the cache has it
        self._changing = threading.Lock()  # of the two above together
        self._answered = clock()  # the store has just been opened
        self._polled = float("-inf")
        self._polling: float | None = None  # since when, while a poll has no answer yet
        self._away = False
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="sekisho-keys")
        self._asking: dict[str, asyncio.Future[KeyRow | None]] = {}

    @property
    def available(self) -> bool:
        """Whether the store answers when it is asked what has changed, within 8 s."""
        asked = self._polling
        if not self._away and asked is not None and self._clock() - asked > _SILENCE_SECONDS:
            self._lose(f"it has not answered for {_SILENCE_SECONDS:g} s")
        return not self._away

    @property
    def away_for(self) -> float | None:
        """Seconds since the store last answered; None while it is there."""
        return None if self.available else self._clock() - self._answered

    async def check(self, presented: str | None, now: datetime) -> Identity | Refusal:
        """Decide about the bare key of a request (no `Bearer`); `now` is aware UTC.

        Somebody else calls `watch`. Raises KeysUnavailable when the store can't be asked, or
        takes longer than 5 s: the gate answers 503.
        """
        key_hash = _hashed(presented)
        if isinstance(key_hash, Refusal):
            return key_hash
        row = self._cached(key_hash) or await self._ask(key_hash)
        return self._decide(row, now)

    def check_now(self, presented: str | None, now: datetime) -> Identity | Refusal:
        """The same where nobody calls `watch`: asks what has changed itself, and blocks meanwhile.

        Raises KeysUnavailable.
        """
        key_hash = _hashed(presented)
        if isinstance(key_hash, Refusal):
            return key_hash
        if self._clock() - self._polled >= POLL_SECONDS:
            self._poll()
        row = self._cached(key_hash) or self._fetch(key_hash)
        return self._decide(row, now)

    def watch(self, stop: threading.Event) -> None:
        """Learn of changes as soon as they are made, until told to stop: for a thread of its own.

        Says once in the log when the store goes away, and once when it is back.
        """
        pause = _WATCH_SECONDS[self._store.database.dialect]
        while True:
            self._poll()
            if stop.wait(pause):
                return

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

    def close(self) -> None:
        """Ask nothing more; doesn't wait for what is being asked."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _decide(self, row: KeyRow | None, now: datetime) -> Identity | Refusal:
        decision = decide(row, now)
        if isinstance(decision, Identity):
            self._seen[decision.key_id] = now
        return decision

    def _cached(self, key_hash: str) -> KeyRow | None:
        """What is known without asking. Raises KeysUnavailable when it is too old, or all."""
        if self._clock() - self._answered > GRACE_SECONDS:
            raise KeysUnavailable("the key store has been away for too long")
        row = self._cache.get(key_hash)
        if row is not None and secret.same_hash(row.hash, key_hash):
            return row
        if not self.available:
            raise KeysUnavailable("the key store is away, and this key was not used lately")
        return None

    async def _ask(self, key_hash: str) -> KeyRow | None:
        """Ask the store in a thread; requests with the same key that come meanwhile share it."""
        asking = self._asking.get(key_hash)
        if asking is None:
            loop = asyncio.get_running_loop()
            asking = loop.run_in_executor(self._threads, self._fetch, key_hash)
            self._asking[key_hash] = asking
            asking.add_done_callback(lambda done: self._asked(key_hash, done))
        try:
            # Shielded: a client that goes away must not end it for the others.
            return await asyncio.wait_for(asyncio.shield(asking), _PATIENCE_SECONDS)
        except TimeoutError:
            raise KeysUnavailable("the key store takes too long to answer") from None

    def _asked(self, key_hash: str, done: "asyncio.Future[KeyRow | None]") -> None:
        del self._asking[key_hash]
        if not done.cancelled():
            done.exception()  # looked at, so that asyncio doesn't log it when nobody waits any more

    def _fetch(self, key_hash: str) -> KeyRow | None:
        before = self._generation
        try:
            row = self._store.find_by_hash(key_hash)
        except KeyStoreError as error:
            raise KeysUnavailable(str(error)) from error
        with self._changing:
            # Not when a poll came between: the row may be older than what that poll told.
            if row is not None and before == self._generation:
                if len(self._cache) >= _MOST_CACHED:
                    self._cache.clear()
                self._cache[key_hash] = row
        return row

    def _poll(self) -> None:
        """Ask the store what has changed, and forget those keys."""
        self._polled = self._polling = asked = self._clock()
        try:
            generation, changed = self._store.changed_since(self._generation)
        except Exception as error:  # noqa: BLE001 - a bug, too: no poll, no more grace
            self._lose(log_lines.in_one_line(error))
            return
        finally:
            self._polling = None
        with self._changing:
            if changed is None:
                self._cache.clear()
            elif changed:
                old = [h for h, row in self._cache.items() if row.identity.key_id in changed]
                for key_hash in old:
                    del self._cache[key_hash]
            self._generation = generation
        self._answered = asked
        if self._away:
            log.warning("the key store is back")
        self._away = False

    def _lose(self, why: str) -> None:
        with self._changing:
            known, self._away = self._away, True
        if not known:
            log.critical("the key store is away: %s", why)


def _hashed(presented: str | None) -> str | Refusal:
    """The hash of what can be a key; a refusal of what can't."""
    if not presented:
        return _MISSING
    return secret.hash_key(presented) if secret.well_formed(presented) else _MALFORMED
