"""Requests and tokens per minute: the same promises for the file and for Redis."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st
from sekisho.keys.identity import Quota
from sekisho.keys.limits import NO_LIMITS
from sekisho.keys.policy import Scope
from sekisho.keys.rates.meter import Meter
from sekisho.keys.rates.places import FilePlace, RedisPlace
from sekisho.keys.rates.sliding import Windows, fits, wait
from sekisho.keys.row import KeysError

from .meters import NOON, Meters, eventually, key_scope, short, team_scope


@pytest.fixture(params=["file", "redis"])
def meters(request: pytest.FixtureRequest, tmp_path: Path) -> Meters:
    """Meters that count in a file, and in Redis."""
    return Meters.at(request, tmp_path)


@asynccontextmanager
async def closing(meter: Meter) -> AsyncGenerator[Meter]:
    """Close it at the end."""
    try:
        yield meter
    finally:
        await meter.close()


async def passes(meter: Meter, scope: Scope, tokens: int = 1, name: str = "r") -> bool:
    """Whether one more request may pass; it ends at once."""
    if await meter.enter(name, [scope], tokens, datetime.now(UTC)) is not None:
        return False
    await meter.leave(name, [scope], 0)
    return True


def test_so_many_requests_pass_and_no_more(meters: Meters) -> None:
    """Three requests per minute: of five at once three pass, each other is told when to return."""

    async def run() -> None:
        async with closing(meters.open()) as meter:
            scopes = [key_scope(rpm=3)]
            answers = await asyncio.gather(
                *(meter.enter(f"{n}", scopes, 9, NOON) for n in range(5))
            )
            refused = [r for r in answers if r is not None]
            assert len(refused) == 2
            for refusal in refused:
                assert refusal.reason == "too_many_requests"
                assert (refusal.status, refusal.openai_type) == (429, "requests")
                assert refusal.openai_code == "rate_limit_exceeded"
                assert refusal.anthropic_type == "rate_limit_error"
                # A moment after the window's 60 s are over, its 3 count as less than 3.
                assert refusal.retry_after in (60, 61)
                assert refusal.quota is not None
                assert (refusal.quota.what, refusal.quota.limit) == ("requests", "3")

    asyncio.run(run())


def test_refusals_tell_the_limit_and_the_time(tmp_path: Path) -> None:
    """The words of each refusal, with a clock that stands still."""

    async def run() -> None:
        async with closing(Meters(tmp_path, "").open(clock=lambda: 1000.0)) as meter:
            one, few = key_scope(rpm=1), team_scope(tpm=1000)
            assert await meter.enter("a", [one], 1, NOON) is None
            refusal = await meter.enter("b", [one], 1, NOON)
            assert refusal is not None
            assert refusal.message == (
                "This key may send 1 request per minute; try again in 61 s (12:01:01 UTC)."
            )
            assert refusal.retry_after == 61
            again = datetime(2026, 11, 21, 12, 1, 1, tzinfo=UTC)
            assert refusal.quota == Quota("requests", "1", again)
            assert await meter.enter("c", [few], 700, NOON) is None
            refusal = await meter.enter("d", [few], 400, NOON)
            assert refusal is not None
            # After the minute 700 * x / 60 < 601 must hold: x < 51.51 s of the next one's 60 s.
            assert refusal.message == (
                "The team research may use 1000 tokens per minute, and this request's prompt has "
                "about 400; try again in 69 s (12:01:09 UTC)."
            )
            assert refusal.reason == "too_many_tokens"
            assert refusal.openai_type == "tokens"
            await meter.leave("c", [few], 0)
            refusal = await meter.enter("e", [few], 1001, NOON)
            assert refusal is not None
            assert refusal.message == (
                "The team research may use 1000 tokens per minute, and this request's prompt alone "
                "has about 1001; send a shorter one, or ask the gateway's operator for more."
            )
            assert refusal.retry_after is None
            assert refusal.quota == Quota("tokens", "1000", None)

    asyncio.run(run())


def test_tokens_of_answers_count(meters: Meters) -> None:
    """What an answer has is counted when it ends, above the limit too, and stops the next one."""

    async def run() -> None:
        async with closing(meters.open()) as meter:
            scope = key_scope(tpm=1000)
            assert await meter.enter("a", [scope], 100, NOON) is None
            assert await meter.enter("b", [scope], 900, NOON) is None
            await meter.leave("b", [scope], -5)
            assert not await passes(meter, scope, 1)
            await meter.leave("a", [scope], 5000)
            refusal = await meter.enter("c", [scope], 1, NOON)
            assert refusal is not None
            assert refusal.reason == "too_many_tokens"
            # 6000 * x / 60 < 1000 must hold in the next minute: after 50 s of it.
            assert refusal.retry_after is not None
            assert 108 <= refusal.retry_after <= 111

    asyncio.run(run())


def test_the_narrowest_limit_comes_first(meters: Meters) -> None:
    """A key that knocks too often uses up nothing of its team's."""

    async def run() -> None:
        async with closing(meters.open()) as meter:
            key, team = key_scope(rpm=1), team_scope(rpm=2)
            assert await meter.enter("a", [key, team], 1, NOON) is None
            for n in range(5):
                refusal = await meter.enter(f"b{n}", [key, team], 1, NOON)
                assert refusal is not None
                assert refusal.message.startswith("This key may")
            assert await passes(meter, team)
            refusal = await meter.enter("c", [team], 1, NOON)
            assert refusal is not None
            assert refusal.message.startswith("The team research may send 2 requests")

    asyncio.run(run())


