"""The log when things go wrong under load: S3 away, a full disk, an end in the middle of it."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from sekisho.benchmarks.lake.loggers import SEKISHO, Place
from sekisho.benchmarks.lake.process import Plan
from sekisho.benchmarks.lake.running import result
from sekisho.benchmarks.overhead.stats import percentile

from .faulty_s3 import FaultyS3
from .gateway import Gateway, sekisho, until
from .kill.crowd import Crowd
from .kill.scene import Scene
from .kill.verdict import Verdict, judge, rows
from .s3_servers import S3Server, rclone
from .simulators import Simulator

pytestmark = pytest.mark.serial

_MIB = 1 << 20


@pytest.fixture
def server(tmp_path: Path) -> Iterator[S3Server]:
    """A real S3 server."""
    with rclone(tmp_path / "s3") as running:
        yield running


@pytest.fixture
def s3(server: S3Server) -> Iterator[FaultyS3]:
    """The way to it that can go away."""
    with FaultyS3.before(server) as proxy:
        yield proxy


def lake(s3: FaultyS3) -> Path:
    """The lake's folder on the server's disk."""
    assert s3.server.folder is not None
    return s3.server.folder / "lake"


def variables(s3: FaultyS3) -> dict[str, str]:
    """A gateway's environment for a lake behind the proxy."""
    return {**s3.server.variables, "SEKISHO_LAKE": s3.server.lake}


def flushed(scene: Scene, where: Path) -> Verdict:
    """Bring what is left in a stopped gateway's spool to the lake, and judge."""
    answer = sekisho(scene.gateway.home, "logs", "flush", variables=scene.gateway.variables)
    assert answer.code == 0, answer.err
    return judge(scene.crowd.asked, where, scene.called, bodies=True)


async def until_complete(crowd: Crowd, more: int) -> None:
    """Until so many more requests have their answers."""
    count = len(crowd.complete) + more
    await asyncio.to_thread(until, "answers", lambda: len(crowd.complete) >= count, 60)


def test_sigterm_under_load_loses_nothing(clouds: Simulator, s3: FaultyS3, home: Path) -> None:
    """Streams go to their end, all rows are in the lake, and the exit code is 0 within 30 s."""

    async def end() -> tuple[int, float]:
        running = asyncio.create_task(scene.crowd.run(8))
        await until_complete(scene.crowd, 30)
        begun = time.monotonic()
        code = await asyncio.to_thread(scene.end)
        took = time.monotonic() - begun
        scene.crowd.stopped = True
        await running
        return code, took

    with Scene.start(clouds, home, variables(s3), workers=1) as scene:
        code, took = asyncio.run(end())
        scene.note_calls()
    assert code == 0, scene.gateway.log()
    assert took < 30
    # Whoever had the head of an answer has all of it.
    assert [one for one in scene.crowd.asked if one.status and not one.complete] == []
    # `up` has shipped everything itself: the flush finds nothing to do.
    assert list((home / "spool").rglob("*.closed")) == []
    assert list((home / "spool").rglob("*.open")) == []
    found = flushed(scene, lake(s3))
    assert found.faults == {}
    assert found.complete >= 30
    assert found.interrupted == 0


def test_requests_go_on_without_s3(clouds: Simulator, s3: FaultyS3, home: Path) -> None:
    """Nobody notices that S3 is away, and when it is back, everything arrives."""

    async def outage() -> None:
        running = asyncio.create_task(scene.crowd.run(4))
        await until_complete(scene.crowd, 10)
        s3.away()
        await until_complete(scene.crowd, 60)
        assert await asyncio.to_thread(ready, scene.gateway)
        scene.crowd.stopped = True
        await running
        s3.back()
        await asyncio.to_thread(until, "the last batch", lambda: waiting(home) == [], 90)

    with Scene.start(clouds, home, variables(s3), workers=1) as scene:
        asyncio.run(outage())
        assert scene.end() == 0, scene.gateway.log()
        scene.note_calls()
    assert [one for one in scene.crowd.asked if not one.complete] == []
    found = flushed(scene, lake(s3))
    assert found.faults == {}
    assert found.complete == found.rows >= 70


