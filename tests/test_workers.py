"""Worker processes when things go wrong: exit codes, readiness, orphans, an end with errors."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Iterator, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
from sekisho import config
from sekisho.cli import greeting
from sekisho.gate import worker
from sekisho.keys.store import Store

from .gateway import Gateway, sekisho, until

CHAT = "/v1/chat/completions"
HELLO = {"model": "demo", "messages": [{"role": "user", "content": "hello"}]}

# An application that ends its start as it is told to.
APP = """
import os

def create():
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup." + os.environ["START"], "message": ""})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
        else:
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})
    return app
"""
SERVE = """
import sys
from sekisho.gate import server
if __name__ == "__main__":
    listener = server.listen("127.0.0.1", 0)
    print(server.address(listener), flush=True)
    sys.exit(server.serve(listener, 2, 1.5, "small:create"))
"""


@pytest.fixture
def small(home: Path) -> Path:
    """A script that serves the small application with two workers."""
    (home / "small.py").write_text(APP)
    (home / "serve.py").write_text(SERVE)
    return home / "serve.py"


def serve(script: Path, start: str) -> "subprocess.Popen[str]":
    """Run the script; `start` is how the application's start ends."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(script.parent), "START": start}
    return subprocess.Popen(
        [sys.executable, str(script)], env=environment, stdout=subprocess.PIPE, text=True
    )


def test_workers_that_cannot_start_are_a_failure(small: Path) -> None:
    """With two workers the exit code is 1 when one can't start, so that a supervisor sees it."""
    with serve(small, "failed") as process:
        assert process.wait(30) == 1


def test_an_end_that_was_asked_for_is_none(small: Path) -> None:
    """With two workers SIGTERM and SIGINT end with exit code 0."""
    for name in (signal.SIGTERM, signal.SIGINT):
        with serve(small, "complete") as process:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            httpx.get(url, timeout=30).raise_for_status()  # waits in the backlog
            process.send_signal(name)
            assert process.wait(30) == 0


async def told(fail: str) -> list[str]:
    """What is sent when a context manager fails at its `start`, its `stop`, or never."""
    sent: list[str] = []

    @asynccontextmanager
    async def running() -> AsyncGenerator[None]:
        if fail == "start":
            raise ValueError("no\nstart")
        yield
        if fail == "stop":
            raise ValueError("no\nstop")

    async def receive() -> MutableMapping[str, Any]:
        return {}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message["type"])

    await worker.lifespan(running, receive, send)
    return sent


def test_the_server_hears_how_start_and_stop_went(caplog: pytest.LogCaptureFixture) -> None:
    """An error while stopping is told as that, not as a start that failed."""
    assert asyncio.run(told("never")) == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    assert asyncio.run(told("start")) == ["lifespan.startup.failed"]
    assert asyncio.run(told("stop")) == [
        "lifespan.startup.complete",
        "lifespan.shutdown.failed",
    ]
    assert [record.getMessage() for record in caplog.records] == [
        "the gateway can't start: no start",
        "the gateway can't stop in order: no stop",
    ]