def test_a_refused_request_leaves_nothing_behind(meters: Meters) -> None:
    """Tokens and slots of narrower scopes come back when a wider one refuses."""

    async def run() -> None:
        async with closing(meters.open()) as meter:
            key, team = key_scope(tpm=1000, parallel=1), team_scope(tpm=500)
            assert await meter.enter("a", [team], 500, NOON) is None
            for n in range(3):
                refusal = await meter.enter(f"b{n}", [key, team], 400, NOON)
                assert refusal is not None
                assert refusal.message.startswith("The team research may use 500 tokens")
            assert await meter.enter("c", [key], 1000, NOON) is None

    asyncio.run(run())


def test_without_limits_nothing_is_asked(tmp_path: Path) -> None:
    """A request with no limits touches neither Redis nor the disk."""

    async def run() -> None:
        meter = Meter.open(tmp_path, "redis://127.0.0.1:1/0", "one")
        async with closing(meter):
            scope = Scope("gateway", "", "This gateway", NO_LIMITS)
            assert await meter.enter("a", [scope], 10_000, NOON) is None
            await meter.leave("a", [scope], 10_000)
            assert not meter.degraded

    asyncio.run(run())
    assert list(tmp_path.iterdir()) == []


def test_counts_survive_a_restart(meters: Meters) -> None:
    """Another process goes on counting where the one before it stopped."""

    async def run() -> None:
        scope = key_scope(rpm=2, tpm=100)
        for name in ("one", "two"):
            async with closing(meters.open(name)) as meter:
                assert await passes(meter, scope)
        async with closing(meters.open("three")) as meter:
            assert not await passes(meter, scope)

    asyncio.run(run())


def test_windows_slide(meters: Meters) -> None:
    """Who has used up a limit may go on when the window has moved; here it is of 2 s."""

    async def run() -> None:
        async with closing(meters.open(item=short(2))) as meter:
            scope = key_scope(rpm=4)
            assert [await passes(meter, scope) for _ in range(5)] == [True] * 4 + [False]
            begun = asyncio.get_running_loop().time()
            await eventually("room", lambda: passes(meter, scope))
            assert 1.9 <= asyncio.get_running_loop().time() - begun < 4

    asyncio.run(run())


