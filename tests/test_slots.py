"""Requests at once: the same promises for the file and for Redis."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sekisho.keys.identity import Quota
from sekisho.keys.rates.meter import Meter
from sekisho.keys.rates.places import FilePlace, RedisPlace
from sekisho.keys.rates.slots import Slot, Slots

from .meters import NOON, Meters, eventually, key_scope, team_scope


@pytest.fixture(params=["file", "redis"])
def meters(request: pytest.FixtureRequest, tmp_path: Path) -> Meters:
    """Meters that count in a file, and in Redis."""
    return Meters.at(request, tmp_path)


async def enters(meter: Meter, name: str) -> bool:
    """Whether the request gets one of the key's two slots."""
    return await meter.enter(name, [key_scope(parallel=2)], 1, NOON) is None


def test_so_many_run_at_once(meters: Meters) -> None:
    """Two may run; the third is refused until one of them has ended."""

    async def run() -> None:
        meter, scopes = meters.open(), [key_scope(parallel=2)]
        answers = await asyncio.gather(*(enters(meter, f"{n}") for n in range(5)))
        assert sorted(answers) == [False, False, False, True, True]
        refusal = await meter.enter("x", scopes, 1, NOON)
        assert refusal is not None
        assert refusal.message == (
            "This key may have 2 requests running at once; try again when one of them has ended."
        )
        assert (refusal.status, refusal.reason) == (429, "too_many_at_once")
        assert refusal.openai_code == "parallel_limit_exceeded"
        assert refusal.retry_after == 1
        assert refusal.quota == Quota("parallel", "2", NOON.replace(second=1))
        await meter.leave(str(answers.index(True)), scopes, 0)
        assert await enters(meter, "y")
        assert not await enters(meter, "z")
        await meter.close()

    asyncio.run(run())


def test_leaving_twice_frees_one_slot(meters: Meters) -> None:
    """A request that ends twice, or that was never let in, gives nobody else's slot away."""

    async def run() -> None:
        meter, scopes = meters.open(), [key_scope(parallel=2)]
        assert await enters(meter, "a")
        assert await enters(meter, "b")
        for name in ("a", "a", "never"):
            await meter.leave(name, scopes, 0)
        assert await enters(meter, "c")
        assert not await enters(meter, "d")
        await meter.close()

    asyncio.run(run())


def test_a_wider_scope_without_room_takes_none_of_the_narrower(meters: Meters) -> None:
    """Slots of all scopes are taken together or not at all."""

    async def run() -> None:
        meter = meters.open()
        key, team = key_scope(parallel=2), team_scope(parallel=1)
        assert await meter.enter("a", [team], 1, NOON) is None
        refusal = await meter.enter("b", [key, team], 1, NOON)
        assert refusal is not None
        assert refusal.message.startswith("The team research may have 1 request running at once")
        assert await enters(meter, "c")
        assert await enters(meter, "d")
        await meter.close()

    asyncio.run(run())


def test_an_end_in_order_frees_all_slots(meters: Meters) -> None:
    """A process that closes its meter leaves no slots behind for a minute."""

    async def run() -> None:
        first = meters.open("first")
        assert await enters(first, "a")
        assert await enters(first, "b")
        await first.close()
        second = meters.open("second")
        assert await enters(second, "a")
        assert await enters(second, "b")
        await second.close()

    asyncio.run(run())


def test_a_long_request_keeps_its_slot(meters: Meters) -> None:
    """Renewed leases outlive their first end, those of a process without beat don't."""

    async def run() -> None:
        alive, hung = meters.open("alive", lease=0.5), meters.open("hung", lease=0.5)
        assert await enters(alive, "a")
        assert await enters(hung, "b")
        other = meters.open("other", lease=0.5)

        async def a_slot_is_free() -> bool:
            await alive.beat()
            return await enters(other, "c")

        assert not await a_slot_is_free()
        await eventually("the end of the hung process's lease", a_slot_is_free)
        end = asyncio.get_running_loop().time() + 1
        while asyncio.get_running_loop().time() < end:
            await alive.beat()
            await other.beat()
            assert not await enters(other, "d")
            await asyncio.sleep(0.05)
        for meter in (alive, hung, other):
            await meter.close()

    asyncio.run(run())


def test_a_cancelled_request_leaves_no_slot(meters: Meters) -> None:
    """A client that goes away while its request is let in holds no slot."""

    async def run() -> None:
        meter = meters.open()
        for turns in range(12):  # cancelled at every point of its way in
            task = asyncio.ensure_future(enters(meter, "gone"))
            for _ in range(turns):
                await asyncio.sleep(0)
            if not task.cancel():
                await meter.leave("gone", [key_scope(parallel=2)], 0)
            await asyncio.gather(task, return_exceptions=True)

        async def both_free() -> bool:
            both = [await enters(meter, name) for name in ("a", "b")]
            for name in ("a", "b"):
                await meter.leave(name, [], 0)
            return all(both)

        await eventually("two free slots", both_free, seconds=20)
        await meter.close()

    asyncio.run(run())


DIES = """
import asyncio, sys, time
from pathlib import Path
from tests.meters import Meters
from tests.test_slots import enters

async def run():
    meter = Meters(Path(sys.argv[1]), sys.argv[2]).open("dies", lease=1.0)
    print(await enters(meter, "a"), await enters(meter, "b"), flush=True)
    time.sleep(60)

asyncio.run(run())
"""


def test_a_killed_process_holds_no_slots(meters: Meters) -> None:
    """The slots of a process that was killed are free after the lease, and not before it."""

    command = [sys.executable, "-c", DIES, str(meters.home), meters.redis_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True True\n"
        process.send_signal(signal.SIGKILL)

    async def run() -> None:
        meter = meters.open("lives", lease=1.0)
        assert not await enters(meter, "c")
        await eventually("a free slot", lambda: enters(meter, "c"), seconds=5)
        await meter.close()

    asyncio.run(run())


def test_what_is_held_is_put_back(meters: Meters) -> None:
    """A place that has forgotten everything learns from `hold` who is running."""

    async def run() -> None:
        place = (
            RedisPlace(meters.redis_url)
            if meters.redis_url
            else FilePlace(meters.home / "limits.db")
        )
        slots: Slots = place.slots
        one = Slot("one", 1)
        await slots.hold({})
        await slots.hold({"a": [one], "b": [Slot("two", 5)]})
        assert await slots.take("c", [Slot("two", 5), one]) == one
        await slots.free("a", [one])
        assert await slots.take("c", [one]) is None
        await place.close()

    asyncio.run(run())


def test_a_clock_that_is_set_back_frees_dead_slots(tmp_path: Path) -> None:
    """Leases that would end in an hour count for nobody; those who live renew theirs."""

    async def run() -> None:
        now = 100_000.0
        meter = Meters(tmp_path, "").open(clock=lambda: now)
        assert await enters(meter, "a")
        assert await enters(meter, "b")
        now -= 3600
        await meter.beat()
        assert not await enters(meter, "c")
        dead = Meters(tmp_path, "").open("two", clock=lambda: now)
        await meter.leave("a", [], 0)
        assert await enters(dead, "c")
        now -= 3600
        await meter.beat()
        assert await enters(meter, "d")
        await dead.close()
        await meter.close()

    asyncio.run(run())
