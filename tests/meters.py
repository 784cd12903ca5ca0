"""Meters for tests, over the file or a real Redis, and scopes with limits."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from limits import RateLimitItem, RateLimitItemPerMinute, RateLimitItemPerSecond
from sekisho.keys.limits import Limits
from sekisho.keys.policy import Scope
from sekisho.keys.rates.meter import Meter
from sekisho.keys.rates.places import FilePlace, Place, RedisPlace

from .servers import Redis

NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


def key_scope(
    *, rpm: int | None = None, tpm: int | None = None, parallel: int | None = None
) -> Scope:
    """A key with limits."""
    return Scope("key", "key-1", "This key", Limits(rpm=rpm, tpm=tpm, parallel=parallel))


def team_scope(
    *, rpm: int | None = None, tpm: int | None = None, parallel: int | None = None
) -> Scope:
    """A team with limits."""
    limits = Limits(rpm=rpm, tpm=tpm, parallel=parallel)
    return Scope("team", "research", "The team research", limits)


def short(seconds: int) -> Callable[[int], RateLimitItem]:
    """Limits for some seconds in the place of a minute."""
    return lambda amount: RateLimitItemPerSecond(amount, seconds)


class Meters:
    """Makes meters that count at one place: each stands for another process."""

    def __init__(self, home: Path, redis_url: str) -> None:
        """`redis_url` empty counts in the file."""
        self.home = home
        self.redis_url = redis_url

    @classmethod
    def at(cls, request: pytest.FixtureRequest, home: Path) -> "Meters":
        """For a fixture with the parameters "file" and "redis"; Redis is emptied."""
        if request.param == "file":
            return cls(home, "")
        server: Redis = request.getfixturevalue("redis_server")
        server.empty()
        return cls(home, server.url)

    def open(
        self,
        process: str = "one",
        *,
        lease: float = 60.0,
        item: Callable[[int], RateLimitItem] = RateLimitItemPerMinute,
        clock: Callable[[], float] = time.time,
    ) -> Meter:
        """As `Meter.open` does it; `clock` is the file's."""
        places: list[Place] = [
            FilePlace(self.home / "limits.db", clock=clock, lease=lease),
            FilePlace(None, clock=clock, lease=lease),
        ]
        if self.redis_url:
            places.insert(0, RedisPlace(self.redis_url, lease=lease))
        return Meter(places, process, item)


async def eventually(
    what: str, holds: Callable[[], Awaitable[bool]], *, seconds: float = 15
) -> None:
    """Poll until it holds."""
    end = time.monotonic() + seconds
    while not await holds():
        assert time.monotonic() < end, f"{what} did not come about in {seconds} s"
        await asyncio.sleep(0.02)