def test_retry_after_is_true(meters: Meters) -> None:
    """Just before the time that a refusal names there is no room, after it there is."""

    async def run() -> None:
        async with closing(meters.open(item=short(3))) as meter:
            scope = key_scope(tpm=100)
            assert await passes(meter, scope, 80)
            loop = asyncio.get_running_loop()
            refusal = await meter.enter("b", [scope], 50, NOON)
            asked = loop.time()
            # 80 * x / 3 < 51 must hold in the next window: 4.0875 s after this one began.
            assert refusal is not None
            assert refusal.retry_after == 5
            await eventually("room", lambda: passes(meter, scope, 50))
            assert 4.0 <= loop.time() - asked <= 4.4

    asyncio.run(run())


@settings(deadline=None)
@given(
    st.integers(1, 50),
    st.lists(st.tuples(st.integers(1, 50), st.floats(0, 100)), max_size=20),
    st.integers(1, 50),
)
def test_the_wait_is_neither_too_long_nor_too_short(
    limit: int, before: list[tuple[int, float]], amount: int
) -> None:
    """Whatever came before: after the wait there is room, a moment earlier there is none."""

    async def run() -> None:
        now = 1000.0
        place = FilePlace(None, clock=lambda: now)

        async def enters(cost: int, most: int = limit) -> bool:
            return await place.windows.acquire_sliding_window_entry("k", most, 60, cost)

        for cost, pause in before:
            await enters(cost, most=limit * 2)  # answers go above a limit
            now += pause
        cost = min(amount, limit)
        found = Windows(*await place.windows.get_sliding_window("k", 60))
        left = wait(found, limit, 60, cost)
        assert (left == 0) >= fits(found, limit, 60, cost)
        start = now
        if left > 0.01:
            now = start + left - 0.005
            assert not await enters(cost)
        now = start + left + 0.005
        assert await enters(cost)
        await place.close()

    asyncio.run(run())


@pytest.mark.parametrize(("back", "room"), [(0.5, False), (60.0, False), (3600.0, True)])
def test_a_clock_that_is_set_back_locks_nobody_out(tmp_path: Path, back: float, room: bool) -> None:
    """A clock that is corrected opens no hole; windows from the far future count no more."""

    async def run() -> None:
        now = 100_000.0
        async with closing(Meters(tmp_path, "").open(clock=lambda: now)) as meter:
            scope = key_scope(rpm=2)
            assert [await passes(meter, scope) for _ in range(3)] == [True, True, False]
            now -= back
            assert await passes(meter, scope) is room

    asyncio.run(run())


def everything(meters: Meters) -> bytes:
    """All that is stored: the names in Redis, or the files."""
    if meters.redis_url:
        with redis.Redis.from_url(meters.redis_url) as client:
            return b" ".join(client.scan_iter())
    return b" ".join(path.read_bytes() for path in meters.home.glob("limits.db*"))


def test_counters_name_nobody(meters: Meters) -> None:
    """Neither Redis nor the file has an end user's name in it."""

    async def run() -> None:
        async with closing(meters.open()) as meter:
            limits = key_scope(rpm=5, tpm=500, parallel=5).limits
            scope = Scope("end_user", "hanako@example.com", "This user", limits)
            assert await meter.enter("a", [scope], 1, NOON) is None
            stored = everything(meters)
            assert b"sekisho:" in stored or b"LIMITER" in stored
            assert b"hanako" not in stored

    asyncio.run(run())


@pytest.mark.parametrize("url", ["http://redis:6379", "redis://:hun/ter2@redis:6379/0"])
def test_a_wrong_redis_url_is_told_without_its_password(url: str) -> None:
    """One line that says which variable and how to write it."""
    with pytest.raises(KeysError) as raised:
        RedisPlace(url)
    assert str(raised.value) == (
        "SEKISHO_REDIS_URL is no URL of a Redis; write redis://host:6379/0, or "
        "rediss://user:password@host:6379/0 with odd characters as %40 and the like"
    )
