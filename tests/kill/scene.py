"""A gateway with two workers under a crowd's load, and what kills its processes meanwhile."""

import asyncio
import os
import random
import re
import signal
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from ..gateway import Gateway, cloud_variables, until
from ..simulators import Simulator
from .crowd import Crowd

T = TypeVar("T")

_SHIPPER = "sekisho.lake.shipping.ship"
_MARK = re.compile("mark ([0-9a-f]{32})")


@dataclass(slots=True)
class Scene:
    """Everything of one kill test; `called` are the traces for which a provider was called."""

    clouds: Simulator
    gateway: Gateway
    crowd: Crowd
    dice: random.Random = field(default_factory=lambda: random.Random(4))
    killed_workers: int = 0
    killed_shippers: int = 0
    called: set[str] = field(default_factory=set[str])

    @classmethod
    @contextmanager
    def start(
        cls,
        clouds: Simulator,
        home: Path,
        variables: Mapping[str, str],
        workers: int = 2,
        pause: float = 0.0,
    ) -> Generator["Scene"]:
        """Start the gateway; `variables` say where its lake is. Nobody asks yet."""
        clouds.clear()
        environment = {**cloud_variables(clouds), "SEKISHO_SHIP_SECONDS": "2", **variables}
        with Gateway.start(home, "--workers", str(workers), variables=environment) as gateway:
            key = gateway.issue("crowd", owner="crowd@example.com")
            yield cls(clouds, gateway, Crowd(gateway.url, key, pause=pause))

    async def play(self, clients: int, workers: int, shippers: int) -> None:
        """Kill so many processes at random moments while so many clients ask."""
        running = asyncio.create_task(self.crowd.run(clients))
        watching = asyncio.create_task(self._watch())
        try:
            await asyncio.gather(self._kill_workers(workers), self._kill_shippers(shippers))
            await self._until_more(10)
        finally:
            self.crowd.stopped = True
            watching.cancel()
            await running
        self.note_calls()

    def end(self) -> int:
        """Stop the gateway as an operator does; its exit code."""
        self.gateway.process.send_signal(signal.SIGTERM)
        return self.gateway.process.wait(60)

    async def _kill_workers(self, times: int) -> None:
        for _ in range(times):
            pid = await _soon("a worker that writes", self._writer)
            await asyncio.sleep(self.dice.uniform(0, 0.6))
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.killed_workers += 1
            await _soon("its end", partial(self._gone, pid))
            await self._until_more(self.dice.randrange(1, 6))

    def _gone(self, pid: int) -> bool:
        return pid not in self.gateway.workers()

    def _writer(self) -> int | None:
        """A worker that has a segment of the spool open: it has served."""
        pids = sorted(self.gateway.workers())
        self.dice.shuffle(pids)
        return next((pid for pid in pids if _has_open(pid, self.gateway.home / "spool")), None)

    async def _kill_shippers(self, times: int) -> None:
        for _ in range(times):
            pid = await _soon("a shipper", self._shipper)
            await asyncio.sleep(self.dice.uniform(0, 2.5))
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.killed_shippers += 1
            await _soon("another shipper", partial(self._followed, pid))

    def _followed(self, pid: int) -> bool:
        return self._shipper() not in (None, pid)

    def _shipper(self) -> int | None:
        found = (pid for pid, words in self.gateway.children().items() if _SHIPPER in words)
        return next(found, None)

    async def _until_more(self, count: int) -> None:
        """Until so many more answers came whole, so that every process has had work."""
        before = len(self.crowd.complete)
        await _soon("more answers", lambda: len(self.crowd.complete) >= before + count)

    async def _watch(self) -> None:
        """The simulator's journal forgets the oldest, so read it now and then."""
        while True:
            await asyncio.sleep(5)
            await asyncio.to_thread(self.note_calls)

    def note_calls(self) -> None:
        """Remember for which traces a provider was called."""
        for entry in self.clouds.journal():
            self.called.update(_MARK.findall(str(entry.get("body"))))
        self.clouds.clear()


async def _soon(what: str, probe: Callable[[], T | None]) -> T:
    found = await asyncio.to_thread(until, what, probe, 90)
    assert found is not None
    return found


def _has_open(pid: int, folder: Path) -> bool:
    """Whether a process has a file open in a folder."""
    with suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                if descriptor.readlink().is_relative_to(folder):
                    return True
    return False
