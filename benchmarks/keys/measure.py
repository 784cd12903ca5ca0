"""The measurements: CPU of a check, and how long commands take as a person waits for them."""

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from sekisho.keys.budgets.windows import windows_of
from sekisho.keys.check import Keyring
from sekisho.keys.identity import Identity
from sekisho.keys.limits import Limits
from sekisho.keys.row import Issued, NewKey
from sekisho.keys.store import Store
from sekisho.keys.tables import spend
from sqlalchemy import insert

_CACHED_CHECKS = 20_000
_UNCACHED_CHECKS = 2_000
_BATCH = 10_000


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one database: CPU in milliseconds for each check, the median wait for each command."""

    database: str
    cached_ms: float
    uncached_ms: float
    uncached_wait_ms: float
    commands_s: dict[str, float]


def commands(keys: int) -> dict[str, tuple[str, ...]]:
    """What is typed, by what the table calls it."""
    alias = f"user-{keys // 2:06}"
    return {
        "keys list (the first 100)": ("list",),
        "keys list --find": ("list", "--find", alias[:-1]),
        "keys list --team": ("list", "--team", "team-7"),
        "keys show ALIAS": ("show", alias),
        "keys budgets": ("budgets",),
    }


def run(name: str, url: str, home: Path, keys: int, rounds: int) -> Figures:
    """Fill an empty store with `keys` keys, and measure."""
    with Store(url) as store:
        issued = _fill(store, keys)
        _spend(store)
        cached, uncached, wait = asyncio.run(_checks(store, [one.key for one in issued]))
    waits = {
        title: statistics.median(_wait(words, url, home) for _ in range(rounds))
        for title, words in commands(keys).items()
    }
    return Figures(name, cached * 1e3, uncached * 1e3, wait * 1e3, waits)


def _fill(store: Store, keys: int) -> list[Issued]:
    """Keys as a company has them; returns as many as the measurements need."""
    found: list[Issued] = []
    for start in range(0, keys, _BATCH):
        entries = [
            NewKey(
                alias=f"user-{number:06}",
                kind="person",
                owner=f"user-{number:06}@example.com",
                team=f"team-{number % 100}",
                models=("claude-*", "gpt-5*"),
                limits=Limits(rpm=60, budget_month=Decimal(50)),
            )
            for number in range(start, min(start + _BATCH, keys))
        ]
        issued = store.issue_many(entries, by="benchmark", now=datetime.now(UTC))
        found = found or issued[:_UNCACHED_CHECKS]
    return found


def _spend(store: Store) -> None:
    """What a fifth of the keys have spent today, this month and in all, each something else."""
    ids = [row.identity.key_id for row in store.list()][::5]
    windows = windows_of(datetime.now(UTC), ZoneInfo("UTC"))
    rows = [
        {"scope": "key", "name": key_id, "window": w, "spent": number * 10**9, "reserved": 0}
        for number, key_id in enumerate(ids)
        for w in windows
    ]
    with store.database.writing() as connection:
        connection.execute(insert(spend), rows)


async def _checks(store: Store, keys: Sequence[str]) -> tuple[float, float, float]:
    """CPU seconds for a check that is cached, and one that isn't; seconds that the latter takes."""
    ring, now = Keyring(store), datetime.now(UTC)
    cpu, clock = time.process_time(), time.perf_counter()
    for key in keys:
        assert isinstance(await ring.check(key, now), Identity)
    uncached, wait = time.process_time() - cpu, time.perf_counter() - clock
    cpu = time.process_time()
    for number in range(_CACHED_CHECKS):
        await ring.check(keys[number % len(keys)], now)
    cached = (time.process_time() - cpu) / _CACHED_CHECKS
    return cached, uncached / len(keys), wait / len(keys)


def _wait(words: Sequence[str], url: str, home: Path) -> float:
    """Seconds from the start of a command to its end."""
    environment = {**os.environ, "SEKISHO_HOME": str(home), "SEKISHO_DATABASE_URL": url}
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "sekisho", "keys", *words],
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=home,
    )
    return time.perf_counter() - started
