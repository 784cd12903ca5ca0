"""The places where one can count: Redis for several machines, a file for one, memory for none."""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, cast

from limits.aio.storage import RedisStorage, SlidingWindowCounterSupport
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from ..row import KeysError
from .limit_file import LimitFile
from .rate_file import RateFile
from .slots import LEASE_SECONDS, FileSlots, RedisSlots, Slots

# What a place that is out of order raises; a request goes on to the next place.
TROUBLE = (sqlite3.Error, RedisError, OSError)
_PREFIX = "sekisho"
_REDIS_SECONDS = 0.5  # to connect, and for an answer
_MOST_CONNECTIONS = 32  # for each worker; a command takes them for a fraction of a millisecond


class Place(Protocol):
    """Windows and slots at one place."""

    name: str
    limiter: SlidingWindowCounterRateLimiter
    windows: SlidingWindowCounterSupport
    slots: Slots

    async def tend(self) -> None:
        """Forget what is over; raises TROUBLE when the place can't be written."""
        ...

    async def close(self) -> None:
        """Let go of files and connections."""
        ...


class FilePlace:
    """Counters of this machine; with no path, of this process."""

    def __init__(
        self,
        path: Path | None,
        *,
        clock: Callable[[], float] = time.time,
        lease: float = LEASE_SECONDS,
    ) -> None:
        """Touches no disk yet. `clock` and `lease` are in seconds."""
        self.name = "memory" if path is None else str(path)
        self._clock = clock
        self._file = LimitFile(path)
        storage = RateFile(self._file, clock)
        self.windows: SlidingWindowCounterSupport = storage
        self.limiter = SlidingWindowCounterRateLimiter(storage)
        self.slots: Slots = FileSlots(self._file, clock, lease)

    async def tend(self) -> None:
        """See Place."""
        self._file.tend(self._clock())

    async def close(self) -> None:
        """See Place."""
        self._file.close()


class RedisPlace:
    """Counters of all machines that use one Redis; it forgets by itself what is over."""

    def __init__(self, url: str, *, lease: float = LEASE_SECONDS) -> None:
        """Connects to nothing yet. Raises KeysError when it is no URL of a Redis."""
        try:
            if not url.startswith(("redis://", "rediss://")):
                raise ValueError
            self._pool = BlockingConnectionPool.from_url(
                url,
                max_connections=_MOST_CONNECTIONS,
                timeout=_REDIS_SECONDS,
                socket_timeout=_REDIS_SECONDS,
                socket_connect_timeout=_REDIS_SECONDS,
                # Once more, at once: after a restart of Redis each connection fails once.
                retry=Retry(NoBackoff(), 1, (RedisConnectionError,)),
            )
        except ValueError:  # whose words may have a part of the password
            raise KeysError(
                "SEKISHO_REDIS_URL is no URL of a Redis; write redis://host:6379/0, or "
                "rediss://user:password@host:6379/0 with odd characters as %40 and the like"
            ) from None
        self.name = "Redis"
        self._client = Redis(connection_pool=self._pool)
        # `limits` hands what it doesn't know to redis; its types only foresee plain options.
        options = cast("dict[str, Any]", {"connection_pool": self._pool})
        storage = RedisStorage("redis://", implementation="redispy", key_prefix=_PREFIX, **options)
        self.windows: SlidingWindowCounterSupport = storage
        self.limiter = SlidingWindowCounterRateLimiter(storage)
        self.slots: Slots = RedisSlots(self._client, _PREFIX, lease)

    async def tend(self) -> None:
        """See Place."""
        await self._client.set(f"{_PREFIX}:written", 1, ex=60)

    async def close(self) -> None:
        """See Place."""
        await self._pool.aclose()