def waiting(home: Path) -> list[Path]:
    """Segments and manifests that are not in the lake yet."""
    found = (home / "spool").rglob("*")
    return [path for path in found if path.suffix in (".open", ".closed")]


@contextmanager
def small_disk(folder: Path, size: int) -> Generator[None]:
    """A disk of its own, of so many bytes, where a folder is; root only."""
    folder.mkdir(parents=True)
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("only root can mount a small disk")
    options = f"size={size},mode=700"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)],
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        pytest.skip(f"a small disk can't be mounted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(file: Path) -> None:
    """Write until the disk is full."""
    with file.open("wb", buffering=0) as content, suppress(OSError):
        while content.write(b"\0" * 65_536):
            pass


def ready(gateway: Gateway) -> bool:
    """Whether readiness is green."""
    return httpx.get(gateway.url + "/health/readiness", timeout=10).status_code == 200


def test_a_full_disk_heals_by_itself(clouds: Simulator, s3: FaultyS3, home: Path) -> None:
    """Requests go on, the log and readiness tell, and after there is room no row is missing."""

    async def outage() -> None:
        running = asyncio.create_task(scene.crowd.run(4))
        await until_complete(scene.crowd, 10)
        fill(home / "spool" / "filler")
        await asyncio.to_thread(until, "red", lambda: not ready(scene.gateway), 30)
        await until_complete(scene.crowd, 20)
        (home / "spool" / "filler").unlink()
        await asyncio.to_thread(until, "green", lambda: ready(scene.gateway), 30)
        await until_complete(scene.crowd, 10)
        scene.crowd.stopped = True
        await running

    with small_disk(home / "spool", 160 * _MIB):
        with Scene.start(clouds, home, variables(s3), workers=1) as scene:
            asyncio.run(outage())
            assert scene.end() == 0, scene.gateway.log()
            scene.note_calls()
        found = judge(scene.crowd.asked, lake(s3), scene.called, bodies=False)
        left = waiting(home)
    assert left == []
    assert [one for one in scene.crowd.asked if not one.complete] == []
    assert found.faults == {}
    assert found.complete == found.rows >= 40
    assert "No space left on device" in scene.gateway.log()


def memory_mb(pid: int) -> float:
    """Resident memory of a process in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / _MIB


@dataclass(slots=True)
class Memory:
    """The largest memory of a gateway's processes early in an outage and late in it, in MiB."""

    early: float = 0.0
    late: float = 0.0

    async def watch(self, gateway: Gateway, seconds: float) -> None:
        """Look once a second for so long; the middle belongs to neither."""
        begun = time.monotonic()
        while (passed := time.monotonic() - begun) < seconds:
            now = sum(memory_mb(pid) for pid in (gateway.process.pid, *gateway.children()))
            if passed < seconds / 3:
                self.early = max(self.early, now)
            elif passed > seconds * 2 / 3:
                self.late = max(self.late, now)
            await asyncio.sleep(1)


@pytest.mark.long
def test_ten_minutes_without_s3_change_no_latency(
    clouds: Simulator, server: S3Server, s3: FaultyS3, tmp_path: Path
) -> None:
    """Two gateways side by side, one without S3: p99 within 10 %, memory flat, all there later."""
    seconds, pace = float(os.environ.get("TEST_OUTAGE_SECONDS", "600")), 12.0
    homes = [tmp_path / "with", tmp_path / "without"]
    for one in homes:
        one.mkdir()
    assert s3.server.folder is not None
    near = {**variables(s3), "SEKISHO_LAKE": f"s3://{s3.server.bucket}/near"}
    near |= {"AWS_ENDPOINT_URL_S3": server.url}
    memory = Memory()
    with (
        Scene.start(clouds, homes[0], near, workers=1) as usual,
        Scene.start(clouds, homes[1], variables(s3), workers=1) as outage,
    ):

        async def play() -> None:
            await asyncio.gather(usual.crowd.paced(pace, 20), outage.crowd.paced(pace, 20))
            for scene in (usual, outage):
                scene.crowd.asked.clear()
            s3.away()
            await asyncio.gather(
                usual.crowd.paced(pace, seconds),
                outage.crowd.paced(pace, seconds),
                memory.watch(outage.gateway, seconds),
            )
            s3.back()
            await asyncio.to_thread(until, "the last batch", lambda: waiting(homes[1]) == [], 120)

        asyncio.run(play())
        for scene in (usual, outage):
            assert scene.end() == 0, scene.gateway.log()
            scene.note_calls()
    slow = [percentile([one.seconds for one in s.crowd.asked], 99) for s in (outage, usual)]
    usual_found = flushed(usual, s3.server.folder / "near")
    found = flushed(outage, lake(s3))
    print(f"p99 {slow[0]:.4f} s without S3, {slow[1]:.4f} s with it; {memory}; {found}")
    assert (usual_found.faults, found.faults) == ({}, {})
    assert found.complete == int(pace * seconds)
    assert slow[0] < 1.1 * slow[1]
    assert memory.late < 1.05 * memory.early + 5


@pytest.mark.long
def test_ten_minutes_without_s3_at_100_records_a_second(
    server: S3Server, s3: FaultyS3, tmp_path: Path
) -> None:
    """The log alone, twice side by side: p99 of its waits within 0.5 ms, memory flat, all there."""
    assert server.folder is not None
    seconds = float(os.environ.get("TEST_OUTAGE_SECONDS", "600"))
    places = [Place(str(tmp_path / n / "spool"), "", "", n, "", "", "") for n in ("a", "b")]
    plans = [Plan(SEKISHO, int(seconds * 100), 100, seed, p) for seed, p in enumerate(places)]
    shippers: list[subprocess.Popen[bytes]] = []
    peaks = [0.0, 0.0]
    s3.away()
    with ThreadPoolExecutor(2) as pool, ExitStack() as stack:
        for place, url in zip(places, (server.url, s3.server.url), strict=True):
            where = f"s3://{s3.server.bucket}/{place.prefix}"
            environment = {**os.environ, **s3.server.variables, "AWS_ENDPOINT_URL_S3": url}
            environment["SEKISHO_SHIP_SECONDS"] = "10"
            shippers.append(stack.enter_context(shipping(Path(place.folder), where, environment)))
        running = [pool.submit(result, plan, seconds + 300) for plan in plans]
        while not all(one.done() for one in running):
            peaks = [max(p, memory_mb(s.pid)) for p, s in zip(peaks, shippers, strict=True)]
            time.sleep(1)
        early = [any((server.folder / p.prefix).glob("payload/*/*")) for p in places]
        s3.back()
    assert early == [True, False]
    assert [shipper.returncode for shipper in shippers] == [0, 0]
    for place in places:
        home, where = Path(place.folder).parent, f"s3://{s3.server.bucket}/{place.prefix}"
        answer = sekisho(
            home, "logs", "flush", variables={**server.variables, "SEKISHO_LAKE": where}
        )
        assert answer.code == 0, answer.err
    usual, outage = (one.result() for one in running)
    stored = [len({row.request_id for row in rows(server.folder / p.prefix)}) for p in places]
    print(f"with S3 {usual}, without {outage}; shippers' memory {peaks} MiB")
    assert stored == [int(seconds * 100)] * 2
    assert outage.wait_p99_us < usual.wait_p99_us + 500
    assert outage.grown_mb < 8
    assert max(peaks) < 256


@contextmanager
def shipping(
    spool: Path, where: str, environment: Mapping[str, str]
) -> Generator["subprocess.Popen[bytes]"]:
    """A shipper of a process of its own, which ships everything once more at the end."""
    spool.mkdir(parents=True)
    command = [sys.executable, "-m", "sekisho.lake.shipping.ship", str(spool), where]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE) as process:
        yield process
        process.communicate(timeout=120)
