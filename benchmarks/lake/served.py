"""What the log takes of a gateway that serves: its CPU, counted inside (`inside`)."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from sekisho.tests.gateway import free_port

from ..overhead.processes import BenchmarkError, running
from .requests import Made

_ROOT = Path(__file__).resolve().parents[2]
_PATIENCE = 120.0  # seconds for a gateway's start


@dataclass(frozen=True, slots=True)
class Inside:
    """What the log took of a gateway's worker: CPU in microseconds for a request, by part."""

    requests: int
    begin_us: float
    end_us: float
    rest_us: float

    @property
    def cpu_us(self) -> float:
        """All of it."""
        return self.begin_us + self.end_us + self.rest_us


def serve(home: Path, requests: Sequence[Made]) -> Inside:
    """A gateway with the demo model answers requests, one after the other, half of them streamed.

    Raises BenchmarkError.
    """
    home.mkdir()
    found, port = home / "cpu.json", free_port()
    environment = {**os.environ, "SEKISHO_HOME": str(home)}
    command = [sys.executable, "-m", f"{__package__}.inside", str(found), "up", "--demo"]
    command += ["--port", str(port), "--no-ship"]
    log = home / "up.log"
    with running([*command], environment, log, _ROOT) as process:
        _ask(f"http://127.0.0.1:{port}", _key(environment), requests)
        process.terminate()
        process.wait(60)
    spent = json.loads(found.read_text())
    us = {name: value / 1000 / len(requests) for name, value in spent.items()}
    if spent["end calls"] != len(requests):
        raise BenchmarkError(f"{spent['end calls']} of {len(requests)} requests were logged")
    return Inside(len(requests), us["begin"], us["end"], us["_sync"] + us.get("care", 0.0))


def _key(environment: Mapping[str, str]) -> str:
    words = ("keys", "issue", "--alias", "bench", "--json")
    done = subprocess.run(
        [sys.executable, "-m", "sekisho", *words], env=environment, capture_output=True, check=True
    )
    return str(json.loads(done.stdout)["key"])


def _ask(url: str, key: str, requests: Sequence[Made]) -> None:
    with httpx.Client(headers={"authorization": f"Bearer {key}"}, timeout=60) as client:
        _await_ready(client, url)
        for one in requests:
            body = {**json.loads(one.asked), "model": "demo", "stream": bool(one.number % 2)}
            answer = client.post(f"{url}/v1/chat/completions", json=body)
            if answer.status_code != 200:
                raise BenchmarkError(f"the gateway answered {answer.status_code}: {answer.text}")


def _await_ready(client: httpx.Client, url: str) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        with suppress(httpx.TransportError):
            if client.get(f"{url}/health/readiness").status_code == 200:
                return
        time.sleep(0.1)
    raise BenchmarkError("the gateway did not get ready")
