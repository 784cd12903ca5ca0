"""Requests at once: who runs holds a slot, on lease, so that a dead process's slots come free."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from redis.asyncio import Redis

from .limit_file import LimitFile

LEASE_SECONDS = 60.0


class Slot(NamedTuple):
    """One of `limit` slots of the counter `name`."""

    name: str
    limit: int


class Slots(Protocol):
    """The slots of everybody who counts at one place. `request` is unique among all of them."""

    async def take(self, request: str, slots: Sequence[Slot]) -> Slot | None:
        """Take all of them, or none: then the first one that is not free is returned."""
        ...

    async def hold(self, held: Mapping[str, Sequence[Slot]]) -> None:
        """Renew the leases of requests that are running, also of those not known here."""
        ...

    async def free(self, request: str, slots: Sequence[Slot]) -> None:
        """Give them back."""
        ...


class FileSlots:
    """Slots in this machine's file."""

    def __init__(self, file: LimitFile, clock: Callable[[], float], lease: float) -> None:
        """`clock` tells seconds, the same ones to all processes; `lease` is in seconds."""
        self._file = file
        self._clock = clock
        self._lease = lease

    async def take(self, request: str, slots: Sequence[Slot]) -> Slot | None:
        """See Slots."""
        with self._file.turn() as connection:
            now = self._clock()
            for slot in slots:
                # A lease that ends much later than any is from before the clock was set back.
                (taken,) = connection.execute(
                    "SELECT count(*) FROM slots WHERE name = ? AND ends > ? AND ends <= ?",
                    (slot.name, now, now + 2 * self._lease),
                ).fetchone()
                if taken >= slot.limit:
                    return slot
            self._write(connection, request, slots)
            return None

    async def hold(self, held: Mapping[str, Sequence[Slot]]) -> None:
        """See Slots."""
        if held:
            with self._file.turn() as connection:
                for request, slots in held.items():
                    self._write(connection, request, slots)

    async def free(self, request: str, slots: Sequence[Slot]) -> None:
        """See Slots."""
        with self._file.turn() as connection:
            connection.executemany(
                "DELETE FROM slots WHERE name = ? AND request = ?",
                [(slot.name, request) for slot in slots],
            )

    def _write(self, connection: sqlite3.Connection, request: str, slots: Sequence[Slot]) -> None:
        ends = self._clock() + self._lease
        connection.executemany(
            "REPLACE INTO slots (name, request, ends) VALUES (?, ?, ?)",
            [(slot.name, request, ends) for slot in slots],
        )


# A sorted set for each counter: the requests that run, by when their lease ends. The time is the
# server's, so that no two machines' clocks are compared.
_NOW = "local t = redis.call('TIME'); local now = t[1] + t[2] / 1000000; "
# KEYS: the sets. ARGV: the request, the lease in seconds, then each set's limit.
_TAKE = f"""{_NOW}
for i, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  if redis.call('ZCARD', key) >= tonumber(ARGV[i + 2]) then return i end
end
for _, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + ARGV[2], ARGV[1])
  redis.call('PEXPIRE', key, math.ceil(ARGV[2] * 1000))
end
return 0"""
# KEYS: the sets. ARGV: the lease in seconds, then for each set the request that is in it.
_HOLD = f"""{_NOW}
for i, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + ARGV[1], ARGV[i + 1])
  redis.call('PEXPIRE', key, math.ceil(ARGV[1] * 1000))
end"""
# KEYS: the sets. ARGV: the request.
_FREE = "for _, key in ipairs(KEYS) do redis.call('ZREM', key, ARGV[1]) end"


class RedisSlots:
    """Slots in Redis, the same ones for all machines."""

    def __init__(self, client: Redis, prefix: str, lease: float) -> None:
        """`prefix` begins the name of each set; `lease` is in seconds."""
        self._prefix = prefix
        self._lease = lease
        self._take: Any = client.register_script(_TAKE)  # untyped in redis
        self._hold: Any = client.register_script(_HOLD)
        self._free: Any = client.register_script(_FREE)

    async def take(self, request: str, slots: Sequence[Slot]) -> Slot | None:
        """See Slots."""
        limits = [slot.limit for slot in slots]
        full: int = await self._take(self._sets(slots), [request, self._lease, *limits])
        return slots[full - 1] if full else None

    async def hold(self, held: Mapping[str, Sequence[Slot]]) -> None:
        """See Slots."""
        if held:
            sets = [name for slots in held.values() for name in self._sets(slots)]
            requests = [request for request, slots in held.items() for _ in slots]
            await self._hold(sets, [self._lease, *requests])

    async def free(self, request: str, slots: Sequence[Slot]) -> None:
        """See Slots."""
        await self._free(self._sets(slots), [request])

    def _sets(self, slots: Sequence[Slot]) -> list[str]:
        return [f"{self._prefix}:slots:{slot.name}" for slot in slots]
