"""PostgreSQL, Redis and workers go away under load: who is let in, and what it has cost."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from sekisho.keys.budgets.outbox import Outbox

from .gateway import Gateway, cloud_variables, sekisho, until
from .installations import CHAT, COST, Installation, request
from .servers import Postgres, Redis
from .simulators import Simulator

pytestmark = pytest.mark.serial


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Postgres, Redis]]:
    """A database and a Redis that other tests don't need."""
    with Postgres.start() as postgres, Redis.start() as redis:
        yield postgres, redis


@pytest.fixture(scope="module")
def place(
    servers: tuple[Postgres, Redis], clouds: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """One gateway with two workers on them."""
    homes = [tmp_path_factory.mktemp("outage")]
    with Installation.start(clouds, homes, workers=2, servers=servers) as running:
        yield running


@dataclass
class Load:
    """Requests of several keys, sent until it is stopped; the answers' statuses by key."""

    gateway: Gateway
    keys: dict[str, str]
    stop: bool = False
    seen: dict[str, list[int]] = field(default_factory=dict[str, list[int]])

    async def run(self) -> None:
        """Send with every key at once, one request after the other."""
        async with httpx.AsyncClient(timeout=30) as client:
            await asyncio.gather(*(self._send(client, name) for name in self.keys))

    async def _send(self, client: httpx.AsyncClient, name: str) -> None:
        headers = {"authorization": f"Bearer {self.keys[name]}"}
        statuses = self.seen.setdefault(name, [])
        while not self.stop:
            answer = await client.post(self.gateway.url + CHAT, json=request(), headers=headers)
            statuses.append(answer.status_code)


def _readiness(gateway: Gateway) -> dict[str, str]:
    """What readiness tells; one worker of two answers."""
    answer = httpx.get(gateway.url + "/health/readiness", timeout=10)
    assert answer.status_code == 200
    found: dict[str, str] = answer.json()
    return found


@pytest.mark.parametrize("seconds", [6, pytest.param(60, marks=pytest.mark.long)])
def test_without_postgresql(
    place: Installation, servers: tuple[Postgres, Redis], seconds: int
) -> None:
    """Known keys go on, others are refused, no cost is lost, and nothing must be restarted."""
    gateway, database = place.gateways[0], servers[0]
    names = {name: f"{name}-{seconds}" for name in ("plain", "budgeted", "unused")}
    keys = {
        names["plain"]: place.issue(names["plain"]),
        names["budgeted"]: place.issue(names["budgeted"], budget="100/day"),
    }
    unused = place.issue(names["unused"])
    stranger = "sk-sekisho-AbCd1234-" + "x" * 43
    asyncio.run(_warm_up(gateway, keys, 16))

    async def scene() -> Load:
        load = Load(gateway, keys)
        running = asyncio.create_task(load.run())
        await asyncio.to_thread(database.stop)
        for statuses in load.seen.values():
            statuses.clear()
        end = time.monotonic() + seconds
        async with httpx.AsyncClient(timeout=30) as client:
            for name, refused in (("unused", (503,)), ("stranger", (401, 503))):
                secret = unused if name == "unused" else stranger
                headers = {"authorization": f"Bearer {secret}"}
                answer = await client.post(gateway.url + CHAT, json=request(), headers=headers)
                assert answer.status_code in refused
            await asyncio.to_thread(until, "the end", lambda: time.monotonic() > end, seconds + 9)
        told = await asyncio.to_thread(_readiness, gateway)
        assert told["status"] == "degraded"
        assert "known keys work for" in told["detail"]
        await asyncio.to_thread(database.start_again)
        await asyncio.to_thread(until, "health", lambda: _healthy(gateway), 20)
        load.stop = True
        await running
        return load

    load = asyncio.run(scene())
    for name, statuses in load.seen.items():
        assert set(statuses) == {200}, name
        assert len(statuses) > seconds, name
        place.until_settled(name)
        assert place.recorded(name) >= COST * len(statuses)
    later = httpx.post(
        gateway.url + CHAT, json=request(), headers={"authorization": f"Bearer {unused}"}
    )
    assert later.status_code == 200


@pytest.mark.long
def test_while_postgresql_hangs(place: Installation, servers: tuple[Postgres, Redis]) -> None:
    """A database that accepts connections and never answers is one that is away, and heals."""
    gateway, database = place.gateways[0], servers[0]
    keys = {
        "hung": place.issue("hung"),
        "hung-budgeted": place.issue("hung-budgeted", budget="100/day"),
    }
    unused = {"authorization": f"Bearer {place.issue('hung-unused')}"}
    asyncio.run(_warm_up(gateway, keys, 16))

    async def scene() -> Load:
        load = Load(gateway, keys)
        running = asyncio.create_task(load.run())
        database.pause()
        try:
            end = time.monotonic() + 12
            async with httpx.AsyncClient(timeout=30) as client:
                answer = await client.post(gateway.url + CHAT, json=request(), headers=unused)
                assert answer.status_code == 503
            await asyncio.to_thread(until, "both to notice", lambda: _degraded(gateway), 14)
            await asyncio.to_thread(until, "the end", lambda: time.monotonic() > end, 15)
        finally:
            database.resume()
        await asyncio.to_thread(until, "health", lambda: _healthy(gateway), 20)
        load.stop = True
        await running
        return load

    load = asyncio.run(scene())
    for name, statuses in load.seen.items():
        assert set(statuses) == {200}, name
        assert len(statuses) > 12, name
        place.until_settled(name)
        assert place.recorded(name) >= COST * len(statuses)
    assert httpx.post(gateway.url + CHAT, json=request(), headers=unused).status_code == 200


@pytest.mark.long
def test_a_gateway_stops_while_postgresql_hangs(
    servers: tuple[Postgres, Redis], clouds: Simulator, home: Path
) -> None:
    """SIGTERM ends it in order after the drain; the costs of the last requests wait on disk."""
    database = servers[0]
    variables = {
        **cloud_variables(clouds),
        "SEKISHO_DATABASE_URL": database.database(),
        "SEKISHO_DRAIN_SECONDS": "3",
    }
    with Gateway.start(home, variables=variables) as gateway:
        key, other = gateway.issue("last", budget="5/day"), gateway.issue("other")
        gateway.keys("revoke", "other")
        # When it has seen the last change of a key it keeps what it learns of the others.
        until("the last change", lambda: _is_refused(gateway, other), 15)
        with gateway.client(key) as client:
            assert client.post(CHAT, json=request()).status_code == 200
            database.pause()
            try:
                assert client.post(CHAT, json=request()).status_code == 200
                gateway.process.terminate()
                assert gateway.process.wait(3 + 15) == 0
            finally:
                database.resume()
    outbox = Outbox(home / "spend.db")
    assert outbox.waiting() >= 1
    outbox.close()
    assert "Traceback" not in gateway.log()


def _is_refused(gateway: Gateway, key: str) -> bool:
    with gateway.client(key) as client:
        return client.get("/v1/models").status_code == 401


async def _warm_up(gateway: Gateway, keys: dict[str, str], times: int) -> None:
    """Let every worker see every key: connections are given to either."""
    for key in keys.values():
        for _ in range(times):
            async with httpx.AsyncClient(headers={"authorization": f"Bearer {key}"}) as client:
                await client.get(gateway.url + "/v1/models")


def _degraded(gateway: Gateway) -> bool:
    """Whether both workers say so, as far as eight questions tell."""
    return all(_readiness(gateway)["status"] == "degraded" for _ in range(8))


def _healthy(gateway: Gateway) -> bool:
    """Whether both workers say so, as far as eight questions tell."""
    return all(_readiness(gateway)["status"] == "healthy" for _ in range(8))


@pytest.mark.long
def test_what_a_dead_worker_held(place: Installation) -> None:
    """What a killed worker held of budgets and places is free after 60 s, and not before 40."""
    key = place.issue("orphaned", budget="1/day", parallel="4")
    gateway = place.gateways[0]

    async def scene() -> None:
        slow = asyncio.create_task(place.flood(key, 4, request(slow=30)))
        await asyncio.to_thread(until, "what is held", lambda: place.spent("orphaned")[1] > 0)
        for worker in gateway.workers():
            os.kill(worker, signal.SIGKILL)
        assert await slow == [0] * 4

    asyncio.run(scene())
    killed = time.monotonic()
    until("other workers", lambda: _answers(gateway), 90)
    assert place.spent("orphaned")[1] > 0
    until("nothing to be held", lambda: place.spent("orphaned")[1] == 0, 75)
    assert time.monotonic() - killed > 40
    assert asyncio.run(place.flood(key, 4, request())) == [200] * 4


def _answers(gateway: Gateway) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(gateway.url + "/health/readiness", timeout=5).status_code == 200
    return False


def test_without_redis(place: Installation, servers: tuple[Postgres, Redis]) -> None:
    """Without Redis limits hold on each machine, requests go on, and it is used again later."""
    gateway, redis = place.gateways[0], servers[1]
    key = place.issue("limited", rpm="30")
    redis.stop()
    try:
        assert asyncio.run(place.flood(key, 3, request())) == [200] * 3
        statuses = asyncio.run(place.flood(key, 60, request(), patience=0))
        assert statuses.count(200) == 27
        assert "Redis" in gateway.log()
        found = sekisho(gateway.home, "doctor", variables=gateway.variables)
        assert "Redis can't be used" in found.out
    finally:
        redis.start_again()

    def shared() -> bool:
        return asyncio.run(place.flood(key, 1, request(), patience=0)) == [200]

    until("Redis to count", shared, 15)  # it is empty, so it lets in what the file would refuse
