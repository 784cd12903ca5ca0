"""The request process: `python -m benchmarks.lake.process` logs as many requests as it is told.

It reads a `Plan` as a line of JSON, makes the requests, writes `ready`, and begins. With `acks` it
writes a byte for each request that is logged; at the end a `Found` as a line of JSON.
"""

import asyncio
import gc
import importlib
import json
import os
import sys
import time
from array import array
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

from ..overhead.stats import percentile
from .loggers import LITELLM, Place, ended, logger
from .requests import Made, made

_TICK = 0.005  # seconds between two looks at the event loop
_SETTLED = 0.2  # of the requests come before memory is looked at first
_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20
ACK = b"."
_MADE = 3_000  # different requests; then they come again


@dataclass(frozen=True, slots=True)
class Plan:
    """What to log, how fast, and where; `per_second` 0 is as fast as it goes."""

    kind: str
    requests: int
    per_second: float
    seed: int
    place: Place
    days_ago: int = 0  # of the requests' clock
    acks: bool = False
    finish: bool = True  # wait at the end until everything is stored
    watch: bool = False  # how late the event loop is, which takes CPU of its own


@dataclass(frozen=True, slots=True)
class Found:
    """CPU of the whole process in seconds, the making of requests taken off, the longest stall of
    its loop in milliseconds, the 99th percentile of what a request waits for its log in
    microseconds, and by how many MiB memory grew from the first fifth of the requests to the last.
    """

    requests: int
    cpu_s: float
    stall_ms: float
    wait_p99_us: float
    grown_mb: float
    grown_over: int


async def _run(plan: Plan, requests: Sequence[Made]) -> Found:
    writer = logger(plan.kind, plan.place)
    watch = _Watch()
    watching = asyncio.create_task(watch.run() if plan.watch else asyncio.sleep(0))
    await asyncio.sleep(0.3)
    watch.longest = 0.0
    waits = array("d")
    first, early = int(plan.requests * _SETTLED), 0.0
    making = 0.0
    cpu, start = time.process_time(), time.perf_counter()
    for number, one in zip(range(plan.requests), cycle(requests), strict=False):
        due = start + number / plan.per_second if plan.per_second else start
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        making -= time.thread_time()
        known = ended(one, plan.days_ago)
        making += time.thread_time()
        begun = time.perf_counter()
        await writer.log(known)
        waits.append(time.perf_counter() - begun)
        if plan.acks:
            os.write(1, ACK)
        if number == first:
            early = _memory_mb()
    late = _memory_mb()
    if plan.finish:
        await writer.end()
    used = time.process_time() - cpu - making
    watching.cancel()
    return Found(
        requests=plan.requests,
        cpu_s=used,
        stall_ms=watch.longest * 1000,
        wait_p99_us=percentile(waits, 99) * 1e6,
        grown_mb=late - early,
        grown_over=plan.requests - first,
    )


class _Watch:
    """How late the event loop gets to what is due."""

    longest = 0.0

    async def run(self) -> None:
        due = time.perf_counter() + _TICK
        while True:
            await asyncio.sleep(_TICK)
            now = time.perf_counter()
            self.longest = max(self.longest, now - due)
            due = now + _TICK


def _memory_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_MB


def _main() -> None:
    words: dict[str, Any] = json.loads(sys.stdin.readline())
    plan = Plan(place=Place(**words.pop("place")), **words)
    requests = [*made(min(plan.requests, _MADE), plan.seed)]
    if plan.kind in LITELLM:
        importlib.import_module("litellm")  # before the clock runs, as in a gateway
    gc.collect()
    gc.freeze()
    print("ready", flush=True)
    found = asyncio.run(_run(plan, requests))
    print("\n" + json.dumps(asdict(found)), flush=True)
    os._exit(0)  # LiteLLM's threads and tasks have no say in it


if __name__ == "__main__":
    _main()
