"""Budgets, revocation and limits under load: one worker, four, two machines, and kill -9."""

import asyncio
import time
from collections.abc import Iterator
from decimal import Decimal

import httpx
import pytest

from .gateway import Gateway, until
from .installations import CHAT, COST, Installation, request
from .simulators import Simulator

FIFTY = COST * 50

pytestmark = pytest.mark.serial


# Two machines have all that one has, and more; four workers take most of a minute to start on a
# small one: `make test-outage` has both.
_LONG = [pytest.param(place, marks=pytest.mark.long) for place in ("one worker", "four workers")]


@pytest.fixture(scope="module", params=["two machines", *_LONG])
def place(
    request: pytest.FixtureRequest, clouds: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """Each kind of installation, one after the other."""
    homes = [tmp_path_factory.mktemp("machine") for _ in range(2)]
    if request.param == "two machines":
        servers = request.getfixturevalue("postgres"), request.getfixturevalue("redis_server")
        with Installation.start(clouds, homes, servers=servers) as running:
            yield running
        return
    workers = 4 if request.param == "four workers" else 1
    with Installation.start(clouds, homes[:1], workers) as running:
        yield running


def test_a_budget_for_fifty(place: Installation) -> None:
    """Of 200 requests at once on a budget for 50 nearly 50 are answered, and never more."""
    key = place.issue("fifty", budget=f"{FIFTY}/day")
    statuses = asyncio.run(place.flood(key, 200, request(slow=0.2)))
    assert set(statuses) == {200, 429}
    assert 45 <= statuses.count(200) <= 50
    place.until_settled("fifty")
    assert place.recorded("fifty") == COST * statuses.count(200) <= FIFTY
    assert place.spent("fifty") == (place.recorded("fifty"), Decimal(0))
    with place.gateways[0].client(key) as client:
        refused = client.post(CHAT, json=request())
    assert refused.status_code == 429
    assert refused.headers["x-should-retry"] == "false"
    assert refused.json()["error"]["code"] == "insufficient_quota"
    assert "USD per day" in refused.json()["error"]["message"]


def test_two_at_once(place: Installation) -> None:
    """A key for two requests at once has two running, however many workers and machines serve."""
    key = place.issue("pair", parallel="2")

    async def eight() -> list[httpx.Response]:
        headers = {"authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(headers=headers, timeout=60) as client:
            asked = [
                client.post(
                    place.gateways[n % len(place.gateways)].url + CHAT, json=request(slow=4)
                )
                for n in range(8)
            ]
            return await asyncio.gather(*asked)

    answers = asyncio.run(eight())
    assert sorted(answer.status_code for answer in answers) == [200] * 2 + [429] * 6
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["error"]["code"] == "parallel_limit_exceeded"
    assert refused.headers["retry-after"] == "1"
    again = asyncio.run(place.flood(key, 2, request()))
    assert again == [200, 200]


def test_requests_a_minute(place: Installation) -> None:
    """A key for 20 requests a minute has 20 of 60, wherever they arrive."""
    key = place.issue("slowly", rpm="20")
    statuses = asyncio.run(place.flood(key, 60, request(), patience=0))
    assert statuses.count(200) == 20
    assert statuses.count(429) == 40


def test_a_team_and_tags(place: Installation) -> None:
    """A key's team and tags are in each of its rows."""
    key = place.issue("tagged", team="research", tag="cost-centre:42")
    assert asyncio.run(place.flood(key, 1, request())) == [200]
    row = until("the row", lambda: place.rows("tagged"))[0]
    assert (row.team, row.tags) == ("research", ("cost-centre:42",))


def test_revoked_during_load(place: Installation) -> None:
    """The last request of a revoked key is let in at most 1 s later, 5 s on two machines."""
    key = place.issue("going")
    promise = 5.0 if len(place.gateways) > 1 else 1.0
    accepted: list[float] = []

    async def load(client: httpx.AsyncClient, gateway: Gateway, ends: list[float]) -> None:
        while not ends or time.monotonic() < ends[0]:
            began = time.monotonic()
            answer = await client.post(gateway.url + CHAT, json=request())
            assert answer.status_code in (200, 401)
            if answer.status_code == 200:
                accepted.append(began)

    async def scene() -> float:
        headers, ends = {"authorization": f"Bearer {key}"}, list[float]()
        async with httpx.AsyncClient(headers=headers, timeout=60) as client:
            loads = [
                asyncio.create_task(load(client, gateway, ends))
                for gateway in place.gateways
                for _ in range(6)
            ]
            await asyncio.to_thread(until, "load", lambda: len(accepted) >= 30)
            await asyncio.to_thread(place.gateways[0].keys, "revoke", "going")
            revoked = time.monotonic()
            ends.append(revoked + promise + 2)
            await asyncio.gather(*loads)
        return revoked

    revoked = asyncio.run(scene())
    assert max(accepted) - revoked <= promise


def test_kill_in_the_middle(place: Installation) -> None:
    """A worker or machine that is killed amid a flood takes no budget with it, and gives none.

    The last test of an installation.
    """
    key = place.issue("killed", budget=f"{FIFTY}/total")

    async def scene() -> list[int]:
        flood = asyncio.create_task(place.flood(key, 200, request(slow=0.3), patience=6))
        await asyncio.to_thread(until, "an answer", lambda: _answered(place))
        place.kill_a_worker()
        return await flood

    answered = asyncio.run(scene()).count(200)
    recorded = place.recorded("killed")
    assert answered <= recorded / COST <= 50  # a row is written before its client has the answer
    spent, held = place.spent("killed")
    assert recorded <= spent + held <= FIFTY  # what the dead one held is held for 60 s more
    if place.alive:  # other workers, or the other machine
        _spends_the_rest(place, key)
        return
    dead = place.gateways[0]
    with Gateway.start(dead.home, variables=dead.variables) as again:
        _spends_the_rest(Installation([again], place.database_url), key)


def _answered(place: Installation) -> bool:
    return any(row.status == "success" for row in place.rows("killed"))


def _spends_the_rest(place: Installation, key: str) -> None:
    """Ask again and again: the budget still holds."""
    statuses = asyncio.run(place.flood(key, 60, request(), patience=5))
    assert set(statuses) <= {200, 429}
    assert 0 < place.recorded("killed") <= FIFTY
