"""When Redis, or the file, is out of order: nobody waits long, limits hold as far as they can."""

import asyncio
import socket
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sekisho.keys.rates.meter import Meter

from .meters import NOON, Meters, eventually, key_scope
from .servers import Redis


@pytest.fixture
def mortal_redis() -> Iterator[Redis]:
    """A Redis that the test may stop."""
    with Redis.start() as server:
        yield server


async def enters(meter: Meter, name: str, *, rpm: int = 5, parallel: int = 2) -> bool:
    """Whether a request may pass; it goes on running."""
    return await meter.enter(name, [key_scope(rpm=rpm, parallel=parallel)], 1, NOON) is None


def levels(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The levels of all lines, in order."""
    return [r.levelname for r in caplog.records if r.name == "sekisho.limits"]


def delete(home: Path) -> None:
    """Delete the file, as somebody does who cleans up."""
    for path in home.glob("limits.db*"):
        path.unlink()


def test_redis_stops_and_comes_back(
    mortal_redis: Redis, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Limits hold on this machine meanwhile, running requests are known all the time, and each
    change is told once.
    """

    async def run() -> None:
        meter = Meter.open(home, mortal_redis.url, "one")
        assert await enters(meter, "a")
        assert levels(caplog) == []
        mortal_redis.stop()
        assert await enters(meter, "b")
        assert meter.degraded
        await meter.beat()  # by now, at the latest, the file knows of "a", too
        assert not await enters(meter, "c")
        await meter.leave("a", [], 0)
        assert await enters(meter, "d")
        assert levels(caplog) == ["CRITICAL"]
        assert "in Redis" in caplog.messages[0]
        assert "each machine for itself" in caplog.messages[0]
        mortal_redis.start_again()

        async def healed() -> bool:
            return not meter.degraded

        await eventually("a meter on Redis", healed)
        assert not await enters(meter, "e")  # an empty Redis has been told of "b" and "d"
        await meter.leave("b", [], 0)
        assert await enters(meter, "f")
        assert levels(caplog) == ["CRITICAL", "WARNING"]
        assert caplog.messages[1] == "limits are counted in Redis again"
        await meter.close()

    asyncio.run(run())


def test_a_restarted_redis_is_no_trouble(mortal_redis: Redis, home: Path) -> None:
    """Connections that a restart has cut are made anew before anybody notices."""

    async def run() -> None:
        meter = Meter.open(home, mortal_redis.url, "one")
        answers = await asyncio.gather(*(enters(meter, f"{n}", rpm=99, parallel=99) for n in "abc"))
        assert answers == [True] * 3
        mortal_redis.stop()
        mortal_redis.start_again()
        assert await enters(meter, "d")
        assert not meter.degraded
        await meter.beat()
        assert not await enters(meter, "e", parallel=4)  # the beat has put "a" to "c" back
        await meter.close()

    asyncio.run(run())


def test_a_redis_that_never_answers_is_given_up_at_once(home: Path) -> None:
    """The first requests wait about a second for it, and no later one does."""

    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as mute:
            url = f"redis://127.0.0.1:{mute.getsockname()[1]}/0"
            meter = Meter.open(home, url, "one")
            begun = time.monotonic()
            crowd = (enters(meter, f"{n}", rpm=50, parallel=99) for n in range(60))
            answers = await asyncio.gather(*crowd)
            assert time.monotonic() - begun < 3
            assert answers.count(True) == 50
            begun = time.monotonic()
            assert not await enters(meter, "later", rpm=50, parallel=99)
            assert time.monotonic() - begun < 0.5
            await meter.close()

    asyncio.run(run())


def test_a_broken_file_is_told_and_heals(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With a file that is none, a worker counts for itself until somebody takes the file away."""
    file = home / "limits.db"
    file.write_text("This is not a database, but long enough to be taken for one." * 20)

    async def run() -> None:
        meter = Meter.open(home, "", "one")
        assert [await enters(meter, name) for name in "abc"] == [True, True, False]
        assert meter.degraded
        assert caplog.messages == [
            f"limits can't be counted in {file} (file is not a database); they are in memory, by "
            "each worker for itself"
        ]
        file.unlink()

        async def healed() -> bool:
            return not meter.degraded

        await eventually("a meter on the file", healed)
        assert not await enters(meter, "d")
        assert levels(caplog) == ["CRITICAL", "WARNING"]
        await meter.close()

    asyncio.run(run())


def test_a_locked_file_stops_nobody(home: Path) -> None:
    """While another program holds the file, requests go on after half a second."""

    async def run() -> None:
        meter = Meter.open(home, "", "one")
        assert await enters(meter, "a")
        other = sqlite3.connect(home / "limits.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        begun = time.monotonic()
        assert await enters(meter, "b")
        assert time.monotonic() - begun < 1.5
        assert meter.degraded
        other.close()
        await meter.close()

    asyncio.run(run())


def test_a_deleted_file_parts_nobody_for_long(home: Path) -> None:
    """After their next beat processes count together again, running requests included."""

    async def run() -> None:
        one, two = (Meters(home, "").open(name) for name in ("one", "two"))
        assert await enters(one, "a")
        delete(home)
        await one.beat()
        await two.beat()
        assert await enters(two, "b")
        assert not await enters(one, "c")
        assert not one.degraded
        await one.close()
        await two.close()

    asyncio.run(run())


def test_the_file_is_nobody_elses(home: Path) -> None:
    """Only our user may read or write it, also when it was there already."""
    folder = home / "new"

    async def run() -> None:
        meter = Meter.open(folder, "", "one")
        assert await enters(meter, "a")
        modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
        assert modes == {"limits.db": 0o600, "limits.db-wal": 0o600, "limits.db-shm": 0o600}
        await meter.close()

    asyncio.run(run())


def test_what_is_over_is_swept_away(home: Path) -> None:
    """A beat deletes counters that nobody has used for two minutes: the file stays small."""

    async def run() -> None:
        now = 1000.0
        meter = Meters(home, "").open(clock=lambda: now)
        assert await enters(meter, "a")
        await meter.leave("a", [], 0)
        now += 121
        await meter.beat()
        reader = sqlite3.connect(home / "limits.db")
        assert reader.execute("SELECT count(*) FROM windows").fetchone() == (0,)
        assert reader.execute("SELECT count(*) FROM slots").fetchone() == (0,)
        reader.close()
        await meter.close()

    asyncio.run(run())
