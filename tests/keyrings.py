"""What tests of keyrings share: a clock and a store that they can move and take away."""

import asyncio
import threading
from datetime import UTC, datetime

from sekisho.keys.check import Keyring
from sekisho.keys.identity import Identity, Refusal
from sekisho.keys.row import KeyRow, KeyStoreError
from sekisho.keys.store import Store

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Clock:
    """A monotonic clock that tests move by hand."""

    now = 100.0

    def __call__(self) -> float:
        """The time in seconds."""
        return self.now


class Shaky(Store):
    """A store whose database tests can take away; counts how often a key is asked for."""

    away = False
    asked = 0

    def find_by_hash(self, key_hash: str) -> KeyRow | None:
        """As the store does, when it is there."""
        self.asked += 1
        self._be_there()
        return super().find_by_hash(key_hash)

    def changed_since(self, generation: str) -> tuple[str, frozenset[str] | None]:
        """As the store does, when it is there."""
        self._be_there()
        return super().changed_since(generation)

    def _be_there(self) -> None:
        if self.away:
            raise KeyStoreError("key store x: is away for a test")


def check(ring: Keyring, presented: str | None, now: datetime = NOW) -> Identity | Refusal:
    """The gate's question, in an event loop of its own."""
    return asyncio.run(ring.check(presented, now))


def poll(ring: Keyring) -> None:
    """One round of the watcher."""
    stop = threading.Event()
    stop.set()
    ring.watch(stop)


def refused(decision: Identity | Refusal) -> tuple[str, int, str, str]:
    """Reason, status, and the error's name in both dialects."""
    assert isinstance(decision, Refusal)
    return decision.reason, decision.status, decision.openai_code, decision.anthropic_type