@pytest.fixture(scope="module")
def rough(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with two workers that has a hard life."""
    home = tmp_path_factory.mktemp("rough")
    with Gateway.start(home, "--demo", "--workers", "2") as running:
        yield running


@pytest.fixture(scope="module")
def rough_key(rough: Gateway) -> str:
    """A key of that gateway."""
    return rough.issue("goro", owner="goro@example.com")


def ask(gateway: Gateway, key: str) -> str:
    """Ask once; the request's id."""
    with gateway.client(key) as client:
        answer = client.post(CHAT, json=HELLO)
    assert answer.status_code == 200
    return str(answer.headers["x-sekisho-request-id"])


def readiness(gateway: Gateway) -> httpx.Response:
    """What one of the workers says."""
    return httpx.get(gateway.url + "/health/readiness", timeout=10)


def shipper(gateway: Gateway) -> int | None:
    """The process that ships."""
    return next((pid for pid, words in gateway.children().items() if "lake.ship" in words), None)


def test_a_spool_that_cannot_be_written_is_not_ready(rough: Gateway, rough_key: str) -> None:
    """Requests go on, readiness says why it is 503, and without traffic it is 200 once mended."""
    spool = rough.home / "spool"
    ask(rough, rough_key)
    shutil.rmtree(spool)
    spool.touch()
    ask(rough, rough_key)
    for _ in range(6):
        answer = readiness(rough)
        assert answer.status_code == 503
        assert f"{spool}" in answer.text
    spool.unlink()
    until("six answers 200", lambda: {readiness(rough).status_code for _ in range(6)} == {200})
    assert rough.row_of(ask(rough, rough_key)).status == "success"


def test_each_worker_reads_its_own_file(rough: Gateway) -> None:
    """LiteLLM's file is written by each worker, and once more for people to look at."""
    names = {path.name for path in (rough.home / "run").glob("litellm*")}
    assert names >= {"litellm.yaml", *(f"litellm-{pid}.yaml" for pid in rough.workers())}


def test_a_dead_worker_is_told_and_replaced(rough: Gateway) -> None:
    """A worker's death is a line in the log, with its time, and another one comes."""
    dead = min(rough.workers())
    os.kill(dead, signal.SIGKILL)
    until("a line", lambda: f"worker {dead} died with exit code -9" in rough.log())
    line = next(line for line in rough.log().splitlines() if f"worker {dead} died" in line)
    assert time.strptime(line[:19], "%Y-%m-%d %H:%M:%S")
    until("two workers", lambda: len(rough.workers()) == 2 and dead not in rough.workers())


def test_orphans_end(rough: Gateway, rough_key: str) -> None:
    """When the first process is killed, its workers free the port; their rows reach the lake.

    The last test of this gateway.
    """
    killed = shipper(rough)
    assert killed
    os.kill(killed, signal.SIGKILL)
    until("another shipper", lambda: shipper(rough) not in (None, killed))
    row = ask(rough, rough_key)
    pids = rough.workers()
    rough.process.kill()
    rough.process.wait()
    until("the workers' end", lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 60)
    with pytest.raises(httpx.ConnectError):
        readiness(rough)
    assert row in {found.request_id for found in rough.rows()}


def test_signals_to_all_processes_lose_no_row(tmp_path: Path) -> None:
    """SIGTERM to every process at once, as systemd sends it: the last rows are in the lake."""
    with Gateway.start(tmp_path, "--demo") as gateway:
        row = ask(gateway, gateway.issue("rokuro", owner="rokuro@example.com"))
        for pid in (*gateway.children(), gateway.process.pid):
            os.kill(pid, signal.SIGTERM)
        assert gateway.process.wait(30) == 0, gateway.log()
    files = str(tmp_path / "lake" / "usage" / "**" / "*.parquet")
    with duckdb.connect() as database:
        rows = database.execute("SELECT request_id FROM read_parquet(?)", [files]).fetchall()
    assert (row,) in rows
    assert {path.name for path in (tmp_path / "run").glob("litellm*")} == {"litellm.yaml"}


def test_a_demo_has_one_key(tmp_path: Path) -> None:
    """A new start of the demo takes the key of the earlier one away, and nobody else's."""
    settings = config.load_settings({"home": str(tmp_path)}, {})
    keys = [greeting.demo_key(settings) for _ in range(3)]
    with Store(settings.database_url) as store:
        assert [row.revoked_at is None for row in store.list()].count(True) == 1
        assert store.get(keys[2]).revoked_at is None


def test_doctor_notices_rows_that_are_not_shipped(home: Path) -> None:
    """A finished segment that waits for more than 10 minutes means that nobody ships."""
    (home / "spool").mkdir()
    segment = home / "spool" / "a.closed"
    segment.touch()
    assert sekisho(home, "doctor", "--demo").code == 0
    os.utime(segment, (time.time() - 700, time.time() - 700))
    found = sekisho(home, "doctor", "--demo")
    assert found.code == 1
    assert "fail  log: nothing ships this spool: start the gateway (sekisho up), or" in found.out
