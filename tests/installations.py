"""Whole installations for tests: one worker, several, or two machines on one database and Redis."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
from sekisho.keys.store import Store
from sekisho.lake.record import Record
from sqlalchemy import text

from .gateway import Gateway, cloud_variables, sekisho, until
from .servers import Postgres, Redis
from .simulators import Simulator

CHAT = "/v1/chat/completions"

# What one such request costs with gpt-4.1 (2 USD for a million tokens in, 8 out):
# 20 x 0.000002 + 40 x 0.000008 USD.
COST = Decimal("0.00036")


def request(slow: float = 0.0) -> dict[str, Any]:
    """A request that costs `COST` and is answered after so many seconds."""
    words = f"[[sim:usage input=20 output=40]][[sim:slow {slow}]]"
    message = {"role": "user", "content": words}
    return {"model": "gpt-4.1", "max_tokens": 40, "messages": [message]}


@dataclass(slots=True)
class Installation:
    """Gateways that share their keys; `database_url` is where those are."""

    gateways: list[Gateway]
    database_url: str

    @classmethod
    @contextmanager
    def start(
        cls,
        clouds: Simulator,
        homes: list[Path],
        workers: int = 1,
        servers: tuple[Postgres, Redis] | None = None,
    ) -> Generator["Installation"]:
        """One gateway in each home; several of them need a database and a Redis to share."""
        url = servers[0].database() if servers else f"sqlite:///{homes[0] / 'keys.db'}"
        variables = {**cloud_variables(clouds), "SEKISHO_DATABASE_URL": url}
        if servers:
            variables["SEKISHO_REDIS_URL"] = servers[1].url
        with ThreadPoolExecutor() as pool, ExitStack() as stack:

            def start(home: Path) -> Gateway:
                options = ("--workers", str(workers))
                return stack.enter_context(Gateway.start(home, *options, variables=variables))

            yield cls(list(pool.map(start, homes)), url)

    @property
    def alive(self) -> list[Gateway]:
        """The gateways that still run."""
        return [gateway for gateway in self.gateways if gateway.process.poll() is None]

    def issue(self, alias: str, **options: str) -> str:
        """Issue a key that every gateway knows."""
        return self.gateways[0].issue(alias, **options)

    def spent(self, alias: str) -> tuple[Decimal, Decimal]:
        """What the database says a key has spent in all, and what is held of its budgets; USD."""
        with Store(self.database_url) as store:
            name = store.get(alias).identity.key_id
            with store.database.reading() as connection:
                spent, held = connection.execute(
                    text(
                        "SELECT coalesce(max(CASE WHEN \"window\" = 'total' THEN spent END), 0),"
                        " coalesce(max(reserved), 0) FROM sekisho_spend"
                        " WHERE scope = 'key' AND name = :name"
                    ),
                    {"name": name},
                ).one()
        return Decimal(spent).scaleb(-12), Decimal(held).scaleb(-12)

    def rows(self, alias: str) -> list[Record]:
        """The rows of a key that are in the gateways' spools: all, until a segment is shipped."""
        return [r for g in self.gateways for r in g.rows() if r.api_key_alias == alias]

    def recorded(self, alias: str) -> Decimal:
        """What the logs say that a key's requests cost in all, in USD."""
        cost = Decimal(0)
        for gateway in self.gateways:
            words = ("usage", "--by", "key", "--format", "json")
            answer = sekisho(gateway.home, *words, variables=gateway.variables)
            assert answer.code == 0, answer.err
            lines = json.loads(answer.out)
            cost += sum(Decimal(line["cost_usd"]) for line in lines if line["key"] == alias)
        return cost

    def until_settled(self, alias: str, seconds: float = 30.0) -> None:
        """Wait until the database knows the cost of every row of a key."""
        until(f"{alias}'s costs", lambda: self.spent(alias)[0] == self.recorded(alias) > 0, seconds)

    def kill_a_worker(self) -> None:
        """`kill -9` one process that serves: of several workers one, else the whole gateway."""
        gateway = self.gateways[-1]
        served = sorted(gateway.workers())
        os.kill(served[0] if served else gateway.process.pid, signal.SIGKILL)

    async def flood(
        self, key: str, count: int, body: dict[str, Any], patience: float = 60.0
    ) -> list[int]:
        """Send so many requests at once, each tried again as long as it may; their last status.

        A refusal that says `x-should-retry: false` is the last; 0 is a lost connection.
        """
        options = httpx.Limits(max_connections=None)
        end = time.monotonic() + patience
        alive = self.alive
        async with httpx.AsyncClient(timeout=60, limits=options) as client:

            async def ask(number: int) -> int:
                url = alive[number % len(alive)].url + CHAT
                headers = {"authorization": f"Bearer {key}"}
                while True:
                    try:
                        answer = await client.post(url, json=body, headers=headers)
                    except httpx.TransportError:
                        return 0
                    final = answer.headers.get("x-should-retry") == "false"
                    if answer.status_code != 429 or final or time.monotonic() > end:
                        return answer.status_code
                    await asyncio.sleep(0.2)

            return await asyncio.gather(*(ask(number) for number in range(count)))
